package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.report.PageTable.Cell;
import java.util.List;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.Test;

class PageTableTest {
  private static Element drawn(PageTable table) {
    Document document = Document.createShell("");
    table.appendTo(document.body());
    return document.expectFirst("table");
  }

  private static PageTable two() {
    return new PageTable("what is seen").words("layer").numbers("ms");
  }

  @Test
  void headings_are_those_of_the_columns_in_their_order() {
    Element table = drawn(new PageTable("c").words("a", "b").numbers("c").words("d"));
    assertThat(table.select("thead th").eachText()).containsExactly("a", "b", "c", "d");
    assertThat(table.select("thead th[scope=col]")).hasSize(4);
    assertThat(table.select("thead th.number").eachText()).containsExactly("c");
  }

  @Test
  void the_first_cell_of_a_row_is_its_heading() {
    PageTable table = two();
    table.row("conv1", "2.5");
    table.row("conv2", "3");
    Element drawn = drawn(table);
    assertThat(drawn.select("tbody th[scope=row]").eachText()).containsExactly("conv1", "conv2");
    assertThat(drawn.select("tbody td.number").eachText()).containsExactly("2.5", "3");
  }

  @Test
  void text_is_never_markup() {
    PageTable table = two();
    table.row("<script>alert(1)</script>", "<b>1</b>");
    Element drawn = drawn(table);
    assertThat(drawn.select("script, b")).isEmpty();
    assertThat(drawn.expectFirst("tbody th").text()).isEqualTo("<script>alert(1)</script>");
  }

  @Test
  void a_row_has_a_cell_for_each_column() {
    assertThatThrownBy(() -> two().row("conv1"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a row of 1 cells in a table of 2 columns");
    assertThatThrownBy(() -> two().row("conv1", "1", "2"))
        .hasMessage("a row of 3 cells in a table of 2 columns");
  }

  @Test
  void long_texts_may_break() {
    PageTable table = two();
    table.row("x".repeat(30), "y".repeat(31));
    Element drawn = drawn(table);
    assertThat(drawn.select("tbody th.long")).isEmpty();
    assertThat(drawn.select("tbody td.long")).hasSize(1);
  }

  @Test
  void a_cell_can_be_tinted_and_have_a_note() {
    PageTable table = two();
    table.row(List.of(Cell.of("mask"), new Cell("0.75", "conv2", 0.756)));
    Element cell = drawn(table).expectFirst("tbody td");
    assertThat(cell.hasClass("tinted")).isTrue();
    assertThat(cell.attr("style")).isEqualTo("--share:76%");
    assertThat(cell.expectFirst("small").text()).isEqualTo("conv2");
    assertThat(cell.text()).isEqualTo("0.75 conv2");
  }

  @Test
  void a_cell_without_share_or_note_is_plain() {
    PageTable table = two();
    table.row(List.of(Cell.of("mask"), Cell.of("0.1")));
    Element cell = drawn(table).expectFirst("tbody td");
    assertThat(cell.hasClass("tinted")).isFalse();
    assertThat(cell.hasAttr("style")).isFalse();
    assertThat(cell.select("small")).isEmpty();
  }

  @Test
  void a_table_without_rows_has_its_headings() {
    Element drawn = drawn(two());
    assertThat(drawn.select("tbody tr")).isEmpty();
    assertThat(drawn.select("thead th")).hasSize(2);
  }
}
