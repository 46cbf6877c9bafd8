package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GaussianMasksTest {
  private static final byte[] KEY = new byte[GaussianNoise.KEY_BYTES];

  static {
    for (int i = 0; i < KEY.length; i++) {
      KEY[i] = (byte) (7 * i);
    }
  }

  private static float[] masks(byte[] key, int threads, int examples, int values) {
    try (Arena arena = Arena.ofShared();
        GaussianMasks masks = new GaussianMasks(threads)) {
      Tensor out = Tensor.allocate(arena, examples, values);
      out.fill(Float.NaN);
      masks.write(key, 3, out);
      return out.toArray();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 1023, 1024, 1025, 3000})
  void masks_do_not_depend_on_the_number_of_threads(int values) {
    assertThat(masks(KEY, 1, 7, values)).isEqualTo(masks(KEY, 3, 7, values));
  }

  @Test
  void masks_are_normal_and_those_of_two_keys_or_examples_are_unrelated() {
    int values = 100_000;
    float[] two = masks(KEY, 2, 2, values);
    byte[] otherKey = KEY.clone();
    otherKey[31] ^= 1;
    float[] other = masks(otherKey, 2, 1, values);
    double tolerance = 4.5 / Math.sqrt(values);
    assertThat(correlation(two, 0, two, 0, values)).isCloseTo(1, byTolerance(tolerance * 1.5));
    assertThat(correlation(two, 0, two, values, values)).isCloseTo(0, byTolerance(tolerance));
    assertThat(correlation(two, 0, other, 0, values)).isCloseTo(0, byTolerance(tolerance));
  }

  private static org.assertj.core.data.Offset<Double> byTolerance(double tolerance) {
    return org.assertj.core.api.Assertions.within(tolerance);
  }

  /// Over the variance that the masks should have.
  private static double correlation(float[] a, int atA, float[] b, int atB, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += (double) a[atA + i] * b[atB + i];
    }
    return sum / count / 9;
  }

  /// What one side adds is what the other writes: the difference is the value, to the rounding of
  /// float32 at the size of the mask.
  @Test
  void a_mask_comes_off_again() {
    int values = 5000;
    double deviation = 2000;
    try (Arena arena = Arena.ofShared();
        GaussianMasks masks = new GaussianMasks(2);
        GaussianNoise stream = new GaussianNoise()) {
      Tensor x = Tensor.allocate(arena, 3, values);
      for (long i = 0; i < x.size(); i++) {
        x.set(i, (float) Math.sin((double) i));
      }
      Tensor sum = Tensor.allocate(arena, 3, values);
      for (int i = 0; i < 3; i++) {
        GaussianMasks.start(stream, KEY, i, values);
        stream.add(
            x.examples(i, 1), 0.5, deviation, GaussianMasks.LATTICE_BITS, sum.examples(i, 1));
      }
      Tensor mask = Tensor.allocate(arena, 3, values);
      masks.write(KEY, deviation, mask);
      Tensor back = Tensor.allocate(arena, 3, values);
      assertThat(Elementwise.unmask(sum, mask, new float[] {2, 2, 2}, false, back)).isTrue();
      double error = 0;
      for (long i = 0; i < x.size(); i++) {
        error += Math.pow(back.get(i) - x.get(i), 2);
      }
      error = Math.sqrt(error / x.size());
      assertThat(error).isBetween(1e-5, 4e-4);
    }
  }

  @Test
  void unmasking_scales_each_example_adds_where_told_and_finds_what_is_not_finite() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor sum = Tensor.allocate(arena, 2, 3).copyFrom(new float[] {5, 6, 7, 1, 2, 3});
      Tensor mask = Tensor.allocate(arena, 2, 3).copyFrom(new float[] {4, 4, 4, 0, 0, 0});
      Tensor out = Tensor.allocate(arena, 2, 3);
      out.fill(100);
      assertThat(Elementwise.unmask(sum, mask, new float[] {10, 0}, true, out)).isTrue();
      assertThat(out.toArray()).containsExactly(110, 120, 130, 100, 100, 100);
      assertThat(Elementwise.unmask(sum, mask, new float[] {10, 2}, false, out)).isTrue();
      assertThat(out.toArray()).containsExactly(10, 20, 30, 2, 4, 6);
      sum.set(4, Float.POSITIVE_INFINITY);
      assertThat(Elementwise.unmask(sum, mask, new float[] {10, 0}, false, out)).isFalse();
    }
  }

  /// The same key gives the same masks on every machine, and in every version of one protocol: a
  /// run's two workers may differ in both. The values are those of AES-256 by OpenSSL and of the
  /// formulas of Box and Muller.
  @Test
  void the_masks_of_a_key_are_fixed() {
    float[] first = Arrays.copyOf(masks(KEY, 1, 1, 600), 4);
    assertThat(first).containsExactly(FIXED);
  }

  private static final float[] FIXED = {0.43353033f, -0.3699509f, -2.3955326f, -1.6647444f};
}
