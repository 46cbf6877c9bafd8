package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/// The oracle itself, against matrices whose singular values are known.
class ExactSvdTest {
  @Test
  void known_singular_values_are_found() {
    assertThat(ExactSvd.of(new double[][] {{3, 0}, {4, 5}}).values())
        .containsExactly(new double[] {3 * Math.sqrt(5), Math.sqrt(5)}, within(1e-12));
    assertThat(ExactSvd.of(new double[][] {{0, 0, 7}, {0, 0, 0}}).values())
        .containsExactly(new double[] {7, 0}, within(1e-12));
    assertThat(ExactSvd.of(new double[4][3]).values()).containsExactly(0, 0, 0);
  }

  @Test
  void chosen_singular_values_are_found_for_tall_and_wide_matrices() {
    var random = Matrices.seeded(1);
    double[] chosen = {100, 10, 9.999, 1, 1, 1e-5};
    double[][] u = Matrices.gaussian(random, chosen.length, 40);
    double[][] v = Matrices.gaussian(random, chosen.length, 6);
    Columns.orthonormalize(u, random);
    Columns.orthonormalize(v, random);
    double[][] tall = new double[40][6];
    for (int j = 0; j < chosen.length; j++) {
      for (int i = 0; i < tall.length; i++) {
        Columns.addScaled(chosen[j] * u[j][i], v[j], tall[i]);
      }
    }
    for (double[][] matrix : new double[][][] {tall, Matrices.transpose(tall)}) {
      ExactSvd svd = ExactSvd.of(matrix);
      assertThat(svd.values()).containsExactly(chosen, within(1e-10));
      assertThat(svd.energyBeyond(3)).isCloseTo(2, offset(1e-9));
      assertThat(Matrices.skew(svd.left())).isLessThan(1e-9);
    }
  }

  @Test
  void no_energy_is_lost() {
    double[][] matrix = Matrices.gaussian(Matrices.seeded(2), 57, 13);
    ExactSvd svd = ExactSvd.of(matrix);
    assertThat(svd.energyBeyond(0))
        .isCloseTo(Matrices.energy(matrix), within(1e-12 * Matrices.energy(matrix)));
    assertThat(svd.energyBeyond(13)).isZero();
  }
}
