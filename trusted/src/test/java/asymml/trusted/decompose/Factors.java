package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Tensor;
import java.lang.foreign.Arena;

/// What a decomposer keeps, multiplied out: in double precision, as rows `[n P][C]`.
final class Factors {
  private Factors() {}

  /// `X_T` of the first n examples of the batch last fitted.
  static double[][] lowRank(Decomposer decomposer, int examples) {
    return switch (decomposer) {
      case SharedDecomposer shared -> {
        Tensor directions = shared.directions();
        double[][] b = Matrices.rows(shared.coefficients(), directions.length(0));
        yield Matrices.product(b, Matrices.rows(directions, directions.length(1)));
      }
      case PerExampleDecomposer own -> {
        int pixels = own.right(0).length(0);
        double[][] lowRank = new double[examples * pixels][];
        for (int i = 0; i < examples; i++) {
          double[][] v = Matrices.rows(own.right(i), own.rank());
          double[][] part = Matrices.product(v, Matrices.rows(own.left(i), own.left(i).length(1)));
          System.arraycopy(part, 0, lowRank, i * pixels, pixels);
        }
        yield lowRank;
      }
    };
  }

  /// The residual of a whole batch.
  static double[][] residual(Decomposer decomposer, Tensor x) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor out = Tensor.allocate(arena, x.shape());
      out.fill(Float.NaN); // overwritten everywhere
      decomposer.residual(x, 0, x.length(0), out);
      return Matrices.rows(out, x.length(3));
    }
  }

  /// The law of every decomposition: `X = X_T + X_U` to 1e-5 of the largest value.
  static void assertReproduces(Decomposer decomposer, Tensor x) {
    double[][] rows = Matrices.rows(x, x.length(3));
    double[][] sum = Matrices.sum(lowRank(decomposer, x.length(0)), 1, residual(decomposer, x));
    double largest = 0;
    double error = 0;
    for (int i = 0; i < rows.length; i++) {
      for (int c = 0; c < rows[i].length; c++) {
        largest = Math.max(largest, Math.abs(rows[i][c]));
        // NaN on either side makes this NaN, which no bound accepts.
        error = Math.max(error, Math.abs(rows[i][c] - sum[i][c]));
      }
    }
    assertThat(error).isLessThanOrEqualTo(1e-5 * largest);
  }
}
