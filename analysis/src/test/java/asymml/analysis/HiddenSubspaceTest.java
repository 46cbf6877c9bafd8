package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.HiddenSubspace.Result;
import asymml.analysis.score.SpanScores;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Maps that lack known directions. The seed is fixed.
class HiddenSubspaceTest {
  private static final int C = 9;

  private final SplittableRandom random = new SplittableRandom(29);

  /// Orthonormal columns by Gram and Schmidt.
  private double[][] basis(int rank) {
    double[][] basis = new double[C][rank];
    for (int j = 0; j < rank; j++) {
      for (int i = 0; i < C; i++) {
        basis[i][j] = random.nextGaussian();
      }
      for (int k = 0; k <= j; k++) {
        double inner = 0;
        for (int i = 0; i < C; i++) {
          inner += basis[i][j] * basis[i][k];
        }
        for (int i = 0; i < C; i++) {
          basis[i][j] = k < j ? basis[i][j] - inner * basis[i][k] : basis[i][j] / Math.sqrt(inner);
        }
      }
    }
    return basis;
  }

  private Maps full() {
    return Planted.normal(random, 6, 5, 5, C);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 8})
  void directions_that_were_removed_are_found_whatever_their_number(int rank) {
    double[][] removed = basis(rank);
    Result found = HiddenSubspace.find(full().without(removed), rank);
    assertThat(SpanScores.agreement(found.basis(), removed)).isCloseTo(1, within(1e-6));
    assertThat(found.gap()).isEqualTo(rank);
  }

  @Test
  void columns_are_orthonormal_and_energies_rise() {
    Result found = HiddenSubspace.find(full(), 4);
    for (int j = 0; j < 4; j++) {
      for (int k = 0; k < 4; k++) {
        double inner = 0;
        for (int i = 0; i < C; i++) {
          inner += found.basis()[i][j] * found.basis()[i][k];
        }
        assertThat(inner).isCloseTo(j == k ? 1 : 0, within(1e-9));
      }
    }
    assertThat(found.energies()).hasSize(C).isSorted();
  }

  @Test
  void energies_are_those_of_the_channels_where_these_are_apart() {
    Maps maps = new Maps(1, 3, 1, 3, new float[] {1, 0, 0, 0, 2, 0, 0, 0, 3});
    Result found = HiddenSubspace.find(maps, 1);
    assertThat(found.energies()).containsExactly(new double[] {1, 4, 9}, within(1e-9));
    assertThat(Math.abs(found.basis()[0][0])).isCloseTo(1, within(1e-9));
  }

  @Test
  void a_factor_of_what_was_sent_changes_no_direction() {
    Maps sent = full().without(basis(3));
    Maps larger = sent.zeros();
    for (int i = 0; i < sent.values().length; i++) {
      larger.values()[i] = 1024 * sent.values()[i];
    }
    Result small = HiddenSubspace.find(sent, 3);
    Result large = HiddenSubspace.find(larger, 3);
    assertThat(SpanScores.agreement(small.basis(), large.basis())).isCloseTo(1, within(1e-6));
    assertThat(large.gap()).isEqualTo(small.gap());
  }

  @Test
  void no_rank_gives_no_directions_and_the_full_rank_gives_all() {
    assertThat(HiddenSubspace.find(full(), 0).basis()).hasDimensions(C, 0);
    double[][] all = HiddenSubspace.find(full(), C).basis();
    assertThat(SpanScores.agreement(all, basis(C))).isCloseTo(1, within(1e-9));
  }

  @Test
  void nothing_at_all_gives_directions_without_energy() {
    Result found = HiddenSubspace.find(full().zeros(), 2);
    assertThat(found.energies()).containsOnly(0);
    for (double[] row : found.basis()) {
      assertThat(row).doesNotContain(Double.NaN);
    }
  }

  @Test
  void one_channel_has_one_direction() {
    Result found = HiddenSubspace.find(Planted.normal(random, 2, 2, 2, 1), 1);
    assertThat(Math.abs(found.basis()[0][0])).isCloseTo(1, within(1e-12));
    assertThat(found.gap()).isZero();
  }

  /// With noise of a hundred times the signal the least energy lies anywhere: the agreement of a
  /// random direction with one of nine is 1/9 in the mean, above 0.8 once in 2,000.
  @Test
  void strong_noise_hides_a_direction() {
    double[][] removed = basis(1);
    Maps sent = Planted.noised(random, full().without(removed), 100);
    assertThat(SpanScores.agreement(HiddenSubspace.find(sent, 1).basis(), removed)).isLessThan(0.8);
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 10})
  void a_rank_that_channels_cannot_have_is_refused(int rank) {
    assertThatThrownBy(() -> HiddenSubspace.find(full(), rank))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rank " + rank + " of 9 channels");
  }
}
