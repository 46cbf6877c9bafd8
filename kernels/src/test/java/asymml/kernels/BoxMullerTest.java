package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/// The transform of chosen bits, against `StrictMath`.
class BoxMullerTest {
  /// Of a sample: radius at most 10.2, relative error 1e-15; `cos -+ sin` right to 1e-15, times
  /// 7.2; and as much again for the reference.
  static final double ERROR = 2.5e-14;

  private static final int HALF = 512;

  /// The middle of the first quadrant: both samples are the radius over the root of 2.
  private static final long MIDDLE = 1L << 63;

  /// u = 1, where the radius is 0.
  private static final long ONE = 1;

  /// u = 2^-53 with the angle's spare bits clear, and 2^-74, the smallest, with them set.
  private static final long SMALL = ~0xfffL;

  private static final long SMALLEST = ~1L;
  private static final long SPARE_OF_ANGLE = 0xffc;

  /// Two samples by plain arithmetic.
  static double[] pair(long radiusWord, long angleWord) {
    double radius = StrictMath.sqrt(-2 * StrictMath.log(uniform(radiusWord, angleWord)));
    // The first quadrant, in steps of 2^-52 of it.
    double angle = (angleWord >>> 12) * 0x1p-52 * (StrictMath.PI / 2);
    return new double[] {
      ((angleWord & 1) == 0 ? 1 : -1) * radius * StrictMath.cos(angle),
      ((angleWord & 2) == 0 ? 1 : -1) * radius * StrictMath.sin(angle)
    };
  }

  private static double uniform(long word, long angle) {
    double coarse = ((word & 1) + 1) * 0.5 - (word >>> 12) * 0x1p-53;
    long fine = (word >>> 1 & 0x7ff) << 10 | (angle >>> 2 & 0x3ff);
    return coarse < 0x1p-24 ? coarse - fine * 0x1p-74 : coarse;
  }

  /// The samples of up to 512 pairs of words, the last pair repeated to fill the block.
  private static double[][] transform(long[] radiusWords, long[] angleWords) {
    ByteBuffer bits = ByteBuffer.allocate(2 * HALF * Long.BYTES).order(ByteOrder.nativeOrder());
    for (long[] words : new long[][] {radiusWords, angleWords}) {
      for (int i = 0; i < HALF; i++) {
        bits.putLong(words[Math.min(i, words.length - 1)]);
      }
    }
    double[] samples = new double[2 * HALF];
    BoxMuller.transform(bits.array(), samples);
    return new double[][] {
      Arrays.copyOf(samples, HALF), Arrays.copyOfRange(samples, HALF, 2 * HALF)
    };
  }

  /// Words whose u lies at and around `2^-k` and `2^-k / sqrt(2)`, where the series changes its
  /// branch, and at both ends.
  private static long[] hostileRadii() {
    LongStream.Builder words =
        LongStream.builder().add(SMALLEST).add(SMALL).add(ONE).add(0).add(-1);
    for (int k = 0; k < 53; k++) {
      for (double factor : new double[] {1, Math.sqrt(0.5)}) {
        for (int step = -1; step <= 1; step++) {
          long multiple = Math.round(factor * 0x1p53 * Math.scalb(1.0, -k)) + step; // of 2^-53
          long half = multiple > 1L << 52 ? 1 : 0;
          if (multiple >= 1 && multiple <= 1L << 53) {
            words.add((((half + 1) << 52) - multiple) << 12 | half);
          }
        }
      }
    }
    return words.build().toArray();
  }

  @Test
  void the_ends_of_the_uniform_are_2_to_the_minus_74_and_1() {
    long fine = MIDDLE | SPARE_OF_ANGLE;
    assertThat(uniform(SMALLEST, fine)).isEqualTo(0x1p-74);
    assertThat(uniform(SMALL, MIDDLE)).isEqualTo(0x1p-53);
    assertThat(uniform(ONE, MIDDLE)).isEqualTo(1);
    double[] x = transform(new long[] {SMALLEST, SMALL, ONE}, new long[] {fine, MIDDLE})[0];
    assertThat(x[0]).isCloseTo(Math.sqrt(74 * Math.log(2)), within(1e-15 * 8));
    assertThat(x[1]).isCloseTo(Math.sqrt(53 * Math.log(2)), within(1e-15 * 7));
    assertThat(x[2]).isZero();
  }

