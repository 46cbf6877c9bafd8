package asymml.study.bench;

import asymml.model.Architecture;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.trusted.check.Verification;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What a benchmark measures.
///
/// @param network on which images
/// @param split how its layers are split
/// @param rounds how often
/// @param processes who computes
/// @param inference whether batches of inference are measured, in place of training steps
public record BenchSpec(
    Network network, Split split, Rounds rounds, Processes processes, boolean inference) {
  /// Checks that the parts go together.
  ///
  /// @throws IllegalArgumentException if the noise ratio is out of range, or masks would be made
  ///   for a part of a batch
  public BenchSpec {
    terms(split);
    if (split.update() == Update.WORKER) {
      requireUpdate(split, processes, inference);
    }
    if (split.shield().masks() && processes.chunks() > 1) {
      throw new IllegalArgumentException(
          "chunks do not go with masks: masks are made for a whole batch");
    }
  }

  private static void requireUpdate(Split split, Processes processes, boolean inference) {
    String without =
        split.shield().masks()
            ? "the shield shares"
            : split.decomposition() == Decomposition.PER_EXAMPLE
                ? "the decomposer per-example"
                : processes.verification().share() > 0
                    ? "verification"
                    : inference ? "inference" : "";
    if (!without.isEmpty()) {
      throw new IllegalArgumentException(
          "a worker that updates weights does not go with " + without);
    }
  }

  /// Training steps.
  ///
  /// @param network on which images
  /// @param split how its layers are split
  /// @param rounds how often
  /// @param processes who computes
  /// @throws IllegalArgumentException as above
  public BenchSpec(Network network, Split split, Rounds rounds, Processes processes) {
    this(network, split, rounds, processes, false);
  }

  /// The same of inference.
  ///
  /// @return a copy
  /// @throws IllegalArgumentException if weight gradients are to be sampled, of which there are
  ///   none
  public BenchSpec ofInference() {
    if (split.shield().samplesGradients()) {
      throw new IllegalArgumentException(
          "at inference there are no weight gradients, sampled or exact");
    }
    return new BenchSpec(network, split, rounds, processes, true);
  }

  /// The network.
  ///
  /// @param model which network
  /// @param norm the normalisation of one of the zoo
  /// @param imageSize height and width of the images, of 3 channels, in pixels, at least 1
  /// @param batchSize images a step, at least 1
  public record Network(Architecture model, Zoo.Norm norm, int imageSize, int batchSize) {
    /// Checks the ranges above.
    public Network {
      requirePositive("image size", imageSize);
      requirePositive("batch size", batchSize);
    }

    /// One of the zoo.
    ///
    /// @param model its name
    /// @param norm its normalisation
    /// @param imageSize height and width of the images
    /// @param batchSize images a step
    public Network(String model, Zoo.Norm norm, int imageSize, int batchSize) {
      this(Architecture.of(model), norm, imageSize, batchSize);
    }

    /// The same with images of another size.
    ///
    /// @param pixels height and width
    /// @return a copy
    public Network withImageSize(int pixels) {
      return new Network(model, norm, pixels, batchSize);
    }

    /// The same with another batch size.
    ///
    /// @param images a step
    /// @return a copy
    public Network withBatchSize(int images) {
      return new Network(model, norm, imageSize, images);
    }
  }

  /// Where its linear layers run.
  ///
  /// @param modes what is measured, in the order in which they take turns
  /// @param rank of split layers
  /// @param decomposition of their inputs
  /// @param trustedLayers linear layers that stay trusted whole
  /// @param noiseRatio of noise on residuals; 0 for none
  /// @param shield what hides the data
  /// @param update who updates the weights of split layers with a shared basis
  public record Split(
      List<Mode> modes,
      RankPolicy rank,
      Decomposition decomposition,
      List<String> trustedLayers,
      double noiseRatio,
      Shield shield,
      Update update) {
    /// Copies the lists.
    public Split {
      modes = List.copyOf(modes);
      trustedLayers = List.copyOf(trustedLayers);
    }

    /// Weights that the trusted side updates.
    ///
    /// @param modes what is measured, in the order in which they take turns
    /// @param rank of split layers
    /// @param decomposition of their inputs
    /// @param trustedLayers linear layers that stay trusted whole
    /// @param noiseRatio of noise on residuals; 0 for none
    /// @param shield what hides the data
    public Split(
        List<Mode> modes,
        RankPolicy rank,
        Decomposition decomposition,
        List<String> trustedLayers,
        double noiseRatio,
        Shield shield) {
      this(modes, rank, decomposition, trustedLayers, noiseRatio, shield, Update.TRUSTED);
    }

    /// The same at another rank.
    ///
    /// @param other of split layers
    /// @return a copy
    public Split withRank(RankPolicy other) {
      return new Split(modes, other, decomposition, trustedLayers, noiseRatio, shield, update);
    }
  }

  /// How often steps are run.
  ///
  /// @param steps that count, a round, at least 1
  /// @param warmUp steps before them that do not count in the first round, at least 0; a third of
  ///   them later
  /// @param rounds how often the modes take turns, at least 1, so that a disturbance does not fall
  ///   on one of them alone
  public record Rounds(int steps, int warmUp, int rounds) {
    /// Checks the ranges above.
    public Rounds {
      requirePositive("steps", steps);
      requirePositive("rounds", rounds);
      if (warmUp < 0) {
        throw new IllegalArgumentException("warm-up must be at least 0 steps: " + warmUp);
      }
    }
  }

  /// The processes.
  ///
  /// @param threads of either, at least 1
  /// @param device what the worker computes on, as its `--device` option takes it
  /// @param chunks in how many parts a worker gets a batch, 1 to 16
  /// @param verification how many steps' results are checked
  public record Processes(int threads, String device, int chunks, Verification verification) {
    private static final int MOST_CHUNKS = 16;
    private static final int MOST_DELAY_MICROS = 10_000_000;

    /// Checks the ranges above.
    public Processes {
      requirePositive("threads", threads);
      if (chunks < 1 || chunks > MOST_CHUNKS) {
        throw new IllegalArgumentException("chunks must be 1 to " + MOST_CHUNKS + ": " + chunks);
      }
    }

    /// Processes whose results are not checked.
    ///
    /// @param threads at least 1
    /// @param device of the worker
    /// @param chunks 1 to 16
    public Processes(int threads, String device, int chunks) {
      this(threads, device, chunks, Verification.OFF);
    }

    /// The same with a worker that computes nothing.
    ///
    /// @param micros microseconds after which it answers each request, 0 to 10 000 000
    /// @return a copy
    /// @throws IllegalArgumentException if they are out of range
    public Processes emulated(int micros) {
      if (micros < 0 || micros > MOST_DELAY_MICROS) {
        throw new IllegalArgumentException(
            "an emulated worker answers after 0 to "
                + MOST_DELAY_MICROS
                + " microseconds: "
                + micros);
      }
      return new Processes(threads, "emulated:" + micros, chunks, verification);
    }

    /// The same with results checked, or not.
    ///
    /// @param next how many steps' are
    /// @return a copy
    public Processes verified(Verification next) {
      return new Processes(threads, device, chunks, next);
    }

    /// Threads that let the trusted process and the worker share this machine.
    ///
    /// @return half the processors, at least 1
    public static int sharedThreads() {
      return Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
    }
  }

  /// The same with other processes.
  ///
  /// @param other the processes
  /// @return a copy
  public BenchSpec withProcesses(Processes other) {
    return new BenchSpec(network, split, rounds, other);
  }

  /// The same with another network.
  ///
  /// @param other what is measured
  /// @return a copy
  public BenchSpec withNetwork(Network other) {
    return new BenchSpec(other, split, rounds, processes, inference);
  }

  /// The same with another split.
  ///
  /// @param other how layers are split
  /// @return a copy
  public BenchSpec withSplit(Split other) {
    return new BenchSpec(network, other, rounds, processes, inference);
  }

  /// On what terms tensors are released.
  ///
  /// @return terms whose work is that of a run; nothing private is released
  public ReleaseTerms terms() {
    return terms(split);
  }

  private static ReleaseTerms terms(Split split) {
    NoiseStrength noise =
        split.noiseRatio() == 0
            ? new NoiseStrength.None()
            : new NoiseStrength.Ratio(split.noiseRatio());
    return split.shield().masks()
        ? new ReleaseTerms.Accounted(
            noise,
            Set.of(Channel.RESIDUALS, Channel.GRADIENTS),
            Basis.PUBLIC,
            new ReleaseTerms.Bounds(Map.of()),
            split.shield())
        : new ReleaseTerms.Unaccounted(noise, "a benchmark");
  }

  private static void requirePositive(String what, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(what + " must be at least 1: " + value);
    }
  }
}
