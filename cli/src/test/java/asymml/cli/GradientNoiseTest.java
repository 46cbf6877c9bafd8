package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.WorkerView;
import asymml.kernels.Tensor;
import asymml.model.SafeTensors;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.FirstStep;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `train --gradient-noise-ratio`: what two real processes exchange.
class GradientNoiseTest {
  private static final double RATIO = 0.5;

  @TempDir static Path folder;

  private static Outcome training = Outcome.of();

  private static Outcome train(String... more) {
    List<String> all =
        new ArrayList<>(List.of("train", "--limit-train", "32", "--limit-test", "10"));
    all.addAll(List.of(more));
    return Outcome.of(all.toArray(String[]::new));
  }

  @BeforeAll
  static void record_two_steps() {
    training =
        train(
            "--batch-size",
            "16",
            "--epochs",
            "1",
            "--noise-ratio",
            "0",
            "--gradient-noise-ratio",
            "" + RATIO,
            "--worker-record",
            folder.resolve("view.rec").toString(),
            "--out",
            folder.resolve("run").toString());
  }

  private static double norm(Tensor tensor) {
    double sum = 0;
    for (long i = 0; i < tensor.size(); i++) {
      sum += (double) tensor.get(i) * tensor.get(i);
    }
    return Math.sqrt(sum);
  }

  /// At the last layer at the worker, whose gradient no noise has touched before.
  @Test
  void a_gradient_leaves_clipped_to_the_median_norm_and_with_noise_relative_to_it()
      throws Exception {
    assertThat(training.code()).as(training.err()).isZero();
    assertThat(training.out())
        .contains("noise ratio = 0.5 on output gradients, clipped to running medians")
        .containsPattern("gradients +not accounted +infinite +the clip bound follows private data");
    RunLayout layout = new RunLayout(folder.resolve("run"));
    TrainingSpec told = Settings.read(layout.config()).spec();
    try (WorkerView view = WorkerView.open(folder.resolve("view.rec"));
        FirstStep truth =
            new FirstStep(
                told.training(), told.data().open(told.training().seed(), (_, _, _) -> {}))) {
      Tensor seen = Objects.requireNonNull(view.operations().getLast().passes().getFirst().dy());
      int conv3 = truth.graph().linearLayers().get(2);
      Tensor exact = truth.pass().gradient(conv3);
      assertThat(seen.shape()).isEqualTo(exact.shape());
      double[] norms =
          IntStream.range(0, 16).mapToDouble(i -> norm(exact.examples(i, 1))).sorted().toArray();
      double bound = (norms[7] + norms[8]) / 2;
      int dim = Math.toIntExact(exact.size() / 16);
      double sigma = RATIO * bound / Math.sqrt(dim);
      double squares = 0;
      double along = 0;
      for (int i = 0; i < 16; i++) {
        Tensor g = exact.examples(i, 1);
        Tensor noisy = seen.examples(i, 1);
        double scale = Math.min(1, bound / norm(g));
        for (int k = 0; k < dim; k++) {
          double noise = noisy.get(k) - scale * g.get(k);
          squares += noise * noise;
          along += noise * g.get(k) / norm(g);
        }
      }
      // 65,536 samples: their deviation has a relative error of 1 / sqrt(2 n), 0.28 %; and noise is
      // not correlated with what it hides, 16 sums of deviation sigma. Five and six of these.
      assertThat(Math.sqrt(squares / exact.size())).isCloseTo(sigma, within(0.014 * sigma));
      assertThat(along).isCloseTo(0, within(6 * 4 * sigma));
    }
  }

  @Test
  void its_clip_bounds_are_kept_for_a_resume_and_change_nothing_elsewhere() throws Exception {
    assertThat(SafeTensors.read(new RunLayout(folder.resolve("run")).checkpoint()).tensors())
        .extracting(tensor -> tensor.name().replaceFirst(".*gradient-clip/", "clip of "))
        .contains("clip of conv2", "clip of conv3");
    Path plain = folder.resolve("plain");
    assertThat(train("--epochs", "1", "--out", plain.toString()).code()).isZero();
    assertThat(SafeTensors.read(new RunLayout(plain).checkpoint()).tensors())
        .noneMatch(tensor -> tensor.name().contains("gradient-clip"));
    assertThat(Files.readString(new RunLayout(plain).config())).doesNotContain("gradient-noise");
    Outcome resumed = Outcome.of("train", "--resume", plain + "", "--gradient-noise-ratio", "1");
    assertThat(resumed.code()).isEqualTo(2);
    assertThat(resumed.err())
        .contains("gradient-noise-ratio was not given and is 1")
        .hasLineCount(1);
  }

  @Test
  void it_does_not_go_with_a_run_that_is_accounted_for() {
    Outcome outcome =
        train(
            "--norm",
            "group",
            "--protect",
            "gradients",
            "--noise-ratio",
            "1",
            "--gradient-noise-ratio",
            "1",
            "--out",
            folder.resolve("none").toString());
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains("protecting gradients gives").hasLineCount(1);
    assertThat(train("--gradient-noise-ratio", "-1").err())
        .contains("noise ratio must be from 1.0E-6")
        .hasLineCount(1);
  }
}
