package asymml.trusted.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class FiguresTest {
  @Test
  void equal_directions_are_all_effective() {
    Figures four = Figures.of(List.of(new Spectrum(3, 3, 3, 3)));
    assertThat(four.examples()).isEqualTo(1);
    assertThat(four.spectrum()).containsExactly(0.25, 0.25, 0.25, 0.25);
    assertThat(four.entropy()).isCloseTo(2, within(1e-12));
    assertThat(four.effective()).isCloseTo(4, within(1e-12));
    assertThat(List.of(four.rank90(), four.rank95(), four.rank99())).containsExactly(4, 4, 4);
    Figures one = Figures.of(List.of(new Spectrum(7, 0, 0)));
    assertThat(one.spectrum()).containsExactly(1.0, 0.0, 0.0);
    assertThat(one.entropy()).isZero();
    assertThat(one.effective()).isEqualTo(1);
    assertThat(one.rank99()).isEqualTo(1);
  }

  /// Energies 81, 9, 9, 1 of 100: two directions hold 90 % exactly, and three hold 99 %.
  @Test
  void ranks_are_the_fewest_directions_that_hold_their_share_of_the_energy() {
    Figures figures = Figures.of(List.of(new Spectrum(9, 3, 3, 1)));
    assertThat(figures.rank90()).isEqualTo(2);
    assertThat(figures.rank95()).isEqualTo(3);
    assertThat(figures.rank99()).isEqualTo(3);
    assertThat(Figures.of(List.of(new Spectrum(9, 3, 3, 1.1))).rank99()).isEqualTo(4);
    assertThat(Figures.of(List.of(new Spectrum(9, 3, 3, 0.9))).rank99()).isEqualTo(3);
    double[] equal = new double[20];
    Arrays.fill(equal, 3);
    Figures twenty = Figures.of(List.of(new Spectrum(equal)));
    assertThat(List.of(twenty.rank90(), twenty.rank95(), twenty.rank99()))
        .containsExactly(18, 19, 20);
  }

  @Test
  void a_spectrum_is_the_mean_of_shares_and_not_of_singular_values() {
    // An example of large values counts as much as one of small ones.
    Figures figures = Figures.of(List.of(new Spectrum(1000, 1000), new Spectrum(3, 1)));
    assertThat(figures.spectrum()).containsExactly(0.625, 0.375);
    assertThat(figures.examples()).isEqualTo(2);
  }

  @Test
  void shares_have_five_digits() {
    Figures figures = Figures.of(List.of(new Spectrum(2.0 / 3, 1.0 / 3), new Spectrum(1, 1e-9)));
    assertThat(figures.spectrum().getFirst()).isEqualTo(0.83333);
    assertThat(Figures.of(List.of(new Spectrum(1, 1e-9 / 3))).spectrum())
        .containsExactly(1.0, 3.3333e-10);
  }

  @Test
  void medians_are_the_middle_of_sorted_values_whatever_their_order() {
    SplittableRandom random = Known.seeded(62);
    for (int size = 1; size <= 9; size++) {
      int[] values = random.ints(size, -50, 50).toArray();
      int[] before = values.clone();
      double[] reals = Arrays.stream(values).asDoubleStream().toArray();
      // By definition: as many below as above.
      double median = Figures.median(reals);
      assertThat(Arrays.stream(values).filter(v -> v < median).count())
          .isEqualTo(Arrays.stream(values).filter(v -> v > median).count())
          .isLessThanOrEqualTo(size / 2);
      int whole = Figures.median(values);
      assertThat((double) whole).isGreaterThanOrEqualTo(median);
      assertThat(Arrays.stream(values).anyMatch(v -> v == whole)).isTrue();
      assertThat(values).as("the caller's array").isEqualTo(before);
    }
    assertThat(Figures.median(new double[] {4, 1, 2, 9})).isEqualTo(3);
    assertThat(Figures.median(new int[] {4, 1, 2, 9})).isEqualTo(4);
  }

  @Test
  void medians_of_examples_do_not_depend_on_their_order() {
    SplittableRandom random = Known.seeded(63);
    List<Spectrum> spectra = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      double[] s = random.doubles(5, 0, 1).map(v -> -v).sorted().map(v -> -v).toArray();
      spectra.add(new Spectrum(s));
    }
    Figures figures = Figures.of(spectra);
    Collections.reverse(spectra);
    Figures reversed = Figures.of(spectra);
    assertThat(reversed.effective()).isEqualTo(figures.effective());
    assertThat(reversed.entropy()).isEqualTo(figures.entropy());
    assertThat(reversed.rank95()).isEqualTo(figures.rank95());
    for (int j = 0; j < 5; j++) {
      // Sums in another order; rounded to five digits.
      assertThat(reversed.spectrum().get(j)).isCloseTo(figures.spectrum().get(j), within(1e-5));
    }
  }

  @Test
  void the_list_is_a_copy() {
    List<Double> spectrum = new ArrayList<>(List.of(0.75, 0.25));
    Figures figures = new Figures(1, spectrum, 0, 1, 1, 1, 1);
    spectrum.set(0, 9.0);
    assertThat(figures.spectrum()).containsExactly(0.75, 0.25);
    assertThatThrownBy(() -> figures.spectrum().add(1.0))
        .isInstanceOf(UnsupportedOperationException.class);
  }
}
