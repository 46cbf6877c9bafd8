package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.plan.Rank.Fixed;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// How much of an example stays, against the low-rank part multiplied out in double precision: what
/// one example adds to a weight gradient is bounded by it.
class KeptSquaresTest {
  /// float32's share of what is bounded; the noise of a gradient has room for 2^-10.
  private static final double ROUNDING = 1e-6;

  private final Arena arena = Arena.ofShared();
  private final SplittableRandom random = Matrices.seeded(23);

  @AfterEach
  void free() {
    arena.close();
  }

  /// Examples of very different size, one of them zero.
  private Tensor examples(int n, int h, int w, int c) {
    Tensor x = Matrices.activations(arena, random, n, h, w, c);
    for (int i = 0; i < n; i++) {
      double size = i == 1 ? 0 : Math.pow(10, random.nextDouble(-3, 4));
      Tensor example = x.examples(i, 1);
      for (int j = 0; j < example.size(); j++) {
        example.set(j, (float) (size * example.get(j)));
      }
    }
    return x;
  }

  private static double[] exact(Decomposer decomposer, Tensor x) {
    int n = x.length(0);
    int pixels = x.length(1) * x.length(2);
    double[][] rows = Factors.lowRank(decomposer, n);
    double[] squares = new double[n];
    Arrays.setAll(
        squares, i -> Matrices.energy(Arrays.copyOfRange(rows, i * pixels, (i + 1) * pixels)));
    return squares;
  }

  @ParameterizedTest
  @CsvSource({"5, 4, 4, 12, 3", "3, 1, 1, 40, 8", "6, 5, 7, 3, 3", "2, 3, 3, 64, 1"})
  void what_a_shared_basis_keeps_is_told_to_rounding(int n, int h, int w, int c, int rank) {
    Refresh rarely = new Refresh(3, 0, 3);
    Shape shape = new Shape(h, w, c);
    try (SharedDecomposer decomposer = new SharedDecomposer(n, shape, 2, new Fixed(rank), rarely)) {
      double largest = 0;
      for (int step = 0; step < 5; step++) { // with fresh and stale bases, and an offset
        Tensor x = examples(n, h, w, c);
        decomposer.fit(x, step);
        double[] exact = exact(decomposer, x);
        largest = Math.max(largest, Arrays.stream(exact).max().orElseThrow());
        for (int i = 0; i < n; i++) {
          double kept = decomposer.keptSquares(i);
          assertThat(kept)
              .as("step %d, example %d", step, i)
              .isGreaterThanOrEqualTo(exact[i] * (1 - ROUNDING))
              // Of a small example, now or after large ones, basis and offset are orthogonal to the
              // rounding of the mean alone.
              .isLessThanOrEqualTo(
                  exact[i] * (1 + ROUNDING) + 1e-6 * Math.sqrt(exact[i] * largest));
        }
      }
      assertThat(Arrays.stream(Columns.toDoubles(decomposer.offset())).map(Math::abs).sum())
          .matches(sum -> sum > 0 || rank == c);
    }
  }

  /// At full rank the offset is what rounding leaves of the mean, and lies in the basis' span: with
  /// an example of its own size it has everything in common.
  @Test
  void an_example_as_small_as_the_rounding_of_the_mean_is_not_told_too_small() {
    int c = 6;
    Tensor open = Matrices.activations(arena, random, 4, 3, 3, c);
    for (int j = 0; j < open.size(); j++) {
      open.set(j, 1e3f * (1 + open.get(j)));
    }
    Map<String, float[]> state;
    try (SharedDecomposer decomposer =
        new SharedDecomposer(4, new Shape(3, 3, c), 2, new Fixed(c), Refresh.DEFAULT, false)) {
      decomposer.refit(open);
      state = decomposer.state();
      double[] offset = Columns.toDoubles(decomposer.offset());
      Tensor x = Tensor.allocate(arena, 1, 3, 3, c);
      int larger = 0;
      for (double size : new double[] {-1, 1e-3, 0.1, 1, 10, 1e3}) {
        for (int j = 0; j < x.size(); j++) {
          x.set(j, (float) (size * offset[j % c]));
        }
        decomposer.fit(x, 0);
        double exact = exact(decomposer, x)[0];
        assertThat(decomposer.keptSquares(0))
            .as("%s times the offset", size)
            .isGreaterThanOrEqualTo(exact * (1 - ROUNDING));
        larger += exact > 1.5 * (size * size + 1) * 9 * Columns.dot(offset, offset) ? 1 : 0;
      }
      // Without the common part it would be.
      assertThat(larger).isPositive();
    }
    try (SharedDecomposer restored =
        new SharedDecomposer(4, new Shape(3, 3, c), 2, new Fixed(c), Refresh.DEFAULT, false)) {
      restored.restore(state);
      Tensor x = Tensor.allocate(arena, 1, 3, 3, c);
      for (int j = 0; j < x.size(); j++) {
        x.set(j, restored.offset().get(j % c));
      }
      restored.fit(x, 0);
      assertThat(restored.keptSquares(0))
          .isGreaterThanOrEqualTo(exact(restored, x)[0] * (1 - ROUNDING));
    }
  }

  @ParameterizedTest
  @CsvSource({"5, 4, 4, 12, 3", "3, 1, 1, 40, 1", "6, 5, 7, 3, 3", "2, 3, 3, 64, 6"})
  void what_a_light_svd_keeps_is_never_told_too_small(int n, int h, int w, int c, int rank) {
    try (PerExampleDecomposer decomposer =
        new PerExampleDecomposer(n, new Shape(h, w, c), new Fixed(rank), Refresh.DEFAULT, 2)) {
      for (int step = 0; step < 5; step++) {
        Tensor x = examples(n, h, w, c);
        decomposer.fit(x, step);
        double[] exact = exact(decomposer, x);
        for (int i = 0; i < n; i++) {
          double kept = decomposer.keptSquares(i);
          assertThat(kept).isGreaterThanOrEqualTo(exact[i] * (1 - 1e-12));
          // Nor so large that the bound is of no use.
          assertThat(kept).isLessThanOrEqualTo(rank * exact[i] * 1.5);
        }
      }
    }
  }
}