  /// Just above 2^-24, where u is a multiple of 2^-53, radii lie closer together than a sixtieth of
  /// the finest lattice of masks, 2^-25.
  @Test
  void coarse_radii_lie_far_closer_together_than_the_lattice() {
    double above = 0x1p-24 + 0x1p-53;
    double radius = StrictMath.sqrt(-2 * StrictMath.log(above));
    double next = StrictMath.sqrt(-2 * StrictMath.log(above + 0x1p-53));
    assertThat(radius - next).isStrictlyBetween(0.0, 0x1p-25 / 60);
    long word = ((1L << 52) - (1L << 29) - 1) << 12;
    assertThat(uniform(word, SPARE_OF_ANGLE)).isEqualTo(above);
    assertThat(uniform(word + (1L << 13), SPARE_OF_ANGLE)).isLessThan(0x1p-24);
  }

  /// Far out, too, the next radius is closer than what masks are rounded to, 2^-24 and float32.
  @Test
  void far_radii_lie_close_together() {
    long[] angles = LongStream.range(0, HALF).map(i -> MIDDLE | i << 2).toArray();
    double[] x = transform(new long[] {SMALL}, angles)[0];
    for (int i = 1; i < HALF; i++) {
      assertThat(x[i] - x[i - 1]).isStrictlyBetween(0.0, 0x1p-24);
    }
  }

  /// The relative error, which near u = 1 is far less than the absolute one.
  @Test
  void the_radius_is_right_to_1e_15_of_itself_at_hostile_uniforms() {
    long[] hostile = hostileRadii();
    assertThat(hostile).hasSizeBetween(300, HALF);
    assertRadii(hostile);
    SplittableRandom random = new SplittableRandom(20);
    for (int block = 0; block < 500; block++) {
      assertRadii(random.longs(HALF).toArray());
      // Close to 1: the last 2^20 multiples of 2^-53.
      assertRadii(random.longs(HALF, 0, 1L << 20).map(steps -> steps << 12 | 1).toArray());
    }
  }

  private static void assertRadii(long[] words) {
    double[][] x = transform(words, new long[] {MIDDLE});
    for (int i = 0; i < words.length; i++) {
      double expected = StrictMath.sqrt(-StrictMath.log(uniform(words[i], MIDDLE)));
      if (Math.abs(x[0][i] - expected) > 1e-15 * expected || x[0][i] != x[1][i]) {
        assertThat(x[0][i]).as("word %x", words[i]).isEqualTo(expected).isEqualTo(x[1][i]);
      }
    }
  }

  /// At the edges of all quadrants, on both sides, and where sine and cosine are equal.
  @Test
  void both_samples_are_right_at_hostile_angles() {
    LongStream.Builder angles = LongStream.builder();
    for (long within : new long[] {0, 1, 2, (1L << 51) - 1, 1L << 51, (1L << 52) - 1}) {
      for (long signs = 0; signs < 4; signs++) {
        angles.add(within << 12 | signs);
        angles.add(within << 12 | SPARE_OF_ANGLE | signs);
      }
    }
    long[] words = angles.build().toArray();
    for (long radius : new long[] {SMALLEST, SMALL, 1L << 62, 3L << 60 | 1}) {
      assertPairs(new long[] {radius}, words);
    }
    SplittableRandom random = new SplittableRandom(21);
    for (int block = 0; block < 500; block++) {
      assertPairs(random.longs(HALF).toArray(), random.longs(HALF).toArray());
    }
  }

  private static void assertPairs(long[] radii, long[] angles) {
    double[][] x = transform(radii, angles);
    for (int i = 0; i < angles.length; i++) {
      double[] expected = pair(radii[Math.min(i, radii.length - 1)], angles[i]);
      for (int k = 0; k < 2; k++) {
        if (!(Math.abs(x[k][i] - expected[k]) <= ERROR)) {
          assertThat(x[k][i]).as("angle word %x", angles[i]).isEqualTo(expected[k]);
        }
      }
    }
  }

  /// With the radius 1 / sqrt(2) of u = exp(-1/2), as close as 53 bits come to it.
  @Test
  void sine_and_cosine_are_right_to_1e_15() {
    long multiple = Math.round(Math.exp(-0.5) * 0x1p53);
    long word = ((2L << 52) - multiple) << 12 | 1;
    SplittableRandom random = new SplittableRandom(22);
    for (int block = 0; block < 500; block++) {
      long[] angles = random.longs(HALF).map(w -> w & ~0xfffL).toArray();
      double[][] x = transform(new long[] {word}, angles);
      for (int i = 0; i < HALF; i++) {
        double angle = (angles[i] >>> 12) * 0x1p-52 * (StrictMath.PI / 2);
        double worst =
            Math.max(
                Math.abs(x[0][i] - StrictMath.cos(angle)),
                Math.abs(x[1][i] - StrictMath.sin(angle)));
        assertThat(worst).isLessThan(1e-15);
      }
    }
  }
}
