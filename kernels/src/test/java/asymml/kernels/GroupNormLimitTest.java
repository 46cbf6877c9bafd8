package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The bound on what one example may add to the gradients of scale and shift.
class GroupNormLimitTest {
  private static final float EPSILON = 1e-3f;

  record Case(int batch, int height, int width, int channels, int groups, boolean fuseRelu) {
    int elements() {
      return height * width * channels;
    }
  }

  static List<Case> awkwardSizes() {
    List<Case> cases = new ArrayList<>();
    int[][] channelsAndGroups = {{1, 1}, {3, 3}, {9, 3}, {13, 1}, {33, 11}, {64, 8}};
    for (int batch : new int[] {1, 2, 13}) {
      for (int[] map : new int[][] {{1, 1}, {5, 7}, {13, 13}}) {
        for (int[] cg : channelsAndGroups) {
          cases.add(new Case(batch, map[0], map[1], cg[0], cg[1], false));
          cases.add(new Case(batch, map[0], map[1], cg[0], cg[1], true));
        }
      }
    }
    return cases;
  }

  static List<Case> awkwardBatches() {
    return awkwardSizes().stream().filter(c -> c.batch > 1).toList();
  }

  /// A layer that went forward, and its operands.
  private static final class Layer implements AutoCloseable {
    final Case c;
    final GroupNorm norm;
    final Tensor x;
    final Tensor dy;
    final Tensor scale;
    final Tensor shift;
    final Tensor y;
    final Tensor dx;
    final Tensor dScale;
    final Tensor dShift;

    Layer(Case c, Arena arena) {
      this.c = c;
      Randoms random = new Randoms(c.hashCode());
      int[] shape = {c.batch, c.height, c.width, c.channels};
      x = random.tensor(arena, shape);
      dy = random.tensor(arena, shape);
      for (int n = 0; n < c.batch; n++) {
        Elementwise.scale(1 + n % 3, dy.examples(n, 1)); // norms that differ
      }
      scale = random.positive(arena, c.channels);
      shift = random.tensor(arena, c.channels);
      y = Randoms.unset(arena, shape);
      dx = Randoms.unset(arena, shape);
      dScale = Randoms.unset(arena, c.channels);
      dShift = Randoms.unset(arena, c.channels);
      norm = new GroupNorm(c.batch, c.height, c.width, c.channels, c.groups, EPSILON, c.fuseRelu);
      norm.forward(x, scale, shift, y);
    }

    void backward(double limit) {
      dx.fill(Float.NaN);
      dScale.fill(Float.NaN);
      dShift.fill(Float.NaN);
      norm.backward(x, y, dy, scale, dx, dScale, dShift, limit);
    }

    List<float[]> gradients() {
      return List.of(dx.toArray(), dScale.toArray(), dShift.toArray());
    }

    private NormOracle oracle() {
      return NormOracle.group(1, c.height * c.width, c.channels, c.groups, EPSILON, c.fuseRelu);
    }

    /// Each example's part, by definition: first that of scale, then that of shift, `[2 C]`.
    List<double[]> parts() {
      List<double[]> parts = new ArrayList<>();
      for (int n = 0; n < c.batch; n++) {
        NormOracle.Gradients g =
            oracle()
                .backward(
                    Expect.doubles(x.examples(n, 1)),
                    Expect.doubles(scale),
                    Expect.doubles(shift),
                    Expect.doubles(dy.examples(n, 1)));
        double[] part = Arrays.copyOf(g.dScale(), 2 * c.channels);
        System.arraycopy(g.dShift(), 0, part, c.channels, c.channels);
        parts.add(part);
      }
      return parts;
    }

    /// How far a value of one example's part may be from its definition: that of GroupNormTest, for
    /// gradients of up to 3.
    double tolerance() {
      double magnified = 1 + oracle().conditioning(Expect.doubles(x.examples(0, 1)));
      for (int n = 1; n < c.batch; n++) {
        magnified =
            Math.max(magnified, 1 + oracle().conditioning(Expect.doubles(x.examples(n, 1))));
      }
      return 3 * 64 * Expect.EPS * magnified * Math.sqrt((double) c.height * c.width);
    }

    @Override
    public void close() {
      norm.close();
    }
  }

