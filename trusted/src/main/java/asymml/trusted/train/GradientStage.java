package asymml.trusted.train;

import asymml.privacy.Sampling;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Computes the sums of a step's gradients on other machines that are trusted, each of which has a
/// part of the images. Model, optimiser, ledger and checkpoint stay here.
public interface GradientStage {
  /// What holds for all steps of a run.
  ///
  /// @param noiseMultiplier of DP-SGD, that given or that follows from the budget; 0 where nothing
  ///   is accounted for
  /// @param reason why nothing is accounted for, as the ledger has it
  /// @param releases what is released in a step, in words: whoever releases compares it with its
  ///   own plan
  /// @param examples of the run
  /// @param expected examples of a step
  /// @param slots of a step where examples are drawn; 0 where the order follows from the seed
  /// @param steps of the run
  record Terms(
      double noiseMultiplier,
      String reason,
      String releases,
      long examples,
      int expected,
      int slots,
      long steps)
      implements Serializable {
    private static final long serialVersionUID = 1;

    /// How examples are drawn.
    ///
    /// @return null where the order follows from the seed
    public Sampling.@Nullable Poisson sampling() {
      return slots == 0 ? null : new Sampling.Poisson(examples, expected, slots);
    }
  }

  /// A step.
  ///
  /// @param number from 0
  /// @param terms of the run
  /// @param examples numbers of its training images; empty where they are drawn
  /// @param augmentationSeed of this epoch
  record Step(long number, Terms terms, List<Integer> examples, long augmentationSeed) {
    /// Copies the numbers.
    public Step {
      examples = List.copyOf(examples);
    }
  }

  /// Sums over a part of a step's examples. PRIVATE.
  ///
  /// @param gradients of the loss by all trained parameters in graph order; with DP-SGD of each
  ///   example clipped to the norm 1; not copied
  /// @param rounding of [asymml.trusted.ops.JointClip#rounding]
  /// @param slots places that were computed on
  /// @param lossSum over the examples
  /// @param examples how many there were
  /// @param correct how many were classified right
  /// @param cpuNanos of the threads that computed them
  /// @param workerCpuNanos of the workers
  /// @param bytesOut sent to workers
  /// @param bytesBack received from workers
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Sums(
      double[] gradients,
      double rounding,
      int slots,
      double lossSum,
      long examples,
      long correct,
      long cpuNanos,
      long workerCpuNanos,
      long bytesOut,
      long bytesBack)
      implements Serializable {
    private static final long serialVersionUID = 1;

    /// Nothing yet.
    ///
    /// @param values how many trained values the network has
    /// @return zeros
    public static Sums zero(int values) {
      return new Sums(new double[values], 0, 0, 0, 0, 0, 0, 0, 0, 0);
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
          Math.addExact(slots, other.slots),
          lossSum + other.lossSum,
          examples + other.examples,
          correct + other.correct,
          cpuNanos + other.cpuNanos,
          workerCpuNanos + other.workerCpuNanos,
          bytesOut + other.bytesOut,
          bytesBack + other.bytesBack);
    }
  }

  /// How good a network is.
  ///
  /// @param loss mean cross-entropy, without label smoothing
  /// @param accuracy 0 to 1
  record Score(double loss, double accuracy) {}

  /// Says whether a part of a step may be computed once more. Called by any thread.
  interface Repeats {
    /// A part whose attempt was lost is to be computed again, which releases again.
    ///
    /// @return true when the step has been counted once more in the ledger on disk; false if it
    ///   must not be repeated
    /// @throws IOException if the ledger cannot be written
    boolean permit() throws IOException;
  }

  /// Computes a step.
  ///
  /// @param step which one; it is in the ledger already, once
  /// @param parameters all values in graph order; not to be kept
  /// @param repeats to be asked before a part is computed again
  /// @return null if a part was lost that must not be repeated: the step has no result
  /// @throws ProtocolException if the machines fail
  /// @throws TrainingException if training diverged
  @Nullable Sums gradients(Step step, float[] parameters, Repeats repeats)
      throws ProtocolException, TrainingException;

  /// Evaluates a network on the test images.
  ///
  /// @param parameters all values in graph order; not to be kept
  /// @return its loss and accuracy
  /// @throws ProtocolException if the machines fail
  /// @throws TrainingException if the outputs are not finite
  Score score(float[] parameters) throws ProtocolException, TrainingException;
}
