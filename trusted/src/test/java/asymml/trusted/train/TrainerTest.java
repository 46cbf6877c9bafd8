package asymml.trusted.train;

import static asymml.trusted.train.TinyRuns.config;
import static asymml.trusted.train.TinyRuns.data;
import static asymml.trusted.train.TinyRuns.layout;
import static asymml.trusted.train.TinyRuns.run;
import static asymml.trusted.train.TinyRuns.trace;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Zoo;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.draw.Shuffle;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Shield;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TinyRuns.Course;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Training in `trusted-only` mode. Seed 7 throughout.
class TrainerTest {
  private static final int EPOCHS = 3;
  private static final int BATCH = 4;

  /// Batches of 4, 4 and 3.
  private static final DataSet DATA = data(11, 5, 3);

  /// What [#run_uninterrupted] computed.
  private static TinyRuns.Trace uninterrupted = new TinyRuns.Trace(List.of(), List.of());

  /// The same run, stopped in its second epoch.
  private static RunLayout stopped = new RunLayout(Path.of(""));

  @TempDir Path folder;

  private RunLayout fresh(String name) throws IOException {
    return layout(folder.resolve(name));
  }

  @BeforeAll
  static void run_uninterrupted(@TempDir Path shared) throws Exception {
    RunLayout layout = layout(shared);
    run(config(EPOCHS, BATCH), DATA, layout, false, Course.toTheEnd());
    uninterrupted = trace(layout);
    stopped = layout(shared.resolve("stopped"));
    run(config(EPOCHS, BATCH), DATA, stopped, false, new Course(4));
  }

  @Test
  void a_run_leaves_metrics_events_and_a_checkpoint() throws Exception {
    RunLayout layout = fresh("run");
    Course course = Course.toTheEnd();
    assertThat(run(config(EPOCHS, BATCH), DATA, layout, false, course))
        .isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(course.events)
        .startsWith("epoch 1: 0 of 3", "evaluated 4 of 5", "evaluated 5 of 5", "done 1")
        .endsWith("done 3");
    List<EpochMetrics> metrics = MetricsLog.readAll(layout.metrics());
    assertThat(metrics).extracting(EpochMetrics::epoch).containsExactly(1, 2, 3);
    assertThat(metrics).extracting(EpochMetrics::step).containsExactly(3L, 6L, 9L);
    assertThat(metrics)
        .allSatisfy(m -> {
          assertThat(m.imagesPerSecond()).isPositive();
          assertThat(m.bytesToWorker()).isZero();
        });
    try (Stream<Path> events = Files.list(layout.events())) {
      assertThat(events).hasSize(1);
    }
    try (TrainedModel model = TrainedModel.read(layout.checkpoint())) {
      assertThat(model.description().classNames()).containsExactly("dark", "grey", "bright");
    }
  }

  @Test
  void training_learns() throws Exception {
    RunLayout layout = fresh("learns");
    run(config(8, 8), data(48, 24, 5), layout, false, Course.toTheEnd());
    assertThat(MetricsLog.readAll(layout.metrics()).getLast().testAccuracy()).isGreaterThan(0.9);
  }

