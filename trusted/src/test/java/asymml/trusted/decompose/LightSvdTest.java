package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LightSvdTest {
  /// What a factorisation gave: `V U^T` as rows, and the energies it told.
  @SuppressWarnings("ArrayRecordComponent") // internal, never compared
  private record Result(double[][] lowRank, double[] told) {}

  private static Result factorize(double[][] x, int rank, int rounds) {
    try (Arena arena = Arena.ofConfined()) {
      int pixels = x.length;
      int channels = x[0].length;
      Tensor values = Tensor.allocate(arena, pixels, channels);
      for (int i = 0; i < values.size(); i++) {
        values.set(i, (float) x[i / channels][i % channels]);
      }
      Tensor right = Tensor.allocate(arena, pixels, rank);
      Tensor left = Tensor.allocate(arena, rank, channels);
      right.fill(Float.NaN);
      left.fill(Float.NaN);
      LightSvd svd = new LightSvd(pixels, channels);
      double[] told = svd.factorize(values, rank, rounds, right, left);
      // An instance carries nothing over from one example to the next.
      assertThat(svd.factorize(values, rank, rounds, right, left)).isEqualTo(told);
      double[][] v = Matrices.rows(right, rank);
      return new Result(Matrices.product(v, Matrices.rows(left, channels)), told);
    }
  }

  private static double left(double[][] x, Result result) {
    return Matrices.energy(Matrices.sum(x, -1, result.lowRank));
  }

  private static double[][] activations(int pixels, int channels) {
    try (Arena arena = Arena.ofConfined()) {
      SplittableRandom random = Matrices.seeded(pixels);
      return Matrices.rows(Matrices.activations(arena, random, 1, pixels, 1, channels), channels);
    }
  }

  @ParameterizedTest
  @CsvSource({"64, 16, 4", "13, 13, 5", "1, 9, 1", "49, 1, 1", "207, 33, 8"})
  void it_tells_the_energy_that_is_left_after_each_direction(int pixels, int channels, int rank) {
    double[][] x = activations(pixels, channels);
    double all = Matrices.energy(x);
    Result result = factorize(x, rank, 2);
    assertThat(result.told).hasSize(rank + 1);
    assertThat(result.told[0]).isCloseTo(all, within(1e-6 * all));
    for (int r = 1; r <= rank; r++) {
      assertThat(result.told[r]).isLessThanOrEqualTo(result.told[r - 1]);
      double expected = left(x, factorize(x, r, 2));
      assertThat(result.told[r]).isCloseTo(expected, within(1e-5 * all));
    }
  }

  @Test
  void the_optimum_is_never_beaten_and_more_rounds_come_closer() {
    double[][] x = activations(100, 24);
    double optimum = ExactSvd.of(x).energyBeyond(3);
    double before = Double.POSITIVE_INFINITY;
    for (int rounds : new int[] {1, 2, 4, 64}) {
      double left = left(x, factorize(x, 3, rounds));
      System.out.printf("%d rounds: %.4f of the optimum's energy%n", rounds, left / optimum);
      assertThat(left).isGreaterThan(optimum * (1 - 1e-5)).isLessThanOrEqualTo(before * 1.0001);
      before = left;
    }
    assertThat(before).isLessThan(optimum * 1.001);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void a_matrix_of_rank_k_is_exhausted_by_k_directions_and_more_do_no_harm(int k) {
    SplittableRandom random = Matrices.seeded(k);
    double[][] x =
        Matrices.product(Matrices.gaussian(random, 60, k), Matrices.gaussian(random, k, 13));
    double all = Matrices.energy(x);
    assertThat(left(x, factorize(x, k, 60))).isLessThan(1e-9 * all);
    assertThat(left(x, factorize(x, 13, 2))).isLessThan(1e-9 * all);
  }

  /// Deflation of a constant map shrinks the rest by a factor of 1e-8 a direction, to below
  /// float32's smallest numbers.
  @ParameterizedTest
  @CsvSource({"3, 1", "3, 1e-18", "3, 1e-30", "13, 0.1", "13, 1e15", "16, 1e-38", "40, 0.3"})
  void a_vanishing_rest_never_becomes_infinite_or_nan(int channels, double value) {
    double[][] x = new double[9][channels];
    for (double[] row : x) {
      for (int c = 0; c < channels; c++) {
        row[c] = (float) (value * (1 + c));
      }
    }
    Result result = factorize(x, channels, 2);
    double all = Matrices.energy(x);
    assertThat(left(x, result)).isLessThanOrEqualTo(all);
    if (value > 1e-15) {
      assertThat(left(x, result)).isLessThan(1e-12 * all);
    }
    assertThat(Arrays.stream(result.told).allMatch(Double::isFinite)).isTrue();
  }

  @Test
  void an_input_without_a_mean_is_decomposed_all_the_same() {
    double[][] x = activations(30, 16);
    double[][] balanced = new double[60][];
    for (int p = 0; p < 30; p++) {
      balanced[2 * p] = x[p];
      balanced[2 * p + 1] = x[p].clone();
      Columns.addScaled(-2, x[p], balanced[2 * p + 1]);
    }
    double optimum = ExactSvd.of(balanced).energyBeyond(1);
    assertThat(left(balanced, factorize(balanced, 1, 4))).isLessThan(1.05 * optimum);
  }

  @Test
  void a_zero_input_has_zero_factors() {
    Result result = factorize(new double[6][5], 3, 2);
    assertThat(result.told).containsOnly(0);
    assertThat(Matrices.energy(result.lowRank)).isZero();
  }
}
