package asymml.trusted.rank;

import org.jspecify.annotations.Nullable;

/// One linear layer.
///
/// PRIVATE: statistics of private data.
///
/// @param layer its name
/// @param placement where the run's plan has it
/// @param input shape of X for one example, `HxWxC`
/// @param output shape of Y and dY for one example, `HxWxO`
/// @param x its input X; null if that is zero for every example
/// @param xShares residual energies of decompositions of X
/// @param dy the gradient dY of its output; null if that is zero for every example
/// @param dyShares residual energies of decompositions of dY
/// @param y its output Y; null if that is zero for every example
/// @param lowRank what becomes of the low-rank part of X
public record LayerRanks(
    String layer,
    String placement,
    String input,
    String output,
    @Nullable Figures x,
    Shares xShares,
    @Nullable Figures dy,
    Shares dyShares,
    @Nullable Figures y,
    LowRankOutput lowRank) {

  /// `W * X_T`, for the exact low-rank part `X_T` of each example.
  ///
  /// @param rank median of its numerical rank
  /// @param bound median of `min(sum_j rank(patches(v_j)), k^2 r, O, P_out)`
  /// @param slack the least of bound less rank; below 0 the bound is violated
  /// @param effective median of its `2^mu`
  /// @param estimate median of the patch-entropy estimate, `min(sum_j 2^mu(patches(v_j)), O,
  ///   P_out)`: no bound
  public record LowRankOutput(int rank, int bound, int slack, double effective, double estimate) {}
}
