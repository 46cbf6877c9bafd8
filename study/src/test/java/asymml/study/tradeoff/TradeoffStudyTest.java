package asymml.study.tradeoff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.study.NoiseAlone;
import asymml.study.Silent;
import asymml.study.StudyRun;
import asymml.study.tradeoff.Tradeoff.Cell;
import asymml.study.tradeoff.Tradeoff.Point;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A grid of four cells of two steps, with real workers.
class TradeoffStudyTest {
  private static final RankPolicy QUARTER = RankPolicy.parse("1/4");
  private static final Point ALONE = new Point(NoiseAlone.RANK, 0.5, 0);
  private static final Point RANKED = new Point(QUARTER, 0.5, 0);

  @TempDir static Path folder;

  private static final Heard HEARD = new Heard();
  private static Tradeoff whole;

  private static final class Heard implements TradeoffListener {
    private final List<String> lines = new ArrayList<>();
    private final List<Duration> left = new ArrayList<>();

    @Override
    public void started(Point point, int number) {
      lines.add(number + " " + point.name());
    }

    @Override
    public void diverged(Point point, String message) {
      lines.add("diverged " + message);
    }

    @Override
    public void finished(Point point, Cell cell, Duration rest) {
      lines.add("finished " + point.name());
      left.add(rest);
    }
  }

  private static TradeoffSpec spec(TrainingSpec common, List<Double> gradientNoise) {
    return new TradeoffSpec(common, List.of(QUARTER), List.of(0.0, 0.5), gradientNoise);
  }

  private static TrainingSpec common() {
    TrainingSpec defaults = TrainingSpec.defaults();
    return defaults
        .withLimits(128, 80)
        .withEpochs(1)
        .withOptimizer(defaults.training().optimizer().withLearningRate(0.01f));
  }

  private static TradeoffStudy open(TradeoffSpec spec, Path directory) throws Exception {
    return TradeoffStudy.open(spec, directory, (_, _, _) -> {});
  }

  private static Optional<Tradeoff> run(TradeoffStudy study, Heard heard, BooleanSupplier stop)
      throws Exception {
    return study.run(
        new StudyRun(List.of("a", "test"), new Silent(), stop), heard, (_, _, _) -> {});
  }

  private static Path grid() {
    return folder.resolve("grid");
  }

  @BeforeAll
  static void run_a_grid() throws Exception {
    TradeoffStudy study = open(spec(common(), List.of()), grid());
    whole = run(study, HEARD, () -> false).orElseThrow();
    study.write(whole, "1.2.3");
  }

  @Test
  void every_rank_is_trained_at_every_level_and_tested_without_noise() {
    assertThat(HEARD.lines)
        .containsExactly(
            "1 rank-0-noise-0",
            "finished rank-0-noise-0",
            "2 rank-1_4-noise-0",
            "finished rank-1_4-noise-0",
            "3 rank-0-noise-0.5",
            "finished rank-0-noise-0.5",
            "4 rank-1_4-noise-0.5",
            "finished rank-1_4-noise-0.5");
    assertThat(HEARD.left.getFirst()).isPositive();
    assertThat(HEARD.left.getLast()).isZero();
    assertThat(whole.cells().values())
        .allSatisfy(cell -> {
          double right = 80 * cell.accuracy().orElseThrow();
          assertThat(right).isCloseTo(Math.rint(right), within(1e-9));
          assertThat(cell.trainSeconds()).isPositive();
          assertThat(cell.evaluationSeconds()).isPositive();
          assertThat(cell.trustedCpuSeconds()).isPositive();
          assertThat(cell.workerCpuSeconds()).isPositive();
        });
  }

  /// Whatever stays, the same model is trained.
  @Test
  void without_noise_the_split_is_exact() {
    double alone = whole.cell(new Point(NoiseAlone.RANK, 0, 0)).loss().orElseThrow();
    double ranked = whole.cell(new Point(QUARTER, 0, 0)).loss().orElseThrow();
    assertThat(ranked).isCloseTo(alone, within(0.01));
    assertThat(whole.cell(ALONE).loss().orElseThrow()).isNotEqualTo(alone);
  }

