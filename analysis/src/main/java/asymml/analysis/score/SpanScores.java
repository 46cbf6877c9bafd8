package asymml.analysis.score;

import asymml.analysis.Maps;
import java.util.Arrays;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.RealMatrix;
import org.hipparchus.linear.SingularValueDecomposition;

/// How well a span was found, and how well a score tells members.
public final class SpanScores {
  private SpanScores() {}

  /// The span that holds most of the removed low-rank part.
  ///
  /// @param hidden the true input less what was sent, `[N, H, W, C]`
  /// @param rank r
  /// @return `[C][r]`, orthonormal columns
  public static double[][] principal(Maps hidden, int rank) {
    int c = hidden.channels();
    double[][] rows = new double[c][c];
    for (int p = 0; p < hidden.positions(); p++) {
      for (int i = 0; i < c; i++) {
        double factor = hidden.values()[p * c + i];
        for (int j = 0; j < c; j++) {
          rows[i][j] += factor * hidden.values()[p * c + j];
        }
      }
    }
    RealMatrix vectors =
        new SingularValueDecomposition(new Array2DRowRealMatrix(rows, false)).getV();
    double[][] basis = new double[c][rank];
    for (int i = 0; i < c; i++) {
      for (int j = 0; j < rank; j++) {
        basis[i][j] = vectors.getEntry(i, j);
      }
    }
    return basis;
  }

  /// The mean squared cosine of the principal angles between two spans. Chance is r / C, equal
  /// spans have 1.
  ///
  /// @param found `[C][r]`, orthonormal columns
  /// @param truth the same shape, r at least 1
  /// @return 0 to 1
  public static double agreement(double[][] found, double[][] truth) {
    RealMatrix product =
        new Array2DRowRealMatrix(found, false)
            .transpose()
            .multiply(new Array2DRowRealMatrix(truth, false));
    double norm = product.getFrobeniusNorm();
    return norm * norm / truth[0].length;
  }

  /// The area under the curve of true against false alarms: how often a member scores higher than
  /// another, ties by half. Chance is 0.5, the truth has 1.
  ///
  /// @param members scores of members, at least one
  /// @param others scores of others, at least one
  /// @return 0 to 1
  public static double auc(double[] members, double[] others) {
    double wins =
        Arrays.stream(members)
            .map(m -> Arrays.stream(others).map(o -> m > o ? 1 : m < o ? 0 : 0.5).sum())
            .sum();
    return wins / ((double) members.length * others.length);
  }
}
