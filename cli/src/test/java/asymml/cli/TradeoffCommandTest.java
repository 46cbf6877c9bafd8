package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.report.Figures;
import asymml.trusted.run.RunFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A grid of four cells of two steps, with real workers. Cut-off grids are in `CommandTest` of
/// `verify`, where they can be killed.
class TradeoffCommandTest {
  @TempDir static Path folder;

  private static Outcome whole = Outcome.of();

  private static Outcome tradeoff(Path out, String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "analyze",
                "tradeoff",
                "--limit-train",
                "128",
                "--limit-test",
                "80",
                "--epochs",
                "1",
                "--ranks",
                "1/4",
                "--progress",
                "plain",
                "--out",
                out.toString()));
    all.addAll(List.of(more));
    return Outcome.of(all.toArray(String[]::new));
  }

  private static Path out() {
    return folder.resolve("grid");
  }

  @BeforeAll
  static void run_a_grid() {
    whole = tradeoff(out(), "--noise", "0,0.5");
  }

  @SuppressWarnings("unchecked")
  private static List<Map<String, Object>> cells() throws Exception {
    return (List<Map<String, Object>>)
        Objects.requireNonNull(RunFile.read(out().resolve("tradeoff.json")).get("cells"));
  }

  private static double number(Map<String, Object> facts, String key) {
    return ((Number) Objects.requireNonNull(facts.get(key))).doubleValue();
  }

  @Test
  void every_rank_is_trained_at_every_level_and_tested_without_noise() throws Exception {
    assertThat(whole.err()).isEmpty();
    assertThat(whole.code()).isZero();
    assertThat(whole.out())
        .contains("128 training and 80 test images", "4 cells, 0 finished")
        // Two split layers, of 16x16x16 and 8x8x32 values.
        .contains("0.5 is z = 0.00781 to 0.0110 by layer, the same for every rank")
        .contains("nothing is accounted for", "UNTRUSTED")
        .contains("cell 4 of 4: asymml 1/4, noise 0.5", "over dp-only: ", "left for the grid")
        .contains("written  " + out().resolve("tradeoff.json"));
    List<Map<String, Object>> cells = cells();
    assertThat(cells)
        .extracting(cell -> cell.get("mode") + " " + cell.get("rank") + " " + cell.get("noise"))
        .containsExactly("dp-only 0 0.0", "asymml 1/4 0.0", "dp-only 0 0.5", "asymml 1/4 0.5");
    for (Map<String, Object> cell : cells) {
      double accuracy = number(cell, "testAccuracy");
      assertThat(accuracy * 80).isCloseTo(Math.rint(accuracy * 80), within(1e-9));
      assertThat(number(cell, "standardError"))
          .isCloseTo(Math.sqrt(accuracy * (1 - accuracy) / 80), within(1e-12));
      assertThat(number(cell, "trainSeconds")).isPositive();
      assertThat(number(cell, "evaluationSeconds")).isPositive();
    }
    // Without noise the split is exact: whatever stays, the same model is trained.
    assertThat(number(cells.get(1), "testLoss"))
        .isCloseTo(number(cells.get(0), "testLoss"), within(0.01));
    assertThat(number(cells.get(2), "testLoss")).isNotEqualTo(number(cells.get(0), "testLoss"));
    assertThat(Files.readString(out().resolve("rank-0-noise-0.5/config.yaml")))
        .contains("mode: dp-only", "noise-ratio: 0.5", "seed: 1")
        .doesNotContain("gradient-noise");
    // Text stands in it as outlines: a viewer needs no fonts, and a test finds no words.
    assertThat(Files.readString(out().resolve("tradeoff.svg")))
        .contains("<svg", "rgb(194,90,26)", "rgb(31,78,140)");
  }

  @Test
  void the_test_is_one_of_the_cells_checkpoint_with_fresh_statistics() throws Exception {
    Outcome eval = Outcome.of("eval", "--run", out().resolve("rank-1_4-noise-0.5").toString());
    assertThat(eval.code()).as(eval.err()).isZero();
    // After two steps the running statistics still are mostly those of the beginning.
    assertThat(eval.out()).doesNotContain(Figures.loss(number(cells().get(3), "testLoss")));
  }

  @Test
  void what_is_finished_is_not_run_again_and_a_grid_can_grow() throws Exception {
    Path copy = copyOfGrid("grown");
    // Killed before its first checkpoint.
    Path killed = Files.createDirectory(copy.resolve("rank-1_4-noise-0-gradient-noise-0.5"));
    Files.writeString(killed.resolve("ledger.json"), "{}");
    Outcome again =
        tradeoff(copy, "--noise", "0,0.5", "--gradient-noise", "0.5", "--data", "generated:1");
    assertThat(again.code()).as(again.err()).isZero();
    assertThat(again.out())
        .contains("6 cells, 4 finished", "cell 5 of 6: dp-only, noise 0, on output gradients 0.5")
        .doesNotContain("cell 4 of");
    assertThat(copy.resolve("tradeoff-gradients.svg")).isNotEmptyFile();
    assertThat(Files.readString(copy.resolve("tradeoff.json")))
        .startsWith(
            Files.readString(out().resolve("tradeoff.json"))
                .replace("\"generated\"", "\"generated:1\"")
                .replaceFirst("(?s) \\} ],\\s*\"verdict.*", ""));
    assertThat(Files.readString(copy.resolve("rank-0-noise-0-gradient-noise-0.5/config.yaml")))
        .contains("noise-ratio: 0.0", "gradient-noise-ratio: 0.5");
  }

  private static Path copyOfGrid(String name) throws Exception {
    Path copy = folder.resolve(name);
    try (var files = Files.walk(out())) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(out().relativize(file)));
      }
    }
    return copy;
  }

  @Test
  void training_that_diverges_is_an_answer() throws Exception {
    Path out = folder.resolve("diverging");
    // One step, after which no weight is of use.
    Outcome outcome =
        tradeoff(out, "--noise", "0.5", "--learning-rate", "3e38", "--batch-size", "128");
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("training diverged at step", "noise 0.5: diverged", "verdict  ", ": NO");
    assertThat(Files.readString(out.resolve("tradeoff.json")))
        .contains("\"training\" : \"diverged\"")
        .doesNotContain("NaN", "testAccuracy");
  }

  @Test
  void a_grid_of_other_settings_or_images_is_not_mixed_in() {
    Outcome rate = tradeoff(out(), "--noise", "0,0.5", "--learning-rate", "0.02");
    assertThat(rate.code()).isEqualTo(1);
    assertThat(rate.err())
        .contains("holds a grid with other settings (learning-rate was 0.01 and is 0.02): choose")
        .hasLineCount(1);
    Outcome data = tradeoff(out(), "--noise", "0,0.5", "--data", "generated:2");
    assertThat(data.code()).isEqualTo(1);
    assertThat(data.err()).contains("cell.json is of other images").hasLineCount(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "--ranks two                       | schedule:2:32",
        "--ranks energy:0.1                | whole numbers and shares",
        "--noise -1                        | noise on residuals takes finite numbers of at least 0: -1",
        "--noise 0,NaN                     | noise on residuals takes finite numbers",
        "--noise much                      | much",
        "--gradient-noise Infinity         | noise on output gradients takes finite numbers",
        "--epochs 0                        | epochs must be at least 1",
        "--batch-size 0                    | batch size must be at least 1",
        "--learning-rate 0                 | learning rate must be above 0",
        "--threads 0                       | threads must be at least 1",
        "--model lenet                     | resnet20",
        "--trusted-layers conv9            | 'conv9' is no linear layer of cnn",
        "--trusted-layers conv1,conv2,conv3,fc | keeps all layers here",
        "--unheard-of                      | --unheard-of"
      })
  void wrong_usage_is_one_line_and_exit_code_2(String flags, String said) {
    Path out = folder.resolve("refused");
    Outcome outcome = Outcome.of(("analyze tradeoff --out " + out + " " + flags).split(" +"));
    assertThat(outcome.err()).startsWith("asymml: ").contains(said.strip()).hasLineCount(1);
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(out).doesNotExist();
  }

  @Test
  void the_help_has_examples_and_defaults() {
    Outcome outcome = Outcome.of("analyze", "tradeoff", "--help");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out().replaceAll("\\s+", " "))
        .contains(
            "Examples: asymml analyze tradeoff",
            "(default: 0,0.3,1)",
            "(default: runs/tradeoff)",
            "statistics of private data");
  }
}
