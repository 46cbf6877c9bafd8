package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RayleighRitzTest {
  /// `A^T A` and A's singular values squared are the eigenvalues.
  private static double[][] covariance(double[][] a) {
    return Matrices.product(Matrices.transpose(a), a);
  }

  private static double[][] identity(int n) {
    double[][] columns = new double[n][n];
    for (int i = 0; i < n; i++) {
      columns[i][i] = 1;
    }
    return columns;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 13, 32})
  void in_the_whole_space_it_finds_the_eigenpairs(int n) {
    double[][] a = Matrices.gaussian(Matrices.seeded(n), 3 * n, n);
    double[][] m = covariance(a);
    RayleighRitz ritz = RayleighRitz.of(identity(n), m);
    double[] singular = ExactSvd.of(a).values();
    assertThat(Matrices.skew(ritz.columns())).isLessThan(1e-12);
    for (int j = 0; j < n; j++) {
      double value = singular[j] * singular[j];
      assertThat(ritz.values()[j]).isCloseTo(value, within(1e-11 * singular[0] * singular[0]));
      double[] image = Matrices.product(new double[][] {ritz.columns()[j]}, m)[0];
      Columns.addScaled(-value, ritz.columns()[j], image);
      assertThat(Math.sqrt(Columns.dot(image, image))).isLessThan(1e-9 * singular[0] * singular[0]);
    }
  }

  @Test
  void within_a_subspace_its_columns_are_orthogonal_under_the_matrix_and_span_the_subspace() {
    SplittableRandom random = Matrices.seeded(5);
    double[][] m = covariance(Matrices.gaussian(random, 60, 20));
    double[][] q = Matrices.gaussian(random, 6, 20);
    Columns.orthonormalize(q, random);
    double[][] image = Matrices.product(q, m); // M is symmetric: M q_j as rows
    RayleighRitz ritz = RayleighRitz.of(q, image);
    double[][] v = ritz.columns();
    double[][] small = Matrices.product(Matrices.product(v, m), Matrices.transpose(v));
    for (int i = 0; i < 6; i++) {
      for (int j = 0; j < 6; j++) {
        double expected = i == j ? ritz.values()[i] : 0;
        assertThat(small[i][j]).isCloseTo(expected, within(1e-10));
      }
      assertThat(i == 0 || ritz.values()[i] <= ritz.values()[i - 1]).isTrue();
    }
    double[][] projected = Matrices.product(Matrices.product(v, Matrices.transpose(q)), q);
    assertThat(Matrices.energy(Matrices.sum(projected, -1, v))).isLessThan(1e-24);
  }

  @Test
  void equal_and_zero_eigenvalues_are_no_trouble() {
    double[][] m = identity(4);
    m[3][3] = 0;
    RayleighRitz ritz = RayleighRitz.of(identity(4), m);
    assertThat(ritz.values()).containsExactly(1, 1, 1, 0);
    assertThat(Matrices.skew(ritz.columns())).isLessThan(1e-15);
    RayleighRitz nothing = RayleighRitz.of(identity(3), new double[3][3]);
    assertThat(nothing.values()).containsExactly(0, 0, 0);
  }
}
