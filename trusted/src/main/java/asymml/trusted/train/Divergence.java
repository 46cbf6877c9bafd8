package asymml.trusted.train;

import asymml.kernels.Elementwise;
import asymml.model.Parameter;
import asymml.trusted.ops.Parameters;
import org.jspecify.annotations.Nullable;

/// Training that diverged: found before it reaches a checkpoint, reported in one line.
final class Divergence {
  private Divergence() {}

  /// Refuses parameters that are lost. The outputs can look right all the same: a fused ReLU turns
  /// NaN into 0.
  ///
  /// @param step the last one done
  static void check(Parameters parameters, long step) throws TrainingException {
    for (Parameter p : parameters.all()) {
      if (!Elementwise.allFinite(parameters.value(p.name()))) {
        throw at(step, p.name() + " is no longer finite", null);
      }
    }
  }

  static TrainingException at(long step, String how, @Nullable Throwable cause) {
    return TrainingException.diverged(
        "training diverged at step "
            + step
            + ": "
            + how
            + "; lower the learning rate or the noise, or, if that does not help, suspect the results"
            + " of a worker, which are not checked for size; the last checkpoint is intact",
        cause);
  }
}