  @Test
  void the_same_run_twice_gives_the_same_bytes_and_another_seed_others() throws Exception {
    RunLayout again = fresh("again");
    run(config(EPOCHS, BATCH), DATA, again, false, Course.toTheEnd());
    assertThat(trace(again)).isEqualTo(uninterrupted);
    RunLayout other = fresh("other");
    run(withSeed(8), DATA, other, false, Course.toTheEnd());
    assertThat(trace(other).metrics()).isNotEqualTo(trace(again).metrics());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void a_run_stopped_after_any_step_continues_to_the_same_bytes(int steps) throws Exception {
    RunLayout layout = fresh("stopped");
    TrainConfig config = config(EPOCHS, BATCH);
    Course first = new Course(steps);
    assertThat(run(config, DATA, layout, false, first)).isEqualTo(Trainer.Outcome.STOPPED);
    assertThat(first.steps()).isEqualTo(steps);
    Course second = Course.toTheEnd();
    assertThat(run(config, DATA, layout, true, second)).isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(second.steps()).isEqualTo(EPOCHS * 3 - steps);
    assertThat(second.events.getFirst())
        .isEqualTo("epoch " + (steps / 3 + 1) + ": " + steps % 3 + " of 3");
    assertThat(trace(layout)).isEqualTo(uninterrupted);
  }

  @Test
  void a_run_stopped_after_every_step_comes_to_the_same_end() throws Exception {
    RunLayout layout = fresh("stuttering");
    TrainConfig config = config(EPOCHS, BATCH);
    boolean resume = false;
    int runs = 0;
    Trainer.Outcome outcome = Trainer.Outcome.STOPPED;
    while (outcome == Trainer.Outcome.STOPPED && runs < 20) {
      outcome = run(config, DATA, layout, resume, new Course(1));
      resume = true;
      runs++;
    }
    assertThat(runs).isEqualTo(EPOCHS * 3);
    assertThat(trace(layout)).isEqualTo(uninterrupted);
  }

  @Test
  void a_run_killed_between_the_metrics_and_the_checkpoint_continues_to_the_same_bytes()
      throws Exception {
    RunLayout layout = fresh("killed");
    TrainConfig config = config(EPOCHS, BATCH);
    run(config, DATA, layout, false, new Course(3));
    byte[] afterFirst = Files.readAllBytes(layout.checkpoint());
    run(config, DATA, layout, true, new Course(3));
    Files.write(layout.checkpoint(), afterFirst);
    Files.writeString(layout.metrics(), Files.readString(layout.metrics()) + "{\"epoch\":3,\"st");
    run(config, DATA, layout, true, Course.toTheEnd());
    assertThat(trace(layout)).isEqualTo(uninterrupted);
  }

  @Test
  void a_finished_run_resumed_stays_as_it_is() throws Exception {
    RunLayout layout = fresh("finished");
    run(config(EPOCHS, BATCH), DATA, layout, false, Course.toTheEnd());
    Course course = Course.toTheEnd();
    assertThat(run(config(EPOCHS, BATCH), DATA, layout, true, course))
        .isEqualTo(Trainer.Outcome.FINISHED);
    assertThat(course.steps()).isZero();
    assertThat(trace(layout)).isEqualTo(uninterrupted);
  }

  private static TrainConfig withSeed(long seed) {
    return changed(config(EPOCHS, BATCH), Zoo.Norm.BATCH, new NoiseStrength.None(), true, seed);
  }

  private static TrainConfig changed(
      TrainConfig c, Zoo.Norm norm, NoiseStrength noise, boolean augment, long seed) {
    return new TrainConfig(
        c.model().text(),
        norm,
        Mode.TRUSTED_ONLY,
        c.decomposition(),
        c.rank(),
        c.trustedLayers(),
        noise,
        new NoiseStrength.None(),
        c.epochs(),
        c.batchSize(),
        c.optimizer(),
        c.labelSmoothing(),
        augment,
        seed,
        PrivacyConfig.NONE,
        new Shield.Residual());
  }

  private static TrainConfig otherThan(String setting) {
    TrainConfig c = config(EPOCHS, BATCH);
    NoiseStrength none = new NoiseStrength.None();
    return switch (setting) {
      case "seed" -> withSeed(8);
      case "norm" -> changed(c, Zoo.Norm.GROUP, none, true, 7);
      case "noise" -> changed(c, Zoo.Norm.BATCH, new NoiseStrength.Ratio(0.1), true, 7);
      case "augmentation" -> changed(c, Zoo.Norm.BATCH, none, false, 7);
      case "labelSmoothing" -> TinyRuns.with(c, c.optimizer(), 0);
      case "optimizer" -> TinyRuns.with(c, TinyRuns.optimizer(0.06f), c.labelSmoothing());
      case "batchSize" -> config(EPOCHS, BATCH + 1);
      default -> c;
    };
  }

  private static DataSet dataOtherThan(String setting) {
    return switch (setting) {
      case "trainData" -> reordered(DATA);
      case "testData" -> data(11, 6, 3);
      default -> DATA;
    };
  }

  /// The same number of images with the same statistics: the digest alone tells.
  private static DataSet reordered(DataSet data) {
    return new DataSet(
        data.name(),
        images(data.train(), Shuffle.order(data.train().size(), 1)),
        data.test(),
        data.normalization(),
        data.flip(),
        data.cropPadding());
  }

  private static ImageSet images(ImageSet set, int[] order) {
    int size = set.shape().size();
    int[] labels = new int[order.length];
    byte[] all = new byte[order.length * size];
    byte[] one = new byte[size];
    for (int i = 0; i < order.length; i++) {
      labels[i] = set.label(order[i]);
      set.pixels(order[i], one);
      System.arraycopy(one, 0, all, i * size, size);
    }
    return ImageSet.of(set.shape(), set.classNames(), labels, all);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "seed",
        "norm",
        "noise",
        "augmentation",
        "labelSmoothing",
        "optimizer",
        "batchSize",
        "trainData",
        "testData"
      })
  void a_resume_with_another_setting_is_refused_by_its_name(String setting) throws Exception {
    RunLayout layout = fresh("refused");
    Files.copy(stopped.checkpoint(), layout.checkpoint());
    Files.copy(stopped.metrics(), layout.metrics());
    TinyRuns.Trace before = trace(layout);
    assertThatThrownBy(
            () -> run(otherThan(setting), dataOtherThan(setting), layout, true, Course.toTheEnd()))
        .isInstanceOf(TrainingException.class)
        .hasMessage(
            "%s belongs to a run with another %s: resume with the settings and data it was"
                    .formatted(layout.checkpoint(), setting)
                + " started with");
    assertThat(trace(layout)).isEqualTo(before);
  }

