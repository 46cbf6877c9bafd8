package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.RunRecord;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What a page says of a benchmark, cell by cell.
class BenchSectionTest {
  @TempDir Path folder;

  private Document page(Map<String, Object> facts) throws IOException {
    Path file = folder.resolve("bench.json");
    RunFile.write(file, facts);
    Document document = Document.createShell("");
    ReportedBench.read(file).appendTo(PageSection.of(document), "bench");
    return document;
  }

  private static List<String> row(Document page, String title) {
    for (Element row : page.select("tbody tr")) {
      if (row.child(0).text().equals(title)) {
        return row.select("td").eachText();
      }
    }
    throw new AssertionError(title + " is not in " + page.select("tbody tr").eachText());
  }

  @Test
  void costs_of_a_step_are_by_mode() throws Exception {
    Document page = page(PlantedBench.facts());
    assertThat(page.expectFirst("table thead").select("th").eachText())
        .containsExactly("per step", "trusted-only", "asymml");
    assertThat(row(page, "wall ms")).containsExactly("12.00", "12.00");
    assertThat(row(page, "trusted CPU ms")).containsExactly("10.00", "4.00");
    assertThat(row(page, "to the worker")).containsExactly("0 B", "1.50 MB");
    assertThat(row(page, Phase.KERNELS.label() + " ms")).containsExactly("3.50", "3.50");
  }

  @Test
  void what_was_not_measured_is_a_dash() throws Exception {
    Document page = page(PlantedBench.facts());
    assertThat(row(page, "worker CPU ms")).containsExactly("–", "–");
    assertThat(row(page, "lower bound of trusted CPU ms")).containsExactly("–", "–");
    assertThat(row(page, Phase.WAIT.label() + " ms")).containsExactly("–", "–");
  }

  @Test
  void layers_have_their_placement_and_only_the_work_that_was_done() throws Exception {
    Document page = page(PlantedBench.facts());
    assertThat(page.select("details summary").eachText())
        .containsExactly("trusted-only by layer", "asymml by layer");
    Element table = page.select("details table").getFirst();
    assertThat(table.select("thead th").eachText())
        .containsExactly("layer", "placement", Phase.KERNELS.label());
    assertThat(table.select("tbody td").eachText()).containsExactly("trusted", "3.50");
  }

  @Test
  void the_ratio_is_said_where_it_was_measured() throws Exception {
    assertThat(page(PlantedBench.facts()).text()).contains("Trusted-cost ratio 2.50: ");
    Map<String, Object> one = new LinkedHashMap<>(PlantedBench.facts());
    one.remove("trustedCostRatio");
    assertThat(page(one).text()).doesNotContain("Trusted-cost ratio");
  }

  @Test
  void the_machine_and_its_lack_of_protection_are_named() throws Exception {
    assertThat(page(PlantedBench.facts()).text())
        .contains(
            "cnn, batch norm, batch 32 of 32x32x3, rank 1/8, worker local, 1 threads a process on 2"
                + " processors",
            RunRecord.NOT_PROTECTED);
  }

  @Test
  void layers_that_are_something_else_are_left_empty() throws Exception {
    Map<String, Object> facts = new LinkedHashMap<>(PlantedBench.facts());
    facts.put(
        "modes",
        Map.of(
            "asymml", Map.of("phasesMillis", Map.of(), "layersMillis", Map.of("conv2", "fast"))));
    Document page = page(facts);
    assertThat(page.select("details tbody th").eachText()).containsExactly("conv2");
    assertThat(page.select("details tbody td").eachText()).allMatch(String::isEmpty);
  }

  @Test
  void names_in_the_file_are_never_markup() throws Exception {
    Map<String, Object> facts = new LinkedHashMap<>(PlantedBench.facts());
    facts.put("model", ReportedSuite.HOSTILE);
    assertThat(page(facts).select("script")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{\"modes\": []}", "{\"modes\": {\"asymml\": 3}}", "{}"})
  void a_file_that_is_no_benchmark_is_named_in_one_line(String content) throws Exception {
    Path file = Files.writeString(folder.resolve("other.json"), content);
    assertThatThrownBy(() -> ReportedBench.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageMatching(".*other.json is (no benchmark|not a JSON object).*")
        .hasMessageNotContaining("\n");
  }
}
