package asymml.trusted.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SpectrumTest {
  private static final double EXACT = 1e-12;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 64})
  void equal_values_have_the_entropy_of_their_number(int r) {
    double[] equal = new double[r + 3];
    Arrays.fill(equal, 0, r, 5);
    Spectrum spectrum = new Spectrum(equal);
    assertThat(spectrum.effective()).isCloseTo(r, within(EXACT * r));
    assertThat(spectrum.entropy()).isCloseTo(Math.log(r) / Math.log(2), within(EXACT));
    assertThat(spectrum.rankOf(0.99)).isEqualTo((int) Math.ceil(0.99 * r));
  }

  @Test
  void entropy_is_minus_the_logarithm_of_the_sum_of_squared_shares() {
    Spectrum spectrum = new Spectrum(2, 1, 1); // p = 1/2, 1/4, 1/4
    assertThat(spectrum.normalised()).containsExactly(0.5, 0.25, 0.25);
    assertThat(spectrum.effective()).isCloseTo(1 / 0.375, within(EXACT));
    assertThat(spectrum.entropy()).isCloseTo(3 - Math.log(3) / Math.log(2), within(EXACT));
    assertThat(new Spectrum(20, 10, 10).entropy()).isCloseTo(spectrum.entropy(), within(EXACT));
  }

  @Test
  void energy_is_that_of_squares_and_ranks_are_the_fewest_that_hold_it() {
    Spectrum spectrum = new Spectrum(10, 3, 2, 1, 0); // squares 100, 9, 4, 1 of 114
    assertThat(spectrum.energy()).isEqualTo(114);
    assertThat(spectrum.energyFrom(1)).isEqualTo(14);
    assertThat(spectrum.energyFrom(4)).isZero();
    assertThat(spectrum.energyFrom(9)).isZero();
    assertThat(spectrum.rankOf(0.87)).isEqualTo(1); // 100 of 114 is 87.7 %
    assertThat(spectrum.rankOf(0.90)).isEqualTo(2);
    assertThat(spectrum.rankOf(0.96)).isEqualTo(3);
    assertThat(spectrum.rankOf(1)).isEqualTo(4);
    assertThat(spectrum.above(2)).isEqualTo(2);
  }

  @Test
  void what_no_matrix_has_is_refused() {
    assertThat(new Spectrum(0, 0).isZero()).isTrue();
    assertThat(new Spectrum(1e-300).isZero()).isFalse();
    for (double[] wrong :
        List.of(
            new double[] {1, 2},
            new double[] {-1},
            new double[] {Double.NaN},
            new double[] {Double.POSITIVE_INFINITY},
            new double[] {1, Double.NaN})) {
      assertThatThrownBy(() -> new Spectrum(wrong)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void figures_are_means_of_shares_and_medians_of_the_rest() {
    Figures figures =
        Figures.of(List.of(new Spectrum(1, 0, 0), new Spectrum(2, 1, 1), new Spectrum(3, 3, 3)));
    assertThat(figures.examples()).isEqualTo(3);
    assertThat(figures.spectrum()).containsExactly(0.61111, 0.19444, 0.19444);
    assertThat(figures.effective()).isCloseTo(1 / 0.375, within(EXACT));
    assertThat(figures.entropy()).isCloseTo(Math.log(1 / 0.375) / Math.log(2), within(EXACT));
    assertThat(figures.rank90()).isEqualTo(3);
    assertThat(Figures.median(new double[] {4, 1, 3, 2})).isEqualTo(2.5);
    assertThat(Figures.median(new int[] {4, 1, 3, 2})).isEqualTo(3);
  }
}
