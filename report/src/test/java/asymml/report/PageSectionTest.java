package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.report.PageTable.Cell;
import java.awt.Color;
import java.util.List;
import java.util.Map;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.Test;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;

class PageSectionTest {
  private final Document document = Document.createShell("");
  private final PageSection page = PageSection.of(document);

  @Test
  void sections_within_sections_have_smaller_headings() {
    page.section("outer", "Outer").section("inner", "Inner");
    assertThat(document.expectFirst("#outer > h2").text()).isEqualTo("Outer");
    assertThat(document.expectFirst("#outer #inner > h3").text()).isEqualTo("Inner");
  }

  @Test
  void markup_in_text_stays_text() {
    page.text("<b>one</b>");
    page.list(List.of("<i>two</i>"));
    page.facts(Map.of("<u>name</u>", "<s>value</s>"));
    page.command("<script>three</script>");
    assertThat(document.select("b, i, u, s, script")).isEmpty();
    assertThat(document.text()).contains("<b>one</b>", "<i>two</i>", "<u>name</u>", "<s>value</s>");
  }

  @Test
  void a_table_has_a_cell_for_each_column_and_numbers_are_marked() {
    PageTable table = new PageTable("what it shows").words("layer").numbers("rank", "share");
    table.row("conv1", "3", "0.5");
    table.row(List.of(Cell.of("conv2"), new Cell("4", "of 8", 0.25), Cell.of("0.75")));
    page.table(table);
    assertThat(document.select("thead th").eachText()).containsExactly("layer", "rank", "share");
    assertThat(document.select("tbody th").eachText()).containsExactly("conv1", "conv2");
    assertThat(document.select(".number")).hasSize(6);
    Element tinted = document.expectFirst(".tinted");
    assertThat(tinted.attr("style")).isEqualTo("--share:25%");
    assertThat(tinted.expectFirst("small").text()).isEqualTo("of 8");
    assertThat(document.expectFirst(".caption").text()).isEqualTo("what it shows");
  }

  @Test
  void a_row_of_another_length_is_refused() {
    PageTable table = new PageTable("what it shows").words("layer").numbers("rank");
    assertThatThrownBy(() -> table.row("conv1"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a row of 1 cells in a table of 2 columns");
  }

  @Test
  void a_chart_of_many_series_names_first_middle_and_last() throws Exception {
    page.chart(chart(9), "many", "nine lines");
    assertThat(document.select("#many .legend li").eachText())
        .containsExactly("line 0", "line 4", "line 8");
    page.chart(chart(3), "few", "three lines");
    assertThat(document.select("#few .legend li")).hasSize(3);
    page.chart(chart(1), "single", "one line");
    assertThat(document.select("#single .legend")).isEmpty();
    assertThat(document.expectFirst("#single svg").attr("aria-label")).isEqualTo("one line");
  }

  private static XYChart chart(int series) {
    XYChart chart = new XYChartBuilder().width(480).height(320).build();
    for (int i = 0; i < series; i++) {
      chart
          .addSeries("line " + i, new double[] {1, 2}, new double[] {i, i + 1})
          .setLineColor(Color.BLUE);
    }
    return chart;
  }

  @Test
  void a_shell_reads_words_back() {
    assertThat(ReportPage.shell(List.of("asymml", "train", "--rank=1/8", "a b", "it's", "$HOME")))
        .isEqualTo("asymml train --rank=1/8 'a b' 'it'\\''s' '$HOME'");
  }
}
