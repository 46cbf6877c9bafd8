package asymml.trusted.plan;

/// Where a linear layer's arithmetic runs.
public sealed interface Placement {
  /// Whether workers compute a part of the layer.
  ///
  /// @return false if all of it is computed on the trusted side
  default boolean needsWorker() {
    return switch (this) {
      case Trusted _ -> false;
      case Split _, Untrusted _ -> true;
    };
  }

  /// All of it on the trusted side; nothing is sent to a worker.
  record Trusted() implements Placement {
    @Override
    public String toString() {
      return "trusted";
    }
  }

  /// The low-rank part of the input stays trusted, the residual is released with noise.
  ///
  /// @param decomposition how the input is split
  /// @param rank how many directions stay, resolved for this layer; rank 0 is noise alone
  record Split(Decomposition decomposition, Rank rank) implements Placement {
    /// Whether anything of the input stays.
    ///
    /// @return false at rank 0: the whole input is sent, with noise
    public boolean keepsPart() {
      return rank.most() > 0;
    }

    /// Whether one basis is found for the whole batch.
    ///
    /// @return false if each example has directions of its own, or there is no low-rank part
    public boolean sharesBasis() {
      return keepsPart() && decomposition == Decomposition.SHARED;
    }

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
