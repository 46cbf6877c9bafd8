package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.report.Figures;
import asymml.trusted.run.RunFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A grid of two cells of two steps, with real workers. What a grid comes to is tested where it is;
/// cut-off grids are in `CommandTest` of `verify`, where they can be killed.
class TradeoffCommandTest {
  @TempDir static Path folder;

  private static Outcome whole = Outcome.of();

  private static Outcome tradeoff(String... more) {
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
                "--noise",
                "0.5",
                "--progress",
                "plain",
                "--out",
                out().toString()));
    all.addAll(List.of(more));
    return Outcome.of(all.toArray(String[]::new));
  }

  private static Path out() {
    return folder.resolve("grid");
  }

  @BeforeAll
  static void run_a_grid() {
    whole = tradeoff();
  }

  @Test
  void it_tells_each_cell_and_ends_with_a_verdict() throws Exception {
    assertThat(whole.err()).isEmpty();
    assertThat(whole.code()).isZero();
    assertThat(whole.out())
        .contains("128 training and 80 test images", "2 cells, 0 finished")
        // Two split layers, of 16x16x16 and 8x8x32 values.
        .contains("0.5 is z = 0.00781 to 0.0110 by layer, the same for every rank")
        .contains("nothing is accounted for", "UNTRUSTED")
        .contains("cell 2 of 2: asymml 1/4, noise 0.5", "over dp-only: ", "left for the grid")
        .contains("written  " + out().resolve("tradeoff.json"));
    assertThat(whole.out().lines().toList().getLast())
        .startsWith("verdict  asymml beats dp-only at every noise level above 0");
    // Text stands in it as outlines: a viewer needs no fonts, and a test finds no words.
    assertThat(Files.readString(out().resolve("tradeoff.svg")))
        .contains("<svg", "rgb(194,90,26)", "rgb(31,78,140)");
  }

  @Test
  void the_test_is_one_of_the_cells_checkpoint_with_fresh_statistics() throws Exception {
    Outcome eval = Outcome.of("eval", "--run", out().resolve("rank-1_4-noise-0.5").toString());
    assertThat(eval.code()).as(eval.err()).isZero();
    // After two steps the running statistics still are mostly those of the beginning.
    Object loss = RunFile.read(out().resolve("rank-1_4-noise-0.5/cell.json")).get("testLoss");
    assertThat(eval.out())
        .doesNotContain(Figures.loss(((Number) Objects.requireNonNull(loss)).doubleValue()));
  }

  @Test
  void a_finished_grid_is_not_run_again() {
    Outcome again = tradeoff();
    assertThat(again.code()).as(again.err()).isZero();
    assertThat(again.out()).contains("2 cells, 2 finished").doesNotContain("cell 1 of");
  }

  @Test
  void a_grid_of_other_settings_is_not_mixed_in() {
    Outcome rate = tradeoff("--learning-rate", "0.02");
    assertThat(rate.code()).isEqualTo(1);
    assertThat(rate.err())
        .contains("holds a grid with other settings (learning-rate was 0.01 and is 0.02): choose")
        .hasLineCount(1);
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
        "--threads 0                       | threads must be 1 to 4096",
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
