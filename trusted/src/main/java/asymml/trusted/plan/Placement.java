package asymml.trusted.plan;

/// Where a linear layer's arithmetic runs.
public sealed interface Placement {
  /// All of it on the trusted side; nothing leaves.
  record Trusted() implements Placement {
    @Override
    public String toString() {
      return "trusted";
    }
  }

  /// The low-rank part of the input stays, the residual leaves with noise.
  ///
  /// @param decomposition how the input is split
  /// @param rank how many directions stay; rank 0 keeps none (noise alone)
  record Split(Decomposition decomposition, RankPolicy rank) implements Placement {
    @Override
    public String toString() {
      return "split " + decomposition.label() + " " + rank;
    }
  }

  /// All of it on the worker, on exact inputs: no privacy; a baseline.
  record Untrusted() implements Placement {
    @Override
    public String toString() {
      return "untrusted, exact";
    }
  }

  /// The two decompositions.
  enum Decomposition {
    /// One basis for the whole batch, kept for several steps.
    SHARED("shared"),
    /// One light SVD per example and step: the paper's.
    PER_EXAMPLE("per-example");

    private final String label;

    Decomposition(String label) {
      this.label = label;
    }

    /// The name as the command line writes it.
    ///
    /// @return `shared` or `per-example`
    public String label() {
      return label;
    }
  }
}
