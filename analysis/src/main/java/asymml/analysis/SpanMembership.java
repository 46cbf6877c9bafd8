package asymml.analysis;

/// Attack 5: was a known example in the batch? A member's activation lies, up to its low-rank part
/// and noise, in the span of the N rows that were sent, each an example's whole map; another
/// example's does not.
///
/// Candidates are centred per channel and freed of the hidden directions ([HiddenSubspace]); the
/// score is the share of the rest that the span explains. It needs no idea of which slot an example
/// had. Noise adds up over H W C values more slowly than the match does: on CIFAR-10 noise as large
/// as the residual hid members only where the residual has three channels.
///
/// Source: Melis et al., "Exploiting Unintended Feature Leakage in Collaborative Learning" (IEEE
/// S&P 2019, arXiv 1805.04049), membership from a batch's gradients; the test in the span is this
/// project's own.
///
/// Reads X as received. Public knowledge: the candidate's activation at the layer. The attacker has
/// it at the first layer, where it is the image (augmented as the run did it), and behind layers
/// whose weights are known; elsewhere this is a bound on what one with a released model of the same
/// weights can do. Cost: `N^2 H W C` once and `N H W C` a candidate.
public final class SpanMembership {
  private SpanMembership() {}

  /// Scores candidates.
  ///
  /// @param sent `[N, H, W, C]` as received
  /// @param hidden `[C][r]`, orthonormal columns; none with r = 0
  /// @param candidates `[M, H, W, C]` at the same layer
  /// @return for each candidate the explained share, 0 to 1: higher for members
  public static double[] scores(Maps sent, double[][] hidden, Maps candidates) {
    Maps rows = candidates.centred().without(hidden);
    int n = sent.examples();
    double[][] gram = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        gram[i][j] = dot(sent, i, sent, j);
        gram[j][i] = gram[i][j];
      }
    }
    double ridge = 1e-9 * Symmetric.meanDiagonal(gram);
    double[][] right = new double[candidates.examples()][n];
    for (int m = 0; m < right.length; m++) {
      for (int i = 0; i < n; i++) {
        right[m][i] = dot(sent, i, rows, m);
      }
    }
    double[][] weights = Symmetric.solve(gram, ridge, right);
    double[] scores = new double[right.length];
    for (int m = 0; m < scores.length; m++) {
      double explained = 0;
      for (int i = 0; i < n; i++) {
        explained += right[m][i] * weights[m][i];
      }
      double all = dot(rows, m, rows, m);
      scores[m] = all > 0 ? explained / all : 0;
    }
    return scores;
  }

  private static double dot(Maps a, int i, Maps b, int j) {
    int size = a.exampleSize();
    double sum = 0;
    for (int k = 0; k < size; k++) {
      sum += (double) a.values()[i * size + k] * b.values()[j * size + k];
    }
    return sum;
  }
}
