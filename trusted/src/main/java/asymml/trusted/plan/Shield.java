package asymml.trusted.plan;

/// What hides the data of split layers from the workers.
public sealed interface Shield {
  /// Whether data are hidden under masks that another worker holds.
  ///
  /// @return false if they are noised
  default boolean masks() {
    return switch (this) {
      case Residual _ -> false;
      case Shares _ -> true;
    };
  }

  /// How many workers it takes.
  ///
  /// @return 1 or 2; where it is 1, several may share a batch
  default int workers() {
    return masks() ? 2 : 1;
  }

  /// The share of output positions that weight gradients come from.
  ///
  /// @return above 0; 1 where none is left out
  default double gradientPositions() {
    return switch (this) {
      case Residual _ -> 1;
      case Shares(double positions) -> positions;
    };
  }

  /// Whether weight gradients are estimates from a sample of positions. No bound holds for one
  /// example's part in such an estimate.
  ///
  /// @return true if positions are left out
  default boolean samplesGradients() {
    return gradientPositions() < 1;
  }

  /// One worker, which gets noisy residuals and computes on them: the paper's. Its results keep the
  /// noise.
  record Residual() implements Shield {
    @Override
    public String toString() {
      return "residual";
    }
  }

  /// Two workers that do not collude: one gets values under Gaussian masks, the other the masks,
  /// and the difference of their results is exact but for rounding. Weight gradients are computed
  /// here: they are products of two hidden tensors, which no difference gives.
  ///
  /// @param positions the share of output positions that weight gradients are estimated from, above
  ///   0; 1 for all, which is exact
  record Shares(double positions) implements Shield {
    /// The fewest positions of a sample for each output channel: with fewer, dY would determine the
    /// sample.
    public static final int POSITIONS_PER_CHANNEL = 2;

    /// The L2 norm that every example is scaled to before masks are added: the bound C of the
    /// mechanism that they are. Its value is of no matter, since masks are in proportion.
    public static final double NORM = 1;

    /// The norm of all parts of a masked tensor that an example has.
    ///
    /// @param views how many places of a batch it has, each with a part of norm [#NORM]
    /// @return at least [#NORM]
    public static double norm(long views) {
      return NORM * Math.sqrt((double) views);
    }

    /// Checks the range.
    public Shares {
      if (!(positions > 0 && positions <= 1)) {
        throw new IllegalArgumentException(
            "weight gradients come from a share of positions above 0 and up to 1: " + positions);
      }
    }

    @Override
    public String toString() {
      return positions == 1
          ? "shares"
          : "shares, weight gradients from " + positions + " of the positions";
    }
  }
}