  @Test
  void a_cell_is_a_run_of_its_own_settings() throws Exception {
    Settings settings = Settings.read(new RunLayout(grid().resolve(ALONE.name())).config());
    assertThat(settings.text("mode")).isEqualTo("dp-only");
    assertThat(settings.text("noise-ratio")).isEqualTo("0.5");
    assertThat(settings.text("gradient-noise-ratio")).isEmpty();
    assertThat(RunFile.read(new RunLayout(grid().resolve(RANKED.name())).runFile()))
        .containsEntry("outcome", "finished");
  }

  @Test
  void every_rank_has_the_noise_multiplier_of_its_level() throws Exception {
    // Two split layers, of 16x16x16 and 8x8x32 values.
    assertThat(open(spec(common(), List.of()), grid()).noiseMultipliers(0.5))
        .containsExactly(new double[] {0.5 / 64, 0.5 / Math.sqrt(2048)}, within(1e-12));
  }

  @Test
  void what_is_finished_is_not_run_again_and_a_grid_can_grow() throws Exception {
    Path copy = copyOfGrid("grown");
    // Killed before its first checkpoint.
    Path killed = Files.createDirectory(copy.resolve("rank-1_4-noise-0-gradient-noise-0.5"));
    Files.writeString(killed.resolve("ledger.json"), "{}");
    TradeoffStudy study = open(spec(common().withData("generated:1"), List.of(0.5)), copy);
    assertThat(study.finished()).isEqualTo(4);
    Heard heard = new Heard();
    Tradeoff grown = run(study, heard, () -> false).orElseThrow();
    assertThat(heard.lines)
        .containsExactly(
            "5 rank-0-noise-0-gradient-noise-0.5",
            "finished rank-0-noise-0-gradient-noise-0.5",
            "6 rank-1_4-noise-0-gradient-noise-0.5",
            "finished rank-1_4-noise-0-gradient-noise-0.5");
    whole.cells().forEach((point, cell) -> assertThat(grown.cell(point)).isEqualTo(cell));
    assertThat(Settings.read(new RunLayout(killed).config()).text("gradient-noise-ratio"))
        .isEqualTo("0.5");
  }

