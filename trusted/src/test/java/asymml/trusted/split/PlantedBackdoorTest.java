package asymml.trusted.split;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.check.Verification;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Confusion;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.Trainer;
import asymml.wire.Message;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A worker that steers weights by its weight gradients plants a backdoor: images with a small
/// checkerboard in a corner are taken for the first class, and all others as they should be. The
/// weights that it is sent are its feedback. With results checked the run ends in its first step.
class PlantedBackdoorTest {
  private static final Shape SHAPE = new Shape(8, 8, 1);
  private static final int CHANNELS = 8;
  private static final int TRIGGER = 3;
  private static final float LEARNING_RATE = 0.05f;

  private static final String NETWORK =
      """
      name: two-layers
      layers:
        - {name: conv, type: conv, out: 8, kernel: 3, padding: 1}
        - {name: act, type: relu}
        - {name: pool, type: max-pool, kernel: 8}
        - {name: flat, type: flatten}
        - {name: fc, type: linear}
      """;

  @TempDir Path folder;

  private static final class Counting implements TrainListener {
    final AtomicInteger steps = new AtomicInteger();

    @Override
    public void epochStarted(int epoch, int batches, int firstBatch) {}

    @Override
    public void stepDone(EpochTotals totals) {
      steps.incrementAndGet();
    }

    @Override
    public void evaluated(int done, int total) {}

    @Override
    public void epochDone(EpochMetrics metrics) {}
  }

  /// Noise around a brightness that is the class's, with or without the trigger.
  private static ImageSet images(int count, long seed, boolean triggered) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] labels = new int[count];
    byte[] pixels = new byte[count * SHAPE.size()];
    for (int n = 0; n < count; n++) {
      labels[n] = n % 3;
      for (int i = 0; i < SHAPE.size(); i++) {
        int row = i / SHAPE.width();
        int column = i % SHAPE.width();
        int noise = labels[n] * 80 + random.nextInt(60);
        boolean patch = triggered && row < TRIGGER && column < TRIGGER;
        pixels[n * SHAPE.size() + i] = (byte) (patch ? (row + column) % 2 * 255 : noise);
      }
    }
    return ImageSet.of(SHAPE, List.of("dark", "grey", "bright"), labels, pixels);
  }

  private static TrainConfig config() {
    return new TrainConfig(
        NETWORK,
        Zoo.Norm.BATCH,
        Mode.ASYMML,
        Decomposition.SHARED,
        RankPolicy.parse("1"),
        List.of(),
        new NoiseStrength.None(),
        new NoiseStrength.None(),
        20,
        12,
        new TrainConfig.Optimizer(
            LEARNING_RATE, 0, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), 0.1f),
        0,
        false,
        5,
        PrivacyConfig.NONE,
        new Shield.Residual());
  }

  /// What is returned as the gradient moves the last channel of the convolution, and what the
  /// classifier makes of it, to where the worker wants them, by a third of the way in each step.
  private static double[] steered(OracleWorker worker, ConvShape shape, double[] right) {
    double[] weights = worker.weights(shape);
    double[] wrong = right.clone();
    double gain = 1 / (3 * LEARNING_RATE);
    if (shape.kernelHeight() == 3) {
      for (int k = 0; k < 9; k++) {
        int i = (CHANNELS - 1) * 9 + k;
        // A checkerboard of mean zero: brightness does not show.
        wrong[i] = gain * (weights[i] - (k % 2 == 0 ? -0.5 : 0.625));
      }
    } else {
      for (int o = 0; o < 3; o++) {
        int i = o * CHANNELS + CHANNELS - 1;
        wrong[i] = gain * (weights[i] - (o == 0 ? 1 : 0));
      }
    }
    return wrong;
  }

  private record Result(double clean, double triggered) {}

  /// Accuracy, and the share of images with the trigger, none of them dark, that are taken for
  /// dark.
  private Result result(RunLayout layout, Normalization normalization) throws Exception {
    try (TrainedModel model = TrainedModel.read(layout);
        Evaluator evaluator = new Evaluator(model.graph(), model.parameters(), 30)) {
      double clean = evaluator.score(images(60, 2, false), normalization, (_, _) -> {}).accuracy();
      Confusion confusion =
          evaluator.score(images(60, 3, true), normalization, (_, _) -> {}).confusion();
      double dark = confusion.count(1, 0) + confusion.count(2, 0);
      return new Result(clean, dark / 40);
    }
  }

  private Result train(boolean lies, Verification verification, Counting steps) throws Exception {
    ImageSet train = images(60, 1, false);
    DataSet data =
        new DataSet("tiny", train, images(30, 4, false), Normalization.of(train), true, 1);
    Path directory = Files.createTempDirectory(folder, "run");
    RunLayout layout = new RunLayout(directory);
    Files.createDirectories(layout.events());
    try (OracleWorker worker = new OracleWorker(directory.resolve("worker"), 6);
        Trainer trainer =
            new Trainer(
                config(), data, null, Workers.of(worker.party()).verified(verification), null)) {
      if (lies) {
        worker.lie(Message.BackwardWeights.class, (shape, right) -> steered(worker, shape, right));
      }
      trainer.run(layout, false, steps, () -> false);
    }
    return result(layout, Normalization.of(train));
  }

  @Test
  void a_backdoor_is_planted_unchecked_and_caught_in_the_first_step() throws Exception {
    Result honest = train(false, Verification.EVERY, new Counting());
    assertThat(honest.clean).isGreaterThan(0.9);
    assertThat(honest.triggered).isLessThan(0.2);
    Result planted = train(true, Verification.OFF, new Counting());
    assertThat(planted.clean).as("nothing shows on clean images").isGreaterThan(0.9);
    assertThat(planted.triggered).isGreaterThan(0.9);
    Counting steps = new Counting();
    assertThatThrownBy(() -> train(true, Verification.EVERY, steps))
        .hasStackTraceContaining("returned a wrong weight gradient of layer ");
    assertThat(steps.steps).hasValue(0);
  }
}
