package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Statistics are compared with their normal limit at [#ALARM] standard deviations: a right
/// generator fails one such check with probability 7e-6, and there are about 40 in this class, so
/// that a new seed raises a false alarm with probability 3e-4. The seeds are fixed.
class GaussianNoiseTest {
  private static final double ALARM = 4.5;
  private static final int SAMPLES = 1000 * GaussianNoise.BLOCK;

  /// Keys that can be drawn again.
  private static final class Seeded extends SecureRandom {
    private static final long serialVersionUID = 1;

    private final transient SplittableRandom random;

    Seeded(long seed) {
      System.out.println("seed " + seed);
      this.random = new SplittableRandom(seed);
    }

    @Override
    public void nextBytes(byte[] bytes) {
      random.nextBytes(bytes);
    }
  }

  private static double[] samples(SecureRandom random, int count) {
    double[] all = new double[count];
    try (GaussianNoise noise = new GaussianNoise(random)) {
      for (int at = 0; at < count; at += GaussianNoise.BLOCK) {
        System.arraycopy(noise.next(), 0, all, at, Math.min(GaussianNoise.BLOCK, count - at));
      }
    }
    return all;
  }

  /// The mean of `x^power`.
  private static double moment(double[] x, int power) {
    double sum = 0;
    for (double value : x) {
      double term = value;
      for (int i = 1; i < power; i++) {
        term *= value;
      }
      sum += term;
    }
    return sum / x.length;
  }

  private static double correlation(double[] x, int atX, double[] y, int atY, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += x[atX + i] * y[atY + i];
    }
    return sum / count;
  }

  /// The normal distribution function by the series of Marsaglia (2004), exact to 1e-15 here.
  private static double phi(double x) {
    if (Math.abs(x) > 7) {
      return x < 0 ? 0 : 1;
    }
    double term = x;
    double sum = x;
    for (int i = 3; Math.abs(term) > 1e-17; i += 2) {
      term *= x * x / i;
      sum += term;
    }
    return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void mean_variance_skewness_and_kurtosis_are_the_normal_distribution_s(long seed) {
    double[] x = samples(new Seeded(seed), SAMPLES);
    double root = Math.sqrt(SAMPLES);
    // Moments of a standard normal: variances of x, x^2, x^3, x^4 are 1, 2, 15, 96.
    assertThat(moment(x, 1) * root).isBetween(-ALARM, ALARM);
    assertThat((moment(x, 2) - 1) * root / Math.sqrt(2)).isBetween(-ALARM, ALARM);
    assertThat(moment(x, 3) * root / Math.sqrt(15)).isBetween(-ALARM, ALARM);
    assertThat((moment(x, 4) - 3) * root / Math.sqrt(96)).isBetween(-ALARM, ALARM);
  }

  /// False alarm: `2 exp(-2 2.6^2)`, 3e-6 (Kolmogorov's limit).
  @ParameterizedTest
  @ValueSource(longs = {3, 4})
  void the_kolmogorov_distance_from_the_normal_distribution_is_that_of_a_sample(long seed) {
    double[] x = samples(new Seeded(seed), SAMPLES);
    Arrays.sort(x);
    double distance = 0;
    for (int i = 0; i < x.length; i++) {
      double p = phi(x[i]);
      distance = Math.max(distance, Math.max(p - (double) i / SAMPLES, (i + 1.0) / SAMPLES - p));
    }
    System.out.printf("sqrt(n) D = %.3f%n", distance * Math.sqrt(SAMPLES));
    assertThat(distance * Math.sqrt(SAMPLES)).isLessThan(2.6);
  }

  /// The distance of Anderson and Darling (1952), which weighs the tails. With `A^2` a sum of
  /// `chi^2 / (j (j + 1))`, false alarm is `sqrt(3 / (12 pi)) exp(-12)`, 2e-6.
  @ParameterizedTest
  @ValueSource(longs = {12, 13})
  void the_anderson_darling_distance_is_that_of_a_sample(long seed) {
    double[] x = samples(new Seeded(seed), SAMPLES);
    Arrays.sort(x);
    double sum = 0;
    for (int i = 0; i < SAMPLES; i++) {
      double below = Math.log(phi(x[i]));
      double above = Math.log(phi(-x[SAMPLES - 1 - i]));
      sum += (2 * i + 1.0) / SAMPLES * (below + above);
    }
    assertThat(-SAMPLES - sum).as("A^2").isLessThan(12);
  }

  /// Radius and angle of a pair in 16 by 16 cells of equal probability, that is, chi^2 with 255
  /// degrees of freedom; its cube root is normal (Wilson and Hilferty 1931). False alarm 3e-6.
  @ParameterizedTest
  @ValueSource(longs = {14, 15})
  void the_two_samples_of_a_pair_fill_the_plane_as_they_should(long seed) {
    int half = GaussianNoise.BLOCK / 2;
    int cells = 256;
    int[] counts = new int[cells];
    double[] x = samples(new Seeded(seed), 2 * SAMPLES);
    for (int i = 0; i < x.length; i += i % half == half - 1 ? half + 1 : 1) {
      double turn = (Math.atan2(x[i + half], x[i]) + Math.PI) / (2 * Math.PI);
      double beyond = Math.exp(-(x[i] * x[i] + x[i + half] * x[i + half]) / 2);
      counts[Math.min(15, (int) (16 * turn)) * 16 + Math.min(15, (int) (16 * beyond))]++;
    }
    double expected = (double) SAMPLES / cells;
    double square = Arrays.stream(counts).mapToDouble(n -> (n - expected) * (n - expected)).sum();
    double variance = 2 / (9.0 * (cells - 1));
    double normal = Math.cbrt(square / expected / (cells - 1)) - 1 + variance;
    assertThat(normal / Math.sqrt(variance)).isLessThan(ALARM);
  }

  /// Counts are Poisson; beyond 5 about 11 are expected, and fewer than 1 or more than 32 come with
  /// probability 2e-5.
  @Test
  void the_tails_beyond_3_4_and_5_hold_what_they_should() {
    int blocks = 19_000;
    double n = (double) blocks * GaussianNoise.BLOCK;
    double[] count = new double[3];
    double largest = 0;
    try (GaussianNoise noise = new GaussianNoise(new Seeded(5))) {
      for (int b = 0; b < blocks; b++) {
        for (double value : noise.next()) {
          double size = Math.abs(value);
          if (size > 3) {
            count[0]++;
            count[1] += size > 4 ? 1 : 0;
            count[2] += size > 5 ? 1 : 0;
            largest = Math.max(largest, size);
          }
        }
      }
    }
    System.out.printf("beyond 3, 4, 5: %s, largest %.3f%n", Arrays.toString(count), largest);
    double[] expected = {2.699796e-3 * n, 6.334248e-5 * n, 5.733031e-7 * n};
    for (int k = 0; k < 2; k++) {
      assertThat((count[k] - expected[k]) / Math.sqrt(expected[k])).isBetween(-ALARM, ALARM);
    }
    assertThat(count[2]).isBetween(1.0, 32.0);
    assertThat(largest).isLessThan(8.58); // where 53-bit uniforms end
  }

  /// 512 is the distance of the two samples that one pair of uniforms makes, and 1024 a block.
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 8, 511, 512, 513, 1023, 1024, 1025})
  void samples_and_their_squares_are_uncorrelated_at_any_distance(int lag) {
    double[] x = samples(new Seeded(6), SAMPLES);
    double root = Math.sqrt(SAMPLES - lag);
    assertThat(correlation(x, 0, x, lag, SAMPLES - lag) * root).isBetween(-ALARM, ALARM);
    double[] centredSquares = Arrays.stream(x).map(v -> (v * v - 1) / Math.sqrt(2)).toArray();
    assertThat(correlation(centredSquares, 0, centredSquares, lag, SAMPLES - lag) * root)
        .isBetween(-ALARM, ALARM);
  }

  /// Chance makes two of 2e5 samples of 53-bit uniforms equal with probability about 1e-5.
  @Test
  void two_streams_of_one_generator_share_nothing_and_no_stream_repeats_itself() {
    int count = 100 * GaussianNoise.BLOCK;
    SecureRandom random = new Seeded(7);
    double[] x = samples(random, count);
    double[] y = samples(random, count);
    assertThat(correlation(x, 0, y, 0, count) * Math.sqrt(count)).isBetween(-ALARM, ALARM);
    Set<Double> seen = new HashSet<>();
    for (int i = 0; i < count; i++) {
      assertThat(seen.add(x[i]) && seen.add(y[i])).as("sample %d is new", i).isTrue();
    }
  }

  @Test
  void the_key_decides_and_the_runtime_s_generator_never_gives_one_twice() {
    assertThat(samples(new Seeded(8), 5000))
        .isEqualTo(samples(new Seeded(8), 5000))
        .isNotEqualTo(samples(new Seeded(9), 5000));
    assertThat(samples(new SecureRandom(), 5000)).isNotEqualTo(samples(new SecureRandom(), 5000));
  }

  /// The same by plain arithmetic from the same cipher stream.
  @Test
  void samples_are_box_and_muller_of_the_words_of_aes_256_in_counter_mode() throws Exception {
    byte[] key = new byte[32];
    new Seeded(10).nextBytes(key);
    Cipher aes = Cipher.getInstance("AES/ECB/NoPadding");
    aes.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"));
    double[] x = samples(new Seeded(10), 3 * GaussianNoise.BLOCK);
    int half = GaussianNoise.BLOCK / 2;
    for (int block = 0; block < 3; block++) {
      LongBuffer words = counters(aes, block);
      for (int i = 0; i < half; i++) {
        double[] pair = BoxMullerTest.pair(words.get(i), words.get(half + i));
        int at = block * GaussianNoise.BLOCK + i;
        assertThat(x[at]).isCloseTo(pair[0], within(BoxMullerTest.ERROR));
        assertThat(x[at + half]).isCloseTo(pair[1], within(BoxMullerTest.ERROR));
      }
    }
  }

  /// One block's part of the stream: the encrypted numbers from 0 on, 8 bytes a sample.
  private static LongBuffer counters(Cipher aes, int block) throws Exception {
    int perBlock = GaussianNoise.BLOCK * Long.BYTES / 16;
    ByteBuffer plain = ByteBuffer.allocate(GaussianNoise.BLOCK * Long.BYTES);
    for (int i = 0; i < perBlock; i++) {
      plain.putLong(0).putLong((long) block * perBlock + i);
    }
    return ByteBuffer.wrap(aes.doFinal(plain.array()))
        .order(ByteOrder.nativeOrder())
        .asLongBuffer();
  }

  @ParameterizedTest
  @CsvSource({"-0.8, 0.2118553985833967", "0, 0.5", "3, 0.9986501019683699"})
  void the_oracle_of_the_distribution_is_right(double x, double p) {
    assertThat(phi(x)).isCloseTo(p, within(1e-14));
  }

  @Test
  void a_closed_stream_gives_nothing_and_leaves_nothing() {
    GaussianNoise noise = new GaussianNoise(new Seeded(11));
    double[] block = noise.next();
    assertThat(block).doesNotContain(0);
    noise.close();
    noise.close();
    assertThat(block).containsOnly(0);
    assertThatThrownBy(noise::next).isInstanceOf(IllegalStateException.class);
  }
}