  @ParameterizedTest
  @CsvSource({"1e4, 30", "1e20, 30", "3e38, 30"})
  void a_diverging_run_ends_with_the_step_and_keeps_its_checkpoint(float rate, int epochs)
      throws Exception {
    RunLayout layout = fresh("diverging");
    TrainConfig config = TinyRuns.with(config(epochs, BATCH), TinyRuns.optimizer(rate), 0.1f);
    assertThatThrownBy(() -> run(config, DATA, layout, false, Course.toTheEnd()))
        .isInstanceOf(TrainingException.class)
        .hasMessageMatching(
            "training diverged at step \\d+: .* no longer finite; lower the learning rate or the"
                + " noise, or, if that does not help, suspect the results of a worker, which are"
                + " not checked for size; the last checkpoint is intact");
    try (TrainedModel model = TrainedModel.read(layout.checkpoint())) {
      model
          .parameters()
          .all()
          .forEach(p ->
              assertThat(model.parameters().value(p.name()).toArray())
                  .as(p.name())
                  .doesNotContain(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY));
    }
  }

  /// What the new bytes are first written to cannot be: a directory with something in it has its
  /// name.
  @Test
  void
      a_checkpoint_that_cannot_be_written_ends_the_run_and_the_old_one_continues_to_the_same_bytes()
          throws Exception {
    RunLayout layout = fresh("full");
    TrainConfig config = config(EPOCHS, BATCH);
    run(config, DATA, layout, false, new Course(3));
    byte[] before = Files.readAllBytes(layout.checkpoint());
    Path occupied =
        Files.createDirectory(layout.checkpoint().resolveSibling("checkpoint.safetensors.tmp"));
    Path inside = Files.createFile(occupied.resolve("file"));
    assertThatThrownBy(() -> run(config, DATA, layout, true, Course.toTheEnd()))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot write " + layout.checkpoint() + ": ");
    assertThat(layout.checkpoint()).hasBinaryContent(before);
    assertThat(MetricsLog.readAll(layout.metrics())).hasSize(2);
    Files.delete(inside);
    run(config, DATA, layout, true, Course.toTheEnd());
    assertThat(trace(layout)).isEqualTo(uninterrupted);
  }

  @Test
  void a_directory_that_cannot_be_written_ends_the_run_before_it_starts() {
    RunLayout layout = new RunLayout(folder.resolve("absent"));
    Course course = Course.toTheEnd();
    assertThatThrownBy(() -> run(config(1, 4), DATA, layout, false, course))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(layout.checkpoint().toString())
        .hasMessageContaining("no such file or directory");
    assertThat(course.steps()).isZero();
  }

  @ParameterizedTest
  @CsvSource({"11, 1, 11", "3, 64, 1", "1, 1, 1", "1, 64, 1", "5, 5, 1", "5, 4, 2"})
  void every_batch_size_fits_every_number_of_images(int images, int batchSize, int steps)
      throws Exception {
    RunLayout layout = fresh("sizes");
    Course course = Course.toTheEnd();
    run(config(1, batchSize), data(images, 2, 4), layout, false, course);
    assertThat(course.steps()).isEqualTo(steps);
    assertThat(MetricsLog.readAll(layout.metrics()).getLast().step()).isEqualTo(steps);
  }

  @Test
  void label_smoothing_is_in_the_training_loss_and_not_in_the_test_loss() throws Exception {
    // At this rate no weight moves by a bit, so that both runs see the same network.
    TrainConfig.Optimizer still =
        new TrainConfig.Optimizer(1e-30f, 0, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), 0.1f);
    EpochMetrics plain = onlyEpoch("plain", TinyRuns.with(config(1, BATCH), still, 0));
    EpochMetrics smooth = onlyEpoch("smooth", TinyRuns.with(config(1, BATCH), still, 0.5f));
    assertThat(smooth.testLoss()).isEqualTo(plain.testLoss());
    assertThat(smooth.trainAccuracy()).isEqualTo(plain.trainAccuracy());
    assertThat(smooth.trainLoss()).isNotCloseTo(plain.trainLoss(), within(1e-3));
  }

  private EpochMetrics onlyEpoch(String name, TrainConfig config) throws Exception {
    RunLayout layout = fresh(name);
    run(config, DATA, layout, false, Course.toTheEnd());
    return MetricsLog.readAll(layout.metrics()).getFirst();
  }

  @Test
  void a_plan_that_needs_a_worker_is_refused_without_one() {
    TrainConfig c = config(1, 4);
    TrainConfig split =
        new TrainConfig(
            c.model().text(),
            c.norm(),
            Mode.ASYMML,
            c.decomposition(),
            c.rank(),
            List.of("first"),
            c.noise(),
            new NoiseStrength.None(),
            c.epochs(),
            c.batchSize(),
            c.optimizer(),
            0,
            true,
            7,
            PrivacyConfig.NONE,
            new Shield.Residual());
    assertThatThrownBy(() -> new Trainer(split, DATA, null, null).close())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layer conv2")
        .hasMessageContaining("needs a worker");
  }
}
