package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class GroupNormTest {
  private static final float EPSILON = 1e-3f;

  record Case(int batch, int height, int width, int channels, int groups, boolean fuseRelu) {}

  static List<Case> awkwardSizes() {
    List<Case> cases = new ArrayList<>();
    int[][] channelsAndGroups = {
      {1, 1}, {3, 1}, {3, 3}, {5, 5}, {9, 3}, {13, 1}, {16, 4}, {33, 3}, {33, 11}, {64, 8}
    };
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

  /// What one case gives.
  private record Run(
      Tensor x,
      Tensor dy,
      Tensor scale,
      Tensor shift,
      Tensor y,
      Tensor dx,
      Tensor dScale,
      Tensor dShift) {
    static Run of(Case c, Arena arena) {
      Randoms random = new Randoms(c.hashCode());
      int[] shape = {c.batch, c.height, c.width, c.channels};
      Run run =
          new Run(
              random.tensor(arena, shape),
              random.tensor(arena, shape),
              random.positive(arena, c.channels),
              random.tensor(arena, c.channels),
              Randoms.unset(arena, shape),
              Randoms.unset(arena, shape),
              Randoms.unset(arena, c.channels),
              Randoms.unset(arena, c.channels));
      try (GroupNorm norm =
          new GroupNorm(c.batch, c.height, c.width, c.channels, c.groups, EPSILON, c.fuseRelu)) {
        norm.forward(run.x, run.scale, run.shift, run.y);
        norm.backward(run.x, run.y, run.dy, run.scale, run.dx, run.dScale, run.dShift);
      }
      return run;
    }

    static NormOracle oracle(Case c) {
      return NormOracle.group(
          c.batch, c.height * c.width, c.channels, c.groups, EPSILON, c.fuseRelu);
    }
  }

  @ParameterizedTest
  @MethodSource("awkwardSizes")
  void every_pass_equals_its_definition(Case c) {
    try (Arena arena = Arena.ofConfined()) {
      Run run = Run.of(c, arena);
      NormOracle oracle = Run.oracle(c);
      double[] x = Expect.doubles(run.x);
      double[] scale = Expect.doubles(run.scale);
      double[] shift = Expect.doubles(run.shift);
      double magnified = 1 + oracle.conditioning(x);
      // Sums are double: what remains is the rounding of x - mean, of the factors and of the
      // result,
      // magnified by the inverse deviation, a scale below 2 and normalised values up to about 5.
      Expect.close("y", run.y, oracle.forward(x, scale, shift), 32 * Expect.EPS * magnified);
      NormOracle.Gradients expected = oracle.backward(x, scale, shift, Expect.doubles(run.dy));
      double tolerance = 64 * Expect.EPS * magnified;
      Expect.close("dx", run.dx, expected.dx(), tolerance * magnified);
      double terms = Math.sqrt((double) c.batch * c.height * c.width);
      Expect.close("dScale", run.dScale, expected.dScale(), tolerance * terms);
      Expect.close("dShift", run.dShift, expected.dShift(), tolerance * terms);
    }
  }

  @Test
  void gradient_matches_finite_differences() {
    for (boolean fuseRelu : new boolean[] {false, true}) {
      Case c = new Case(2, 2, 3, 6, 3, fuseRelu);
      try (Arena arena = Arena.ofConfined()) {
        Run run = Run.of(c, arena);
        NormOracle oracle = Run.oracle(c);
        double[] x = Expect.doubles(run.x);
        double[] dy = Expect.doubles(run.dy);
        double[] scale = Expect.doubles(run.scale);
        double[] shift = Expect.doubles(run.shift);
        FiniteDifferences.check(
            "dx", v -> FiniteDifferences.dot(dy, oracle.forward(v, scale, shift)), x, run.dx, 1e-5);
        FiniteDifferences.check(
            "dScale",
            v -> FiniteDifferences.dot(dy, oracle.forward(x, v, shift)),
            scale,
            run.dScale,
            1e-5);
        FiniteDifferences.check(
            "dShift",
            v -> FiniteDifferences.dot(dy, oracle.forward(x, scale, v)),
            shift,
            run.dShift,
            1e-5);
      }
    }
  }

  @Test
  void a_large_mean_does_not_drown_the_deviations() {
    try (Arena arena = Arena.ofConfined();
        GroupNorm norm = new GroupNorm(1, 8, 8, 4, 2, EPSILON, false)) {
      Tensor x = new Randoms(31).tensor(arena, 1, 8, 8, 4);
      for (long i = 0; i < x.size(); i++) {
        x.set(i, 1000 + x.get(i));
      }
      Tensor scale = Tensor.allocate(arena, 4);
      scale.fill(1);
      Tensor shift = Tensor.allocate(arena, 4);
      Tensor y = Tensor.allocate(arena, 1, 8, 8, 4);
      norm.forward(x, scale, shift, y);
      double[] expected =
          NormOracle.group(1, 64, 4, 2, EPSILON, false)
              .forward(Expect.doubles(x), Expect.doubles(scale), Expect.doubles(shift));
      // The mean is stored as float32: half a unit in the last place of 1000, over a deviation of
      // 0.5.
      Expect.close("y", y, expected, 1000 * Expect.EPS / 0.5 * 2);
    }
  }

  @Test
  void results_do_not_depend_on_the_number_of_threads() {
    int threads = Kernels.threads();
    Case c = new Case(13, 13, 13, 33, 3, true);
    try (Arena arena = Arena.ofConfined()) {
      Kernels.setThreads(1);
      Run alone = Run.of(c, arena);
      Kernels.setThreads(3);
      Run together = Run.of(c, arena);
      assertThat(together.y.toArray()).isEqualTo(alone.y.toArray());
      assertThat(together.dx.toArray()).isEqualTo(alone.dx.toArray());
      assertThat(together.dScale.toArray()).isEqualTo(alone.dScale.toArray());
    } finally {
      Kernels.setThreads(threads);
    }
  }

  @Test
  void misuse_is_refused() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Tensor.allocate(arena, 2, 3, 3, 4);
      Tensor v = Tensor.allocate(arena, 4);
      GroupNorm norm = new GroupNorm(2, 3, 3, 4, 2, EPSILON, true);
      assertThatThrownBy(() -> norm.backward(x, x, x, v, x, v, v))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("forward first");
      assertThatThrownBy(() -> norm.forward(x, x, v, x))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("scale");
      norm.close();
      norm.close();
      assertThatThrownBy(() -> norm.forward(x, v, v, x)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> new GroupNorm(2, 3, 3, 4, 3, EPSILON, true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("must divide the 4 channels: 3");
    }
  }
}