  private static double norm(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value * value;
    }
    return Math.sqrt(sum);
  }

  @ParameterizedTest
  @MethodSource("awkwardSizes")
  void norms_and_limited_sums_equal_those_of_the_clipped_parts(Case c) {
    try (Arena arena = Arena.ofConfined();
        Layer layer = new Layer(c, arena)) {
      List<double[]> parts = layer.parts();
      double[] norms = parts.stream().mapToDouble(GroupNormLimitTest::norm).toArray();
      double[] sorted = Arrays.stream(norms).sorted().toArray();
      double each = layer.tolerance();
      // A norm is off by at most the norm of the errors of its 2 C values.
      double ofNorm = Math.sqrt(2.0 * c.channels) * each;
      for (double limit : new double[] {sorted[c.batch / 2] * 0.999, sorted[0] / 7, 1e9}) {
        if (limit == 0) {
          continue; // ReLU let nothing through
        }
        layer.backward(limit);
        double[] found = layer.norm.gradientNorms();
        double[] expected = new double[2 * c.channels];
        for (int n = 0; n < c.batch; n++) {
          assertThat(Math.abs(found[n] - norms[n])).as("norm %d", n).isLessThanOrEqualTo(ofNorm);
          double factor = Math.min(1, limit / norms[n]);
          for (int i = 0; i < expected.length; i++) {
            expected[i] += factor * parts.get(n)[i];
          }
        }
        // Clipping turns an error of the norm into one of the factor: on each value at most as
        // large again. Rounding of the sum is below half a unit of N limits.
        double tolerance = c.batch * (each + ofNorm);
        Expect.close("dScale", layer.dScale, Arrays.copyOf(expected, c.channels), tolerance);
        Expect.close(
            "dShift",
            layer.dShift,
            Arrays.copyOfRange(expected, c.channels, 2 * c.channels),
            tolerance);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("awkwardSizes")
  void a_limit_leaves_the_gradient_of_the_input_as_it_is(Case c) {
    try (Arena arena = Arena.ofConfined();
        Layer layer = new Layer(c, arena)) {
      layer.backward(Double.POSITIVE_INFINITY);
      float[] dx = layer.dx.toArray();
      double[] norms = layer.norm.gradientNorms();
      layer.backward(1e-3);
      assertThat(layer.dx.toArray()).isEqualTo(dx);
      assertThat(layer.norm.gradientNorms()).isEqualTo(norms);
    }
  }

  @ParameterizedTest
  @MethodSource("awkwardSizes")
  void without_a_limit_or_below_it_the_bytes_are_the_same(Case c) {
    try (Arena arena = Arena.ofConfined();
        Layer layer = new Layer(c, arena)) {
      layer.norm.backward(
          layer.x, layer.y, layer.dy, layer.scale, layer.dx, layer.dScale, layer.dShift);
      List<float[]> plain = layer.gradients();
      double largest = Arrays.stream(layer.norm.gradientNorms()).max().orElseThrow();
      for (double limit :
          new double[] {Double.POSITIVE_INFINITY, Double.MAX_VALUE, Math.max(largest, 1e-9)}) {
        layer.backward(limit);
        for (int i = 0; i < plain.size(); i++) {
          assertThat(layer.gradients().get(i)).as("%d at %s", i, limit).isEqualTo(plain.get(i));
        }
      }
      // As they were before there was a limit: the sums over examples in double precision, rounded
      // once. A batch of one is its part, rounded once too.
      if (c.batch == 1) {
        double ofOne = norm(Expect.doubles(layer.dScale));
        ofOne = Math.hypot(ofOne, norm(Expect.doubles(layer.dShift)));
        assertThat(Math.abs(ofOne - largest)).isLessThanOrEqualTo(1.01 * Expect.EPS * largest);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("awkwardBatches")
  void no_example_moves_the_sums_by_more_than_the_limit(Case c) {
    try (Arena arena = Arena.ofConfined();
        Layer layer = new Layer(c, arena)) {
      double limit = 0.01;
      layer.backward(limit);
      double[] with = Expect.doubles(layer.dScale);
      double[] withShift = Expect.doubles(layer.dShift);
      // The null example: no output gradient.
      layer.dy.examples(1, 1).fill(0);
      layer.backward(limit);
      double squares = 0;
      for (int i = 0; i < c.channels; i++) {
        squares += Math.pow(with[i] - layer.dScale.get(i), 2);
        squares += Math.pow(withShift[i] - layer.dShift.get(i), 2);
      }
      // Both sums were rounded to float32; their norm is at most N limits.
      double rounding = 2 * Expect.EPS * c.batch * limit;
      assertThat(Math.sqrt(squares)).isLessThanOrEqualTo(limit + 1.01 * rounding);
    }
  }

  @Test
  void a_limit_that_bounds_nothing_is_refused() {
    try (Arena arena = Arena.ofConfined();
        Layer layer = new Layer(new Case(2, 3, 3, 4, 2, true), arena)) {
      for (double limit : new double[] {0, -0.0, -1, Double.NaN, Double.NEGATIVE_INFINITY}) {
        assertThatThrownBy(() -> layer.backward(limit))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("the limit must be above 0: " + limit);
      }
    }
  }
}
