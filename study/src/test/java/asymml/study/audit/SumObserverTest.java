package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.trusted.draw.PoissonDraw;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SumObserverTest {
  @Test
  void a_canary_that_is_there_has_the_place_of_its_number_and_all_other_places_are_null() {
    int none = PoissonDraw.NULL_EXAMPLE;
    assertThat(SumObserver.places(new boolean[] {true, false, false, true}, 6))
        .containsExactly(0, none, none, 3, none, none);
    assertThat(SumObserver.places(new boolean[2], 2)).containsExactly(none, none);
  }

  /// A mean over 1024 of vectors of norm 1.
  @Test
  void scores_are_of_the_sum_of_which_the_mean_was_taken() {
    Canaries canaries = new Canaries(1, 2);
    float[] mean = new float[4 * Canaries.COUNT];
    add(mean, canaries, 7, 1);
    add(mean, canaries, 8, -2);
    double[] scores = SumObserver.scores(canaries, mean);
    assertThat(scores).hasSize(Canaries.COUNT);
    assertThat(scores[7]).isCloseTo(1, within(1e-6));
    assertThat(scores[8]).isCloseTo(-2, within(1e-6));
    assertThat(scores[9]).isZero();
  }

  private static void add(float[] mean, Canaries canaries, int canary, double times) {
    double[] direction = canaries.outputGradient(Canaries.HIDDEN, canary);
    for (int unit = 0; unit < direction.length; unit++) {
      mean[unit * Canaries.COUNT + canary] += (float) (times * direction[unit] / Canaries.COUNT);
    }
  }

  /// Noise of standard deviation z in each value of a sum is noise of z in each score, since
  /// directions have norm 1.
  @Test
  void a_score_has_the_noise_of_the_sum() {
    Canaries canaries = new Canaries(1, 2);
    SplittableRandom random = new SplittableRandom(3);
    float[] mean = new float[4 * Canaries.COUNT];
    for (int i = 0; i < mean.length; i++) {
      mean[i] = (float) (1.5 * random.nextGaussian() / Canaries.COUNT);
    }
    double squares = 0;
    for (double score : SumObserver.scores(canaries, mean)) {
      squares += score * score;
    }
    assertThat(Math.sqrt(squares / Canaries.COUNT)).isCloseTo(1.5, within(0.15));
  }
}
