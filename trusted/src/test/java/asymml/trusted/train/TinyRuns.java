package asymml.trusted.train;

import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;

/// Runs of milliseconds: a few images of 8x8 pixels, with everything in that could go wrong at a
/// resume (partial last batch, augmentation, momentum, warm-up, label smoothing).
final class TinyRuns {
  private static final Shape SHAPE = new Shape(8, 8, 3);
  private static final List<String> CLASSES = List.of("dark", "grey", "bright");

  private TinyRuns() {}

  static DataSet data(int train, int test, long seed) {
    ImageSet images = images(train, seed);
    return new DataSet("tiny", images, images(test, seed + 1), Normalization.of(images), true, 1);
  }

  /// Noise around a brightness that is the class's.
  private static ImageSet images(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] labels = new int[count];
    byte[] pixels = new byte[count * SHAPE.size()];
    for (int i = 0; i < pixels.length; i++) {
      int n = i / SHAPE.size();
      labels[n] = n % CLASSES.size();
      pixels[i] = (byte) (labels[n] * 80 + random.nextInt(90));
    }
    return ImageSet.of(SHAPE, CLASSES, labels, pixels);
  }

  static TrainConfig config(int epochs, int batchSize) {
    return new TrainConfig(
        "cnn",
        Zoo.Norm.BATCH,
        Mode.TRUSTED_ONLY,
        Decomposition.SHARED,
        RankPolicy.parse("1/8"),
        List.of(),
        new NoiseStrength.None(),
        new NoiseStrength.None(),
        epochs,
        batchSize,
        optimizer(0.05f),
        0.1f,
        true,
        7,
        PrivacyConfig.NONE,
        new Shield.Residual());
  }

  static TrainConfig.Optimizer optimizer(float learningRate) {
    return new TrainConfig.Optimizer(
        learningRate, 0.9f, 5e-4f, TrainConfig.Schedule.COSINE, 0.5, List.of(), 0.1f);
  }

  static TrainConfig with(TrainConfig c, TrainConfig.Optimizer optimizer, float labelSmoothing) {
    return new TrainConfig(
        c.model().text(),
        c.norm(),
        c.mode(),
        c.decomposition(),
        c.rank(),
        c.trustedLayers(),
        c.noise(),
        new NoiseStrength.None(),
        c.epochs(),
        c.batchSize(),
        optimizer,
        labelSmoothing,
        c.augment(),
        c.seed(),
        PrivacyConfig.NONE,
        new Shield.Residual());
  }

  static RunLayout layout(Path directory) throws IOException {
    RunLayout layout = new RunLayout(directory);
    Files.createDirectories(layout.events());
    return layout;
  }

  static Trainer.Outcome run(
      TrainConfig config, DataSet data, RunLayout layout, boolean resume, Course course)
      throws IOException, TrainingException {
    try (Trainer trainer = new Trainer(config, data, null, null)) {
      return trainer.run(layout, resume, course, course);
    }
  }

  /// What a run computed, without what depends on the clock.
  record Trace(List<List<Number>> metrics, List<Byte> checkpoint) {}

  static Trace trace(RunLayout layout) throws IOException {
    List<List<Number>> metrics = new ArrayList<>();
    for (EpochMetrics m : MetricsLog.readAll(layout.metrics())) {
      metrics.add(
          List.of(
              m.epoch(),
              m.step(),
              m.trainLoss(),
              m.trainAccuracy(),
              m.testLoss(),
              m.testAccuracy(),
              m.learningRate()));
    }
    List<Byte> bytes = new ArrayList<>();
    for (byte b : Files.readAllBytes(layout.checkpoint())) {
      bytes.add(b);
    }
    return new Trace(metrics, bytes);
  }

  /// Counts what happens and asks to stop after some steps.
  static class Course implements TrainListener, BooleanSupplier {
    private final int stopAfter;
    private int steps;
    final List<String> events = new ArrayList<>();

    Course(int stopAfter) {
      this.stopAfter = stopAfter;
    }

    static Course toTheEnd() {
      return new Course(Integer.MAX_VALUE);
    }

    int steps() {
      return steps;
    }

    @Override
    public boolean getAsBoolean() {
      return steps >= stopAfter;
    }

    @Override
    public void epochStarted(int epoch, int batches, int firstBatch) {
      events.add("epoch " + epoch + ": " + firstBatch + " of " + batches);
    }

    @Override
    public void stepDone(EpochTotals totals) {
      steps++;
    }

    @Override
    public void evaluated(int done, int total) {
      events.add("evaluated " + done + " of " + total);
    }

    @Override
    public void epochDone(EpochMetrics metrics) {
      events.add("done " + metrics.epoch());
    }
  }
}
