package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.cli.table.RankTable;
import asymml.report.RankBounds;
import asymml.trusted.rank.LayerRanks;
import asymml.trusted.rank.LayerRanks.LowRankOutput;
import asymml.trusted.rank.NodeRanks;
import asymml.trusted.rank.RankFile;
import asymml.trusted.rank.RankReport;
import asymml.trusted.rank.Shares;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RankCommandTest {
  @TempDir static Path folder;

  private static Path run = Path.of("");
  private static Outcome training = Outcome.of();

  /// Epochs 2 and 3, the last, of three.
  @BeforeAll
  static void train_with_analyses() {
    run = folder.resolve("run");
    training =
        Outcome.of(
            "train",
            "--mode",
            "trusted-only",
            "--limit-train",
            "96",
            "--limit-test",
            "20",
            "--batch-size",
            "32",
            "--epochs",
            "3",
            "--rank",
            "1/4",
            "--progress",
            "plain",
            "--analyze-every",
            "2",
            "--out",
            run.toString());
  }

  @Test
  void training_writes_a_line_and_an_entry_for_each_epoch_that_was_asked_for() throws Exception {
    assertThat(training.err()).isEmpty();
    assertThat(training.code()).isZero();
    assertThat(training.out().lines().filter(line -> line.startsWith("rank after epoch")))
        .hasSize(2)
        .allMatch(line -> line.contains("bounds hold"));
    assertThat(RankFile.read(run.resolve("rank.json")).reports())
        .extracting(RankReport::epoch)
        .containsExactly(2, 3);
    // Text stands in it as outlines: a viewer needs no fonts, and a test finds no words.
    assertThat(Files.readString(run.resolve("rank.svg")))
        .contains("<svg", "height=\"1680px\"", "rgb(31,78,140)");
    assertThat(Files.readString(run.resolve("config.yaml"))).contains("analyze-every: 2");
  }

  @Test
  void a_run_is_analysed_afterwards_in_place_of_what_its_last_epoch_had() throws Exception {
    RankFile before = RankFile.read(run.resolve("rank.json"));
    Outcome outcome = Outcome.of("analyze", "rank", "--run", run.toString(), "--images", "3");
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .contains("PRIVATE: computed from private images; not covered by any guarantee")
        .contains("cnn after epoch 3, step 9: 64 images ran through it, 3 of them")
        .contains("conv1", "conv3", "fc", "trusted", "patch estimate")
        .contains("P_out): holds at 4 nodes, 3 images each", "affine: r + 1: holds at 3 nodes")
        .contains("written: " + run.resolve("rank.json"), run.resolve("rank.svg").toString());
    RankFile after = RankFile.read(run.resolve("rank.json"));
    assertThat(after.reports()).hasSize(2);
    assertThat(after.reports().getFirst()).isEqualTo(before.reports().getFirst());
    assertThat(after.reports().getLast().images()).isEqualTo(3);
    // The same batch runs through: what does not depend on how many are decomposed is the same.
    for (int i = 0; i < 4; i++) {
      assertThat(after.reports().getLast().layers().get(i).xShares().shared())
          .isCloseTo(before.reports().getLast().layers().get(i).xShares().shared(), within(1e-9));
    }
  }

  @Test
  void wrong_usage_and_failures_are_one_line() throws Exception {
    assertThat(Outcome.of("analyze", "rank").code()).isEqualTo(2);
    assertThat(Outcome.of("analyze", "rank", "--run", run + "", "--images", "0").code())
        .isEqualTo(2);
    Outcome missing = Outcome.of("analyze", "rank", "--run", folder.resolve("none").toString());
    assertThat(missing.code()).isEqualTo(1);
    assertThat(missing.err()).contains("holds no trained model").hasLineCount(1);
    Path other = Files.createDirectory(folder.resolve("other"));
    for (String name : List.of("checkpoint.safetensors", "config.yaml")) {
      Files.copy(run.resolve(name), other.resolve(name));
    }
    Files.writeString(other.resolve("rank.json"), "of yesterday");
    Outcome unknown = Outcome.of("analyze", "rank", "--run", other.toString());
    assertThat(unknown.code()).isEqualTo(1);
    assertThat(unknown.err()).contains("rank.json is no rank analysis").hasLineCount(1);
    assertThat(other.resolve("rank.json")).hasContent("of yesterday");
  }

  private static RankReport broken() {
    Shares shares = new Shares(2, 0.5, 0.25, 0.75, 0.5);
    return new RankReport(
        1,
        9,
        3,
        12,
        0.5,
        List.of(
            new LayerRanks(
                "conv1",
                "trusted",
                "8x8x3",
                "8x8x4",
                null,
                shares,
                null,
                shares,
                null,
                new LowRankOutput(5, 4, -1, 2, 3))),
        List.of(new NodeRanks("bn1", "affine: r + 1", 3, 3, 0)));
  }

  @Test
  void a_broken_bound_is_an_error_that_names_the_layer() {
    assertThatThrownBy(() -> RankCommand.requireBounds(broken()))
        .isInstanceOf(RunException.class) // exit code 1
        .hasMessage("a bound on ranks is broken: conv1: W * X_T exceeds its bound by 1");
    StringWriter text = new StringWriter();
    PrintWriter out = new PrintWriter(text);
    new RankTable(broken()).print(out, "cnn");
    out.flush();
    assertThat(text.toString())
        .contains("P_out): BROKEN at 1 of", "affine: r + 1: holds", "4!")
        .contains("50.0 %", "25.0 %");
    assertThat(new RankBounds(broken()).summary()).contains("BOUNDS BROKEN");
  }

  @Test
  void the_help_says_that_results_are_private() {
    String help = Outcome.of("analyze", "rank", "--help").out();
    assertThat(help)
        .contains("private statistics", "--images", "(default: 8)", "Examples:")
        .contains("a bound is broken");
    assertThat(Outcome.of("analyze").code()).isEqualTo(2);
  }
}
