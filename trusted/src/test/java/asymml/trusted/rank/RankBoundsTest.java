package asymml.trusted.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.ConvShape;
import asymml.trusted.rank.ExactSvd.LowRank;
import asymml.trusted.rank.RankBounds.Check;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RankBoundsTest {
  /// 3x3 on 12x12 from 6 to 40 channels: neither O nor P_out is in the way of small ranks.
  private static final ConvShape WIDE = new ConvShape(1, 12, 12, 6, 40, 3, 3, 1, 1);

  private static LowRank random(SplittableRandom random, int pixels, int channels, int rank) {
    return new LowRank(
        Known.gaussian(random, pixels, rank), Known.orthonormal(random, channels, rank));
  }

  private static double[][] weights(SplittableRandom random, ConvShape shape) {
    return Known.gaussian(
        random,
        shape.outChannels(),
        shape.kernelHeight() * shape.kernelWidth() * shape.inChannels());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void generic_maps_reach_the_bound_of_k_squared_r(int rank) {
    SplittableRandom random = Known.seeded(rank);
    Check check = RankBounds.convolution(random(random, 144, 6, rank), weights(random, WIDE), WIDE);
    assertThat(check.bound()).isEqualTo(9 * rank);
    assertThat(check.measured()).isEqualTo(9 * rank);
    assertThat(check.holds()).isTrue();
    // White maps: patches of nearly equal singular values.
    assertThat(check.estimate()).isBetween(8.0 * rank, 9.0 * rank);
  }

  @Test
  void maps_that_are_smooth_have_patches_of_lower_rank_and_reach_that_bound() {
    SplittableRandom random = Known.seeded(21);
    ConvShape valid = new ConvShape(1, 12, 12, 6, 40, 3, 3, 1, 0);
    double[][] maps = new double[144][2];
    for (int p = 0; p < 144; p++) {
      maps[p][0] = 1; // constant: rank 1
      maps[p][1] = p % 12; // a ramp: spanned by itself and the constant, rank 2
    }
    Check check =
        RankBounds.convolution(
            new LowRank(maps, Known.orthonormal(random, 6, 2)), weights(random, valid), valid);
    assertThat(check.bound()).isEqualTo(3);
    assertThat(check.measured()).isEqualTo(2 + 0); // the two share the constant direction
    Check ramp =
        RankBounds.convolution(
            new LowRank(column(maps, 1), Known.orthonormal(random, 6, 1)),
            weights(random, valid),
            valid);
    assertThat(ramp.bound()).isEqualTo(2);
    assertThat(ramp.measured()).isEqualTo(2);
  }

  private static double[][] column(double[][] a, int j) {
    return Arrays.stream(a).map(row -> new double[] {row[j]}).toArray(double[][]::new);
  }

  @Test
  void output_channels_and_pixels_bound_it_too() {
    SplittableRandom random = Known.seeded(22);
    ConvShape narrow = new ConvShape(1, 12, 12, 6, 5, 3, 3, 1, 1);
    assertThat(RankBounds.convolution(random(random, 144, 6, 3), weights(random, narrow), narrow))
        .satisfies(c -> assertThat(c.bound()).isEqualTo(5))
        .satisfies(c -> assertThat(c.measured()).isEqualTo(5))
        .satisfies(c -> assertThat(c.estimate()).isLessThanOrEqualTo(5));
    ConvShape small = new ConvShape(1, 2, 2, 6, 40, 3, 3, 1, 1);
    assertThat(RankBounds.convolution(random(random, 4, 6, 3), weights(random, small), small))
        .satisfies(c -> assertThat(c.bound()).isEqualTo(4))
        .satisfies(c -> assertThat(c.measured()).isEqualTo(4));
    ConvShape linear = ConvShape.linear(1, 6, 10);
    assertThat(RankBounds.convolution(random(random, 1, 6, 1), weights(random, linear), linear))
        .satisfies(c -> assertThat(c.bound()).isEqualTo(1))
        .satisfies(c -> assertThat(c.measured()).isEqualTo(1));
  }

  @ParameterizedTest
  @CsvSource({"1e-25, 1", "1e25, 1", "1, 1e-25", "1e-12, 1e12"})
  void it_holds_and_is_reached_at_any_scale(double ofInput, double ofWeights) {
    SplittableRandom random = Known.seeded(23);
    double[][] maps = Known.gaussian(random, 144, 2);
    double[][] w = weights(random, WIDE);
    Arrays.stream(maps).forEach(row -> scale(row, ofInput));
    Arrays.stream(w).forEach(row -> scale(row, ofWeights));
    Check check =
        RankBounds.convolution(new LowRank(maps, Known.orthonormal(random, 6, 2)), w, WIDE);
    assertThat(check.bound()).isEqualTo(18);
    assertThat(check.measured()).isEqualTo(18);
  }

  private static void scale(double[] row, double factor) {
    Arrays.setAll(row, i -> factor * row[i]);
  }

  /// Maps whose patches have singular values all the way down through the tolerance: where the one
  /// side stops counting, the other must not go on.
  @Test
  void nearly_smooth_maps_break_nothing() {
    SplittableRandom random = Known.seeded(24);
    ConvShape valid = new ConvShape(1, 12, 12, 6, 40, 3, 3, 1, 0);
    double[][] w = weights(random, valid);
    double[][] channels = Known.orthonormal(random, 6, 2);
    for (int exponent = 0; exponent >= -20; exponent--) {
      double[][] maps = new double[144][2];
      for (int p = 0; p < 144; p++) {
        maps[p][0] = 1 + Math.pow(10, exponent) * random.nextGaussian();
        maps[p][1] = Math.pow(10, exponent / 2.0) * Math.sin(p) + p % 12;
      }
      assertThat(RankBounds.convolution(new LowRank(maps, channels), w, valid).holds())
          .as("noise of 1e%d", exponent)
          .isTrue();
    }
  }

  @Test
  void an_output_of_more_directions_than_it_may_have_is_found() {
    SplittableRandom random = Known.seeded(25);
    LowRank kept = random(random, 144, 6, 1);
    double[][] w = weights(random, WIDE);
    double[][] whole = Known.gaussian(random, 144, 6); // of rank 6, as if nothing were cut
    Check check = RankBounds.convolution(kept, whole, Patches.convolve(w, whole, WIDE), w, WIDE);
    assertThat(check.bound()).isEqualTo(9);
    assertThat(check.measured()).isEqualTo(40);
    assertThat(check.holds()).isFalse();
    // One direction too many, as small as float32's rounding of the whole, is enough.
    double[][] x = kept.product();
    double[][] y = Patches.convolve(w, x, WIDE);
    double norm = Math.sqrt(Known.energy(y));
    for (double[] row : y) {
      for (int o = 0; o < row.length; o++) {
        row[o] += 1e-8 * norm * random.nextGaussian();
      }
    }
    assertThat(RankBounds.convolution(kept, x, y, w, WIDE).holds()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7})
  void an_affine_map_adds_one_direction(int rank) {
    SplittableRandom random = Known.seeded(26);
    LowRank x = random(random, 50, 16, rank);
    double[] scale = random.doubles(16, 0.5, 2).toArray();
    double[] shift = random.doubles(16, -1, 1).toArray();
    Check check = RankBounds.affine(x, scale, shift);
    assertThat(check.bound()).isEqualTo(rank + 1);
    assertThat(check.measured()).isEqualTo(rank + 1);
    assertThat(RankBounds.affine(x, scale, new double[16]).measured()).isEqualTo(rank);
    assertThat(RankBounds.affine(x, new double[16], new double[16]))
        .isEqualTo(new Check(0, rank + 1, 0, Double.NaN));
  }

  @Test
  void averages_keep_the_rank_and_sums_add_it() {
    SplittableRandom random = Known.seeded(27);
    ConvShape windows = new ConvShape(1, 12, 12, 1, 1, 3, 3, 2, 1);
    LowRank x = random(random, 144, 16, 5);
    Check pooled = RankBounds.average(x, windows);
    assertThat(pooled.measured()).isEqualTo(5).isEqualTo(pooled.bound());
    ConvShape all = new ConvShape(1, 12, 12, 1, 1, 12, 12, 1, 0);
    assertThat(RankBounds.average(x, all).measured()).isEqualTo(1);
    LowRank other = random(random, 144, 16, 4);
    Check sum = RankBounds.sum(x, other);
    assertThat(sum.measured()).isEqualTo(9).isEqualTo(sum.bound());
    Check twice = RankBounds.sum(x, x);
    assertThat(twice.measured()).isEqualTo(5);
    assertThat(twice.bound()).isEqualTo(10);
    // What cancels leaves rounding behind, which is no rank.
    double[][] negative = Arrays.stream(x.maps()).map(double[]::clone).toArray(double[][]::new);
    Arrays.stream(negative).forEach(row -> scale(row, -(1 + 0x1p-52)));
    assertThat(RankBounds.sum(x, new LowRank(negative, x.channels())).measured()).isZero();
  }

  @Test
  void the_effective_channels_of_the_output_are_measured() {
    // 1x1 of orthonormal filters: the output has the input's singular values.
    SplittableRandom random = Known.seeded(28);
    ConvShape one = new ConvShape(1, 6, 6, 4, 9, 1, 1, 1, 0);
    double[][] x = Known.withSingularValues(random, 36, 4, 2, 1, 1, 0.1);
    double[][] w = Known.orthonormal(random, 9, 4);
    Check check = RankBounds.convolution(ExactSvd.of(x).truncated(3), w, one);
    assertThat(check.effective()).isCloseTo(1 / 0.375, within(1e-9));
    assertThat(check.estimate()).isCloseTo(3, within(1e-9)); // each map alone has one direction
    assertThat(check.bound()).isEqualTo(3);
  }
}
