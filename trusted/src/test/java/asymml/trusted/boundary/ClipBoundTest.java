package asymml.trusted.boundary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.privacy.ClipNorm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClipBoundTest {
  @Test
  void nothing_is_known_before_the_first_batch() {
    ClipBound bound = new ClipBound();
    assertThat(bound.known()).isFalse();
    assertThatThrownBy(bound::norm)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no batch has been seen yet");
  }

  @Test
  void the_first_bound_is_the_median_of_odd_and_even_batches() {
    ClipBound odd = new ClipBound();
    double[] norms = {9, 1, 4};
    odd.observe(norms);
    assertThat(odd.norm()).isEqualTo(4);
    assertThat(norms).containsExactly(9, 1, 4); // not sorted for the caller
    ClipBound even = new ClipBound();
    even.observe(new double[] {9, 1, 4, 5});
    assertThat(even.norm()).isEqualTo(4.5);
    ClipBound one = new ClipBound();
    one.observe(new double[] {3});
    assertThat(one.norm()).isEqualTo(3);
  }

  @Test
  void it_follows_later_medians_by_a_tenth_and_one_outlier_does_not_move_it() {
    ClipBound bound = new ClipBound();
    bound.observe(new double[] {10, 10, 10});
    bound.observe(new double[] {20, 20, 1e30});
    assertThat(bound.norm()).isEqualTo(11);
    for (int i = 0; i < 100; i++) {
      bound.observe(new double[] {20, 20, 20});
    }
    assertThat(bound.norm()).isCloseTo(20, within(1e-3));
  }

  @Test
  void a_dead_layer_s_bound_stays_above_zero_and_recovers() {
    ClipBound bound = new ClipBound();
    bound.observe(new double[] {0, 0});
    assertThat(bound.norm()).isGreaterThan(0).isLessThan(1e-20);
    bound.observe(new double[] {5, 5});
    assertThat(bound.norm()).isCloseTo(0.5, within(1e-12));
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void a_saved_bound_that_bounds_nothing_is_refused(double bad) {
    ClipBound bound = new ClipBound();
    assertThatThrownBy(() -> bound.restore(bad))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(Double.toString(bad));
    assertThat(bound.known()).isFalse();
  }

  @Test
  void a_restored_bound_goes_on() {
    ClipBound bound = new ClipBound();
    bound.restore(2.5);
    assertThat(bound.known()).isTrue();
    assertThat(bound.norm()).isEqualTo(2.5);
    bound.observe(new double[] {3.5});
    assertThat(bound.norm()).isCloseTo(2.6, within(1e-15));
  }

  @Test
  void a_fixed_bound_is_known_at_once_never_moves_and_is_not_restored() {
    ClipBound bound = ClipBound.fixed(new ClipNorm(2.5));
    assertThat(bound.known()).isTrue();
    assertThat(bound.isDataDependent()).isFalse();
    assertThat(new ClipBound().isDataDependent()).isTrue();
    for (double norm : new double[] {0, 1e-30, 7, 1e30}) {
      bound.observe(new double[] {norm, norm, norm});
      assertThat(bound.norm()).isEqualTo(2.5);
    }
    for (double saved : new double[] {2.5, 9}) {
      assertThatThrownBy(() -> bound.restore(saved))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("a fixed clip bound is not restored");
    }
    assertThat(bound.norm()).isEqualTo(2.5);
  }
}
