package asymml.trusted.decompose;

import asymml.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The light SVD of one example (3LegRace, arXiv 2110.01229, section on asymmetric decomposition):
/// alternate `v <- X u / |u|` and `u <- X^T v / |v|^2` for a round or two from an inexpensive
/// start, subtract `v u^T`, continue with the rest, r times. Each pass over `X [P, C]` costs `2 P
/// C` operations. (The paper divides by `|u|^2`, which gives the same product; this way no
/// intermediate value leaves float32's range when the rest has become tiny.)
///
/// The start of the first direction is the channel mean: after a ReLU all entries are at least 0
/// and the mean is close to the first singular vector. Later directions, and the first of an input
/// without a mean, start from the row of the rest with the largest norm, which the subtraction
/// before has in hand.
final class LightSvd {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  /// Squared size of float32 rounding errors, with room for their sum.
  private static final double ROUNDING = 1e-12;

  private final int pixels;
  private final int channels;
  private final float[] rest; // [P, C]
  private final float[] u;
  private final float[] v;

  LightSvd(int pixels, int channels) {
    this.pixels = pixels;
    this.channels = channels;
    this.rest = new float[Math.multiplyExact(pixels, channels)];
    this.u = new float[channels];
    this.v = new float[pixels];
  }

  /// Factors one example.
  ///
  /// @param x `P C` values, pixels by channels
  /// @param rank r, at least 1
  /// @param rounds rounds of alternation, at least 1
  /// @param right `[P, r]`, overwritten with V
  /// @param left `[r, C]`, overwritten with `U^T`
  /// @return `|X|^2` and what is left of it after 1, 2, ... r directions
  double[] factorize(Tensor x, int rank, int rounds, Tensor right, Tensor left) {
    MemorySegment.copy(x.segment(), ValueLayout.JAVA_FLOAT, 0, rest, 0, rest.length);
    double[] energy = new double[rank + 1];
    Arrays.fill(u, 0);
    Arrays.fill(v, 0);
    energy[0] = subtract();
    startFromMean();
    for (int j = 0; j < rank; j++) {
      for (int round = 0; round < rounds; round++) {
        updateRight();
        updateLeft();
      }
      for (int p = 0; p < pixels; p++) {
        right.set((long) p * rank + j, v[p]);
      }
      long row = (long) j * channels * Float.BYTES;
      MemorySegment.copy(u, 0, left.segment(), ValueLayout.JAVA_FLOAT, row, channels);
      energy[j + 1] = subtract();
    }
    return energy;
  }

  /// Puts the channel mean in the place of the largest row, unless it is nothing but rounding.
  private void startFromMean() {
    float[] mean = new float[channels];
    for (int p = 0; p < pixels; p++) {
      addScaled(1f / pixels, rest, p * channels, mean);
    }
    double largest = dot(u, 0, u, 0, channels);
    if (dot(mean, 0, mean, 0, channels) > ROUNDING * largest) {
      System.arraycopy(mean, 0, u, 0, channels);
    }
  }

  private void updateRight() {
    double norm = dot(u, 0, u, 0, channels);
    float scale = norm > Float.MIN_NORMAL ? (float) (1 / Math.sqrt(norm)) : 0;
    for (int p = 0; p < pixels; p++) {
      v[p] = scale * (float) dot(rest, p * channels, u, 0, channels);
    }
  }

  private void updateLeft() {
    double norm = dot(v, 0, v, 0, pixels);
    float scale = norm > Float.MIN_NORMAL ? (float) (1 / norm) : 0;
    Arrays.fill(u, 0);
    for (int p = 0; p < pixels; p++) {
      addScaled(scale * v[p], rest, p * channels, u);
    }
  }

  /// Subtracts `v u^T` and leaves the largest row of what remains in u, the next start.
  ///
  /// @return the energy that remains
  private double subtract() {
    double sum = 0;
    double largest = -1;
    int row = 0;
    for (int p = 0; p < pixels; p++) {
      int at = p * channels;
      addScaledRow(-v[p], u, rest, at);
      double norm = dot(rest, at, rest, at, channels);
      sum += norm;
      if (norm > largest) {
        largest = norm;
        row = p;
      }
    }
    System.arraycopy(rest, row * channels, u, 0, channels);
    return sum;
  }

  private static double dot(float[] a, int atA, float[] b, int atB, int length) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int i = 0;
    for (; i < SPECIES.loopBound(length); i += SPECIES.length()) {
      sum =
          FloatVector.fromArray(SPECIES, a, atA + i)
              .fma(FloatVector.fromArray(SPECIES, b, atB + i), sum);
    }
    double total = sum.reduceLanes(VectorOperators.ADD);
    for (; i < length; i++) {
      total += (double) a[atA + i] * b[atB + i];
    }
    return total;
  }

  /// `target += factor * source[at ..]`.
  private static void addScaled(float factor, float[] source, int at, float[] target) {
    for (int i = 0; i < target.length; i++) {
      target[i] += factor * source[at + i];
    }
  }

  /// `target[at ..] += factor * source`.
  private static void addScaledRow(float factor, float[] source, float[] target, int at) {
    for (int i = 0; i < source.length; i++) {
      target[at + i] += factor * source[i];
    }
  }
}
