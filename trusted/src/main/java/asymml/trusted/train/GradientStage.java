package asymml.trusted.train;

import asymml.privacy.Sampling;
import asymml.wire.ProtocolException;
import java.io.Serializable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Computes the sums of a step's gradients on other machines that are trusted, each of which has a
/// part of the images. Model, optimiser, noise, ledger and checkpoint stay here. The machines
/// release nothing: a part that is computed again is one more computation among trusted processes.
public interface GradientStage {
  /// How examples are drawn, in all steps of a run.
  ///
  /// @param examples N
  /// @param expected B, the expected number of examples of a step
  /// @param slots as [Sampling.Poisson] has them
  /// @param steps of the run
  record Draws(long examples, int expected, int slots, long steps) implements Serializable {
    private static final long serialVersionUID = 1;

    /// The draws as accountants know them.
    ///
    /// @return Poisson sampling over all examples
    public Sampling.Poisson sampling() {
      return new Sampling.Poisson(examples, expected, slots);
    }
  }

  /// A step.
  ///
  /// @param number from 0
  /// @param draws how each part draws its own examples; null where they are given
  /// @param examples numbers of its training images; empty where they are drawn
  /// @param augmentationSeed of this epoch
  record Step(long number, @Nullable Draws draws, List<Integer> examples, long augmentationSeed) {
    /// Copies the numbers.
    public Step {
      examples = List.copyOf(examples);
    }
  }

  /// Sums over a part of a step's examples. PRIVATE.
  ///
  /// @param gradients of the loss by all trained parameters in graph order; with DP-SGD of each
  ///   example clipped to the norm 1, without noise; not copied
  /// @param rounding of [asymml.trusted.ops.JointClip#rounding]
  /// @param lossSum over the examples
  /// @param examples how many there were
  /// @param correct how many were classified right
  /// @param cpuNanos of the threads that computed them
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Sums(
      double[] gradients,
      double rounding,
      double lossSum,
      long examples,
      long correct,
      long cpuNanos)
      implements Serializable {
    private static final long serialVersionUID = 1;

    /// Nothing yet.
    ///
    /// @param values how many trained values the network has
    /// @return zeros
    public static Sums zero(int values) {
      return new Sums(new double[values], 0, 0, 0, 0, 0);
    }

    /// Adds other sums.
    ///
    /// @param other of other examples
    /// @return what has taken over this array, to be used in place of this
    /// @throws IllegalArgumentException if it is of another network
    public Sums plus(Sums other) {
      if (other.gradients.length != gradients.length) {
        throw new IllegalArgumentException(
            "sums of %s and of %s values".formatted(gradients.length, other.gradients.length));
      }
      for (int i = 0; i < gradients.length; i++) {
        gradients[i] += other.gradients[i];
      }
      return new Sums(
          gradients,
          Math.max(rounding, other.rounding),
          lossSum + other.lossSum,
          examples + other.examples,
          correct + other.correct,
          cpuNanos + other.cpuNanos);
    }
  }

  /// How good a network is.
  ///
  /// @param loss mean cross-entropy, without label smoothing
  /// @param accuracy 0 to 1
  record Score(double loss, double accuracy) {}

  /// Computes a step.
  ///
  /// @param step which one; where the run is accounted for, it is in the ledger already
  /// @param parameters all values in graph order; not to be kept
  /// @return sums over all parts
  /// @throws ProtocolException if the machines fail
  /// @throws TrainingException if training diverged
  Sums gradients(Step step, float[] parameters) throws ProtocolException, TrainingException;

  /// Evaluates a network on the test images.
  ///
  /// @param parameters all values in graph order; not to be kept
  /// @return its loss and accuracy
  /// @throws ProtocolException if the machines fail
  /// @throws TrainingException if the outputs are not finite
  Score score(float[] parameters) throws ProtocolException, TrainingException;
}
