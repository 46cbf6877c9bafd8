package asymml.analysis.score;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import asymml.analysis.Maps;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ScoresTest {
  private static final Maps TRUTH = random(4, 16, 12, 3);

  private static Maps random(int n, int h, int w, int c) {
    SplittableRandom random = new SplittableRandom(n);
    float[] values = new float[n * h * w * c];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat();
    }
    return new Maps(n, h, w, c, values);
  }

  private static Maps constant(float value) {
    Maps maps = TRUTH.zeros();
    Arrays.fill(maps.values(), value);
    return maps;
  }

  private static Maps shifted(float by) {
    Maps maps = constant(by);
    for (int i = 0; i < maps.values().length; i++) {
      maps.values()[i] += TRUTH.values()[i];
    }
    return maps;
  }

  @Test
  void the_truth_has_the_best_scores() {
    assertThat(MapScores.cosine(TRUTH, TRUTH)).isCloseTo(1, within(1e-12));
    assertThat(MapScores.cosine(shifted(5), TRUTH)).isCloseTo(1, within(1e-6));
    assertThat(MapScores.reidentified(TRUTH, TRUTH)).isEqualTo(1);
    assertThat(MapScores.maskAccuracy(TRUTH.minus(constant(0.5f)), TRUTH.minus(constant(0.5f))))
        .isEqualTo(1);
    assertThat(MapScores.normCorrelation(TRUTH, TRUTH)).isCloseTo(1, within(1e-12));
    assertThat(ImageScores.psnr(TRUTH, TRUTH)).isEqualTo(100);
    assertThat(ImageScores.ssim(TRUTH, TRUTH)).isCloseTo(1, within(1e-12));
  }

  @Test
  void a_constant_guess_has_chance() {
    Maps guess = constant(0.5f);
    assertThat(MapScores.cosine(guess, TRUTH)).isZero();
    assertThat(MapScores.reidentified(guess, TRUTH)).isZero();
    assertThat(MapScores.maskAccuracy(guess, TRUTH.minus(constant(0.5f)))).isEqualTo(0.5);
    assertThat(MapScores.normCorrelation(guess, TRUTH)).isZero();
    // The variance of even numbers from 0 to 1 is 1/12.
    assertThat(ImageScores.psnr(guess, TRUTH)).isCloseTo(10.8, within(0.3));
    assertThat(ImageScores.ssim(guess, TRUTH)).isCloseTo(0, within(0.05));
  }

  @Test
  void psnr_is_that_of_a_known_error() {
    Maps half = constant(0.5f);
    assertThat(ImageScores.psnr(constant(0.6f), half)).isCloseTo(20, within(1e-4));
    assertThat(ImageScores.psnr(constant(7), constant(1))).isEqualTo(100); // clipped
  }

  @Test
  void auc_counts_pairs() {
    assertThat(SpanScores.auc(new double[] {3, 4}, new double[] {1, 2})).isEqualTo(1);
    assertThat(SpanScores.auc(new double[] {1, 2}, new double[] {3, 4})).isZero();
    assertThat(SpanScores.auc(new double[] {1, 3}, new double[] {2, 3})).isEqualTo(0.375);
  }

  @Test
  void spans_agree_by_the_cosines_of_their_angles() {
    double[][] truth = {{1, 0}, {0, 1}, {0, 0}};
    double half = Math.sqrt(0.5);
    double[][] turned = {{1, 0}, {0, half}, {0, half}};
    assertThat(SpanScores.agreement(truth, truth)).isCloseTo(1, within(1e-12));
    assertThat(SpanScores.agreement(turned, truth)).isCloseTo(0.75, within(1e-12));
  }

  @Test
  void estimates_without_an_order_are_put_in_the_truths() {
    float[] truth = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    float[] found = {0, 0.1f, 0.9f, 1, 0, 0.2f, 0, 0.8f, 0};
    Maps matched = MapScores.matched(new Maps(3, 1, 1, 3, found), new Maps(3, 1, 1, 3, truth));
    assertThat(matched.values()).containsExactly(1, 0, 0.2f, 0, 0.8f, 0, 0, 0.1f, 0.9f);
  }

  private static Maps maps(int examples, float... values) {
    return new Maps(examples, 1, 1, values.length / examples, values);
  }

  @Test
  void a_cosine_is_that_of_deviations_from_the_mean_example() {
    Maps truth = maps(2, 1, 0, -1, 0);
    assertThat(MapScores.cosine(maps(2, 6, 7, 4, 7), truth)).isCloseTo(1, within(1e-6));
    assertThat(MapScores.cosine(maps(2, 0, 1, 0, -1), truth)).isCloseTo(0, within(1e-6));
    assertThat(MapScores.cosine(maps(2, -3, 0, 3, 0), truth)).isCloseTo(-1, within(1e-6));
    assertThat(MapScores.cosine(maps(2, 1, 1, -1, -1), truth))
        .isCloseTo(Math.sqrt(0.5), within(1e-6));
  }

  @Test
  void examples_are_re_identified_by_the_nearest_truth() {
    Maps truth = maps(3, 1, 0, 0, 0, 1, 0, 0, 0, 1);
    Maps swapped = maps(3, 0, 1, 0, 1, 0, 0, 0, 0, 1);
    assertThat(MapScores.reidentified(swapped, truth)).isCloseTo(1 / 3.0, within(1e-9));
    Maps alike = maps(3, 1, 0, 0, 1, 0, 0, 0, 0, 1);
    assertThat(MapScores.reidentified(alike, truth)).isCloseTo(2 / 3.0, within(1e-9));
  }

  @Test
  void sides_of_a_mask_count_alike_however_rare_one_is() {
    Maps truth = maps(1, 1, 0, 0, 0, 0, 0, 0, 0);
    assertThat(MapScores.maskAccuracy(maps(1, 0, 0, 0, 0, 0, 0, 0, 0), truth)).isEqualTo(0.5);
    assertThat(MapScores.maskAccuracy(maps(1, 1, 1, 0, 0, 0, 0, 0, 0), truth))
        .isCloseTo((1 + 6 / 7.0) / 2, within(1e-9));
    // A side that nobody is on counts as right.
    assertThat(MapScores.maskAccuracy(maps(1, 1, 1), maps(1, 1, 1))).isEqualTo(1);
  }

  @Test
  void norms_correlate_whatever_their_directions() {
    Maps truth = maps(3, 1, 0, 2, 0, 3, 0);
    assertThat(MapScores.normCorrelation(maps(3, 0, 10, 0, 20, 0, 30), truth))
        .isCloseTo(1, within(1e-6));
    assertThat(MapScores.normCorrelation(maps(3, 0, 3, 0, 2, 0, 1), truth))
        .isCloseTo(-1, within(1e-6));
  }

  @Test
  void a_shift_costs_similarity_of_brightness_and_a_mirror_image_of_structure() {
    assertThat(ImageScores.ssim(shifted(0.2f), TRUTH)).isBetween(0.5, 0.98);
    Maps mirrored = TRUTH.zeros();
    for (int i = 0; i < mirrored.values().length; i++) {
      mirrored.values()[i] = 1 - TRUTH.values()[i];
    }
    assertThat(ImageScores.ssim(mirrored, TRUTH)).isLessThan(-0.8);
  }

  @Test
  void the_principal_span_holds_most_energy() {
    float[] values = new float[300];
    SplittableRandom random = new SplittableRandom(1);
    for (int p = 0; p < 100; p++) {
      float strong = (float) (10 * random.nextGaussian());
      values[3 * p] = strong;
      values[3 * p + 1] = strong;
      values[3 * p + 2] = (float) (0.01 * random.nextGaussian());
    }
    double half = Math.sqrt(0.5);
    double[][] found = SpanScores.principal(new Maps(1, 10, 10, 3, values), 1);
    assertThat(SpanScores.agreement(found, new double[][] {{half}, {half}, {0}}))
        .isCloseTo(1, within(1e-6));
  }

  private static double deviation(double[] values) {
    double mean = Arrays.stream(values).average().orElseThrow();
    return Math.sqrt(Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum() / values.length);
  }

  private static double[] trials(ToDoubleFunction<SplittableRandom> trial) {
    SplittableRandom random = new SplittableRandom(5);
    return IntStream.range(0, 4000).mapToDouble(i -> trial.applyAsDouble(random)).toArray();
  }

  @ParameterizedTest
  @CsvSource({"8, 8", "16, 16", "4, 32"})
  void the_auc_of_guesses_has_its_deviation(int members, int others) {
    double[] areas =
        trials(random ->
            SpanScores.auc(random.doubles(members).toArray(), random.doubles(others).toArray()));
    assertThat(Arrays.stream(areas).average().orElseThrow()).isCloseTo(0.5, within(0.01));
    assertThat(ChanceDeviation.auc(members, others))
        .isCloseTo(deviation(areas), withinPercentage(5));
  }

  /// A random direction is a vector of independent normal values.
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 16})
  void a_random_direction_has_its_deviation(int channels) {
    double[] agreements =
        trials(random -> {
          double[] direction =
              IntStream.range(0, channels).mapToDouble(i -> random.nextGaussian()).toArray();
          double squares = Arrays.stream(direction).map(v -> v * v).sum();
          return direction[0] * direction[0] / squares;
        });
    assertThat(ChanceDeviation.agreement(channels, 1))
        .isCloseTo(deviation(agreements), withinPercentage(5));
  }

  @Test
  void a_span_of_all_channels_is_no_guess() {
    assertThat(ChanceDeviation.agreement(8, 8)).isZero();
    assertThat(ChanceDeviation.agreement(16, 4)).isCloseTo(0.0645, within(1e-4));
  }

  @Test
  void cosines_of_guesses_have_their_deviation() {
    double[] cosines = new double[400];
    double sum = 0;
    for (int i = 0; i < cosines.length; i++) {
      Maps truth = seeded(2 * i + 1);
      Maps guess = seeded(2 * i + 2);
      cosines[i] = MapScores.cosine(guess, truth);
      sum += ChanceDeviation.cosine(guess, truth) / cosines.length;
    }
    assertThat(sum).isCloseTo(deviation(cosines), withinPercentage(15));
  }

  @Test
  void correlations_of_guesses_have_their_deviation() {
    double[] correlations = new double[400];
    for (int i = 0; i < correlations.length; i++) {
      correlations[i] = MapScores.normCorrelation(seeded(2 * i + 1), seeded(2 * i + 2));
    }
    assertThat(ChanceDeviation.normCorrelation(8))
        .isCloseTo(deviation(correlations), withinPercentage(15));
  }

  private static Maps seeded(long seed) {
    Maps maps = new Maps(8, 2, 2, 3, new float[8 * 2 * 2 * 3]);
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < maps.values().length; i++) {
      maps.values()[i] = (float) random.nextGaussian();
    }
    return maps;
  }

  @Test
  void of_fewer_than_four_examples_no_deviation_is_known() {
    assertThat(ChanceDeviation.cosine(TRUTH.slice(0, 3), TRUTH.slice(0, 3))).isZero();
    assertThat(ChanceDeviation.cosine(TRUTH, TRUTH)).isPositive();
  }

  @Test
  void a_score_is_above_chance_beyond_three_deviations() {
    assertThat(new Score("a", "l", "AUC", 0.8, 0.5, 1, 0.1).aboveChance()).isFalse();
    assertThat(new Score("a", "l", "AUC", 0.81, 0.5, 1, 0.1).aboveChance()).isTrue();
    assertThat(new Score("a", "l", "PSNR, dB", 10.1, 10, 20, 0).aboveChance()).isTrue();
    assertThat(new Score("a", "l", "AUC", 0.5, 0.5, 1, 0).aboveChance()).isFalse();
  }
}
