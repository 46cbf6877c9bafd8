package asymml.study.audit;

import asymml.analysis.Architecture;
import asymml.analysis.WorkerView;
import asymml.analysis.WorkerView.Operation;
import asymml.analysis.WorkerView.Pass;
import asymml.kernels.Tensor;
import asymml.privacy.Channel;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Sees what one worker received in each step, and the noised sum that the next weights show. It
/// knows each canary's place, which the proof of the guarantee grants as well.
///
/// @param recording of the worker
/// @param ledger of a step
/// @param canaries of the steps
/// @param views how many places each canary has, one after the other
record WorkerObserver(Path recording, Ledger ledger, Canaries canaries, int views) {
  /// Weighs all that was seen as the best test between "there" and "not there" does.
  ///
  /// @param sums the scores of the noised sums, `[steps][]`
  /// @return scores of the same kind
  /// @throws IOException if the recording cannot be read, or is none of these steps
  double[][] combined(double[][] sums) throws IOException {
    List<Release> releases = ledger.entries().getFirst().releases();
    double weight = 0;
    double[][] combined = new double[sums.length][Canaries.COUNT];
    try (WorkerView view = WorkerView.open(recording)) {
      Architecture layers =
          Architecture.match(view, canaries.graph(), List.of(Canaries.HIDDEN, Canaries.CLASSIFIER));
      for (Release release : releases) {
        if (release.mechanism() instanceof Release.Gaussian(var _, NoiseMultiplier z)) {
          double own = 1 / (z.value() * z.value());
          weight += own;
          add(layers, release, own, sums, combined);
        }
      }
    } catch (IllegalArgumentException e) {
      throw new IOException("the worker did not record the steps: " + e.getMessage(), e);
    }
    for (double[] step : combined) {
      for (int i = 0; i < step.length; i++) {
        step[i] /= weight;
      }
    }
    return combined;
  }

  private void add(
      Architecture layers, Release release, double weight, double[][] sums, double[][] combined)
      throws IOException {
    for (int step = 0; step < combined.length; step++) {
      for (int i = 0; i < Canaries.COUNT; i++) {
        double seen =
            release.channel() == Channel.WEIGHTS
                ? sums[step][i]
                : seen(operation(layers, release.layer()), release, step, combined.length, i);
        combined[step][i] += weight * seen;
      }
    }
  }

  private static Operation operation(Architecture layers, String layer) {
    return layers.operations().entrySet().stream()
        .filter(e -> layers.name(e.getKey()).equals(layer))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(layer + " is not at the worker"))
        .getValue();
  }

  /// What the worker received in a canary's place, along what the canary would give there; of
  /// several places, one for each view, the mean.
  private double seen(Operation op, Release release, int step, int steps, int canary)
      throws IOException {
    boolean gradients = release.channel() == Channel.GRADIENTS;
    double[] expected =
        gradients
            ? canaries.outputGradient(release.layer(), canary)
            : canaries.input(release.layer(), canary);
    int batch = op.shape().batch() / views;
    int perStep = op.passes().size() / steps;
    if (perStep * steps != op.passes().size() || perStep * batch < Canaries.COUNT) {
      throw new IOException(
          "the recording of %s has %s passes for %s steps: it was cut short"
              .formatted(release.layer(), op.passes().size(), steps));
    }
    Pass pass = op.passes().get(step * perStep + canary / batch);
    @Nullable Tensor received = gradients ? pass.dy() : pass.x();
    if (received == null) {
      throw new IOException("the recording has no gradients of " + release.layer());
    }
    float[] values = received.examples(canary % batch * views, views).toArray();
    double product = 0;
    for (int k = 0; k < values.length; k++) {
      product += expected[k % expected.length] * values[k];
    }
    return product / views;
  }
}
