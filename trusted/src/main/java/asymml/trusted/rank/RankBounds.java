package asymml.trusted.rank;

import asymml.kernels.ConvShape;
import asymml.trusted.rank.ExactSvd.LowRank;

/// The exact bounds on ranks behind linear operations, checked on one example's numbers in double
/// precision. Each check forms the low-rank input, applies the operation to it as to any other
/// input, and compares the rank of what comes out with what the theory allows.
///
/// A computed rank counts only what is certainly there: singular values above the decomposition's
/// own tolerance ([ExactSvd]) plus a bound on the error of the matrix it was given. So no rounding
/// can make a bound seem violated; what is found above one is a fault of theory or code.
final class RankBounds {
  private RankBounds() {}

  /// What came out of a check.
  ///
  /// @param measured the numerical rank
  /// @param bound what it must not exceed
  /// @param effective `2^mu` of the output; 0 if it is zero
  /// @param estimate what the inputs' own entropies let expect of it, or NaN where there is no such
  ///   estimate
  record Check(int measured, int bound, double effective, double estimate) {
    boolean holds() {
      return measured <= bound;
    }
  }

  /// `rank(W * (U V^T)) <= min(sum_j rank(patches(v_j)), k^2 r, O, P_out)`.
  ///
  /// With `M_j = W.u_j`, `W * X_T = sum_j M_j patches(v_j)`. Let a patch matrix count as of the
  /// rank of its singular values above `t_j`; what is dropped has norm at most `t_j`, so that `W *
  /// X_T` is within `sum_j |W| |u_j| t_j` of a matrix of rank `sum_j rank_j`, and by Weyl's
  /// inequality its next singular value is no larger. That is added to the threshold, and so is
  /// rounding: that of forming X_T, each pixel of which is in at most k^2 patches, so `k |W|` times
  /// its error; and that of convolving, sums of `k^2 C` products, `g(k^2 C) k |W| |X_T|`.
  ///
  /// The estimate is the argument of 3LegRace (arXiv 2110.01229) with entropies in the place of
  /// ranks: `sum_j 2^mu` of the patch matrices, at most O and P_out. It is no bound.
  static Check convolution(LowRank input, double[][] weights, ConvShape shape) {
    double[][] x = input.product();
    return convolution(input, x, Patches.convolve(weights, x, shape), weights, shape);
  }

  /// The same for an output that was computed elsewhere.
  ///
  /// @param x `[P][C]`, the input formed
  /// @param y `[P_out][O]`
  static Check convolution(
      LowRank input, double[][] x, double[][] y, double[][] weights, ConvShape shape) {
    int places = shape.kernelHeight() * shape.kernelWidth();
    int smallest = Math.min(shape.outChannels(), shape.outHeight() * shape.outWidth());
    double weightNorm = Dense.norm(weights);
    int sum = 0;
    double estimate = 0;
    double dropped = 0;
    for (int j = 0; j < input.rank(); j++) {
      ExactSvd patches = ExactSvd.of(Patches.ofMap(Dense.column(input.maps(), j), shape));
      if (!patches.spectrum().isZero()) {
        sum += patches.rank(0);
        estimate += patches.spectrum().effective();
        dropped += norm(Dense.column(input.channels(), j)) * 2 * patches.tolerance();
      }
    }
    double noise =
        weightNorm
            * (dropped
                + Math.sqrt(places)
                    * (input.formationError() + Dense.gamma(weights[0].length) * Dense.norm(x)));
    int bound = Math.min(Math.min(sum, places * input.rank()), smallest);
    return check(y, noise, bound, Math.min(estimate, smallest));
  }

  /// `rank(a_c X_c + b_c) <= r + 1`: normalisation at fixed statistics adds one direction, that of
  /// the constant map. Rounding: two operations an entry, on what forming X_T has left.
  ///
  /// @param scale a `[C]`
  /// @param shift b `[C]`
  static Check affine(LowRank input, double[] scale, double[] shift) {
    double[][] y = input.product();
    double largest = 0;
    for (double a : scale) {
      largest = Math.max(largest, Math.abs(a));
    }
    double noise =
        largest * input.formationError()
            + Dense.gamma(2) * (largest * Dense.norm(y) + Math.sqrt(y.length) * norm(shift));
    for (double[] row : y) {
      for (int c = 0; c < row.length; c++) {
        row[c] = scale[c] * row[c] + shift[c];
      }
    }
    return check(y, noise, input.rank() + 1, Double.NaN);
  }

  /// `rank(pool(X)) <= r` for means over windows. By Cauchy-Schwarz a mean's square is at most the
  /// mean of squares, and a place is in at most `ceil(k/s)^2` windows: the operation enlarges
  /// errors by at most `ceil(k/s)`.
  static Check average(LowRank input, ConvShape windows) {
    double[][] x = input.product();
    double gain =
        Math.ceilDiv(Math.max(windows.kernelHeight(), windows.kernelWidth()), windows.stride());
    int count = windows.kernelHeight() * windows.kernelWidth();
    double noise = gain * (input.formationError() + Dense.gamma(count + 1) * Dense.norm(x));
    return check(Patches.average(x, windows), noise, input.rank(), Double.NaN);
  }

  /// `rank(A + B) <= r_1 + r_2`: a shortcut. Rounding: one operation an entry.
  static Check sum(LowRank first, LowRank second) {
    double[][] y = first.product();
    double[][] other = second.product();
    double noise =
        first.formationError()
            + second.formationError()
            + Dense.gamma(1) * (Dense.norm(y) + Dense.norm(other));
    for (int p = 0; p < y.length; p++) {
      for (int c = 0; c < y[p].length; c++) {
        y[p][c] += other[p][c];
      }
    }
    return check(y, noise, first.rank() + second.rank(), Double.NaN);
  }

  private static Check check(double[][] y, double noise, int bound, double estimate) {
    ExactSvd svd = ExactSvd.of(y);
    return new Check(
        svd.rank(noise), bound, svd.spectrum().isZero() ? 0 : svd.spectrum().effective(), estimate);
  }

  private static double norm(double[] vector) {
    return Dense.norm(new double[][] {vector});
  }
}
