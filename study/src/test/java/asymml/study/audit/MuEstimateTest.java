package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MuEstimateTest {
  private static final double CONFIDENCE = 0.95;

  private static boolean[] there(int in, int out) {
    boolean[] there = new boolean[in + out];
    for (int i = 0; i < in; i++) {
      there[i] = true;
    }
    return there;
  }

  private static double[] truth(boolean[] there) {
    double[] scores = new double[there.length];
    for (int i = 0; i < there.length; i++) {
      scores[i] = there[i] ? 1 : 0;
    }
    return scores;
  }

  @Test
  void wrong_guesses_of_all_steps_are_counted_by_their_kind() {
    boolean[][] there = {{true, true, false}, {false, false, true}};
    double[][] scores = {{0.9, 0.1, 0.2}, {0.7, 3, -2}};
    MuEstimate found = MuEstimate.of(there, scores, CONFIDENCE);
    assertThat(found.canaries()).isEqualTo(6);
    assertThat(found.falsePositives()).isEqualTo(2);
    assertThat(found.falseNegatives()).isEqualTo(2);
    assertThat(found.confidence()).isEqualTo(CONFIDENCE);
    assertThat(found.lower()).isZero();
  }

  @Test
  void a_score_in_the_middle_or_none_at_all_is_guessed_not_to_be_there() {
    MuEstimate found =
        MuEstimate.of(
            new boolean[][] {{true, true, false, false}},
            new double[][] {{0.5, Double.NaN, 0.5, Double.NaN}},
            CONFIDENCE);
    assertThat(found.falseNegatives()).isEqualTo(2);
    assertThat(found.falsePositives()).isZero();
  }

  /// Ten of ten right on either side exclude, at an error of `Phi(1)^10` each, all rates above `1 -
  /// Phi(1)`: two Gaussians at a distance of 2.
  @Test
  void guesses_that_are_all_right_prove_what_their_number_can() {
    double each = Math.pow(0.841344746068543, 10);
    boolean[] there = there(10, 10);
    MuEstimate found =
        MuEstimate.of(new boolean[][] {there}, new double[][] {truth(there)}, 1 - 2 * each);
    assertThat(found.lower()).isCloseTo(2, within(1e-6));
  }

  @Test
  void guesses_that_are_all_wrong_prove_nothing() {
    boolean[] there = there(50, 50);
    double[] wrong = truth(there);
    for (int i = 0; i < wrong.length; i++) {
      wrong[i] = 1 - wrong[i];
    }
    MuEstimate found = MuEstimate.of(new boolean[][] {there}, new double[][] {wrong}, CONFIDENCE);
    assertThat(found.falsePositives()).isEqualTo(50);
    assertThat(found.falseNegatives()).isEqualTo(50);
    assertThat(found.lower()).isZero();
  }

  @Test
  void more_guesses_prove_more() {
    double last = 0;
    for (int canaries : new int[] {10, 100, 1000}) {
      boolean[] there = there(canaries, canaries);
      double lower =
          MuEstimate.of(new boolean[][] {there}, new double[][] {truth(there)}, CONFIDENCE).lower();
      assertThat(lower).isGreaterThan(last);
      last = lower;
    }
  }

  @Test
  void without_canaries_of_both_kinds_there_is_no_estimate() {
    for (boolean[] there : new boolean[][] {there(4, 0), there(0, 4)}) {
      assertThatThrownBy(() ->
              MuEstimate.of(new boolean[][] {there}, new double[][] {truth(there)}, CONFIDENCE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("an audit needs canaries that are there and others");
    }
  }

  /// Of 20 480 fair coins the share of heads has a deviation of 0.0035.
  @Test
  void coins_are_fair_differ_between_steps_and_follow_from_the_seed() {
    boolean[][] coins = MuEstimate.coins(20, new SplittableRandom(9));
    assertThat(coins).hasDimensions(20, Canaries.COUNT);
    long heads = Stream.of(coins).mapToLong(MuEstimateTest::heads).sum();
    assertThat(heads / (20.0 * Canaries.COUNT)).isCloseTo(0.5, within(0.02));
    assertThat(coins[0]).isNotEqualTo(coins[1]);
    assertThat(MuEstimate.coins(20, new SplittableRandom(9))).isDeepEqualTo(coins);
  }

  private static long heads(boolean[] coins) {
    long heads = 0;
    for (boolean coin : coins) {
      heads += coin ? 1 : 0;
    }
    return heads;
  }
}