  private static Path copyOfGrid(String name) throws IOException {
    Path copy = folder.resolve(name);
    try (var files = Files.walk(grid())) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(grid().relativize(file)));
      }
    }
    return copy;
  }

  @Test
  void a_grid_that_is_to_stop_begins_no_cell() throws Exception {
    TradeoffStudy study = open(spec(common(), List.of()), folder.resolve("stopped"));
    Heard heard = new Heard();
    assertThat(run(study, heard, () -> true)).isEmpty();
    assertThat(heard.lines).isEmpty();
    assertThat(folder.resolve("stopped")).doesNotExist();
  }

  @Test
  void a_cell_that_was_stopped_is_resumed_to_the_same_result_of_its_seed() throws Exception {
    Path directory = folder.resolve("resumed");
    TradeoffSpec two = new TradeoffSpec(common().withEpochs(2), List.of(), List.of(0.0), List.of());
    Heard heard = new Heard();
    int[] asked = {0};
    // Before the cell, and after each of its steps: it stops in its second epoch.
    assertThat(run(open(two, directory), heard, () -> ++asked[0] > 3)).isEmpty();
    assertThat(heard.lines).containsExactly("1 rank-0-noise-0");
    assertThat(directory.resolve("rank-0-noise-0/cell.json")).doesNotExist();
    Tradeoff resumed = run(open(two, directory), heard, () -> false).orElseThrow();
    assertThat(resumed.cells()).hasSize(1);
    assertThat(RunFile.read(new RunLayout(directory.resolve("rank-0-noise-0")).runFile()))
        .containsEntry("outcome", "finished")
        .containsEntry("epochsDone", 2);
  }

  @Test
  void training_that_diverges_is_an_answer() throws Exception {
    // One step, after which no weight is of use.
    TrainingSpec wild =
        common()
            .withBatchSize(128)
            .withOptimizer(common().training().optimizer().withLearningRate(3e38f));
    Path directory = folder.resolve("diverging");
    Heard heard = new Heard();
    Tradeoff tradeoff =
        run(
                open(new TradeoffSpec(wild, List.of(QUARTER), List.of(0.5), List.of()), directory),
                heard,
                () -> false)
            .orElseThrow();
    assertThat(tradeoff.cell(RANKED).accuracy()).isEmpty();
    assertThat(tradeoff.verdict()).contains(": NO");
    assertThat(heard.lines).anyMatch(line -> line.startsWith("diverged training diverged at step"));
    assertThat(directory.resolve(RANKED.name()).resolve("cell.json"))
        .content()
        .contains("\"training\" : \"diverged\"")
        .doesNotContain("NaN");
  }

  @Test
  void a_grid_of_inference_trains_one_model_and_runs_it_through_the_split_in_each_cell()
      throws Exception {
    Path directory = folder.resolve("inference");
    TradeoffSpec grid =
        new TradeoffSpec(common(), List.of(QUARTER), List.of(0.0, 3.0), List.of(), true);
    Heard heard = new Heard();
    Tradeoff tradeoff = run(open(grid, directory), heard, () -> false).orElseThrow();
    assertThat(heard.lines).hasSize(8);
    double exact = tradeoff.cell(new Point(NoiseAlone.RANK, 0, 0)).loss().orElseThrow();
    assertThat(tradeoff.cell(new Point(QUARTER, 0, 0)).loss().orElseThrow())
        .isCloseTo(exact, within(1e-4));
    assertThat(tradeoff.cell(new Point(QUARTER, 3, 0)).loss().orElseThrow()).isNotEqualTo(exact);
    Settings model = Settings.read(new RunLayout(directory.resolve("model")).config());
    assertThat(model.text("mode")).isEqualTo("trusted-only");
    assertThat(new RunLayout(directory.resolve("model")).queries()).exists();
    TradeoffStudy again = open(grid, directory);
    assertThat(again.finished()).isEqualTo(4);
    again.write(tradeoff, "1.2.3");
    assertThat(RunFile.read(directory.resolve("tradeoff.json"))).containsEntry("work", "inference");
    assertThatThrownBy(() -> open(spec(common(), List.of()), directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("holds a grid of inference");
    assertThatThrownBy(() ->
            open(
                new TradeoffSpec(common(), List.of(QUARTER), List.of(0.0, 0.5), List.of(), true),
                grid()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("holds a grid of training runs");
    assertThatThrownBy(
            () -> new TradeoffSpec(common(), List.of(QUARTER), List.of(0.0), List.of(1.0), true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("inference has none");
  }

  @Test
  void a_grid_of_other_settings_or_images_is_not_mixed_in() {
    TrainingSpec faster =
        common().withOptimizer(common().training().optimizer().withLearningRate(0.02f));
    assertThatThrownBy(() -> open(spec(faster, List.of()), grid()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(
            "holds a grid with other settings (learning-rate was 0.01 and is 0.02): choose");
    assertThatThrownBy(() -> open(spec(common().withData("generated:2"), List.of()), grid()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cell.json is of other images");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "conv9 | 'conv9' is no linear layer of cnn",
        "conv1,conv2,conv3,fc | the plan keeps all layers here"
      })
  void layers_that_do_not_fit_are_refused_before_anything_is_written(String layers, String said) {
    TrainingSpec other = common().withTrustedLayers(List.of(layers.split(",")));
    Path directory = folder.resolve("refused");
    assertThatThrownBy(() -> open(spec(other, List.of()), directory))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(said);
    assertThat(directory).doesNotExist();
  }
}
