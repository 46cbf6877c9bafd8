package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BatchNormTest {
  private static final float EPSILON = 1e-3f;

  record Case(int batch, int height, int width, int channels, boolean fuseRelu) {}

  static List<Case> awkwardSizes() {
    List<Case> cases = new ArrayList<>();
    for (int batch : new int[] {1, 2, 13}) {
      for (int[] map : new int[][] {{1, 1}, {5, 7}, {13, 13}}) {
        for (int channels : new int[] {1, 3, 5, 9, 13, 16, 33}) {
          cases.add(new Case(batch, map[0], map[1], channels, false));
          cases.add(new Case(batch, map[0], map[1], channels, true));
        }
      }
    }
    return cases;
  }

  /// The operands of one case, float32 for the kernel and double for the oracle.
  private record Batch(Tensor x, Tensor dy, Tensor scale, Tensor shift) {
    Batch(Randoms random, Arena arena, Case c) {
      this(
          random.tensor(arena, c.batch, c.height, c.width, c.channels),
          random.tensor(arena, c.batch, c.height, c.width, c.channels),
          random.positive(arena, c.channels),
          random.tensor(arena, c.channels));
    }
  }

  @ParameterizedTest
  @MethodSource("awkwardSizes")
  void training_equals_its_definition(Case c) {
    try (Arena arena = Arena.ofConfined();
        BatchNorm norm =
            new BatchNorm(c.batch, c.height, c.width, c.channels, EPSILON, c.fuseRelu)) {
      Batch in = new Batch(new Randoms(c.hashCode()), arena, c);
      Tensor y = Randoms.unset(arena, in.x.shape());
      Tensor mean = Randoms.unset(arena, c.channels);
      Tensor variance = Randoms.unset(arena, c.channels);
      Tensor dx = Randoms.unset(arena, in.x.shape());
      Tensor dScale = Randoms.unset(arena, c.channels);
      Tensor dShift = Randoms.unset(arena, c.channels);
      norm.forwardTraining(in.x, in.scale, in.shift, y, mean, variance);
      norm.backward(in.x, in.dy, mean, variance, in.scale, dx, dScale, dShift);

      NormOracle oracle = NormOracle.batch(c.channels, EPSILON, c.fuseRelu);
      double[] x = Expect.doubles(in.x);
      double[] scale = Expect.doubles(in.scale);
      double[] shift = Expect.doubles(in.shift);
      double n = (double) c.batch * c.height * c.width;
      double magnified = 1 + oracle.conditioning(x);
      NormOracle.Statistics statistics = oracle.statistics(x);
      Expect.close("mean", mean, statistics.mean(), Expect.ofSum(n) / n);
      Expect.close("variance", variance, statistics.variance(), 8 * Expect.ofSum(n) / n);
      // Rounding of x, mean and factor, each magnified by the inverse deviation and a scale below
      // 2.
      Expect.close("y", y, oracle.forward(x, scale, shift), 16 * Expect.EPS * magnified);
      NormOracle.Gradients gradients = oracle.backward(x, scale, shift, Expect.doubles(in.dy));
      Expect.close(
          "dx",
          dx,
          gradients.dx(),
          (16 * Expect.EPS + 2 * Expect.ofSum(n) / n) * magnified * magnified);
      Expect.close("dScale", dScale, gradients.dScale(), Expect.ofSum(n) * magnified);
      Expect.close("dShift", dShift, gradients.dShift(), Expect.ofSum(n));
    }
  }

  @ParameterizedTest
  @MethodSource("awkwardSizes")
  void inference_uses_the_given_statistics(Case c) {
    try (Arena arena = Arena.ofConfined();
        BatchNorm norm =
            new BatchNorm(c.batch, c.height, c.width, c.channels, EPSILON, c.fuseRelu)) {
      Randoms random = new Randoms(c.hashCode());
      Batch in = new Batch(random, arena, c);
      Tensor mean = random.tensor(arena, c.channels);
      Tensor variance = random.positive(arena, c.channels);
      Tensor y = Randoms.unset(arena, in.x.shape());
      norm.forwardInference(in.x, in.scale, in.shift, mean, variance, y);
      NormOracle.Statistics given =
          new NormOracle.Statistics(
              Expect.doubles(mean), Expect.doubles(variance), new int[c.channels]);
      double[] expected =
          NormOracle.batch(c.channels, EPSILON, c.fuseRelu)
              .forward(
                  Expect.doubles(in.x), Expect.doubles(in.scale), Expect.doubles(in.shift), given);
      Expect.close("y", y, expected, 64 * Expect.EPS);
    }
  }

  @Test
  void gradient_matches_finite_differences() {
    for (boolean fuseRelu : new boolean[] {false, true}) {
      Case c = new Case(3, 2, 3, 5, fuseRelu);
      try (Arena arena = Arena.ofConfined();
          BatchNorm norm = new BatchNorm(3, 2, 3, 5, EPSILON, fuseRelu)) {
        Batch in = new Batch(new Randoms(21), arena, c);
        Tensor y = Tensor.allocate(arena, in.x.shape());
        Tensor mean = Tensor.allocate(arena, 5);
        Tensor variance = Tensor.allocate(arena, 5);
        Tensor dx = Tensor.allocate(arena, in.x.shape());
        Tensor dScale = Tensor.allocate(arena, 5);
        Tensor dShift = Tensor.allocate(arena, 5);
        norm.forwardTraining(in.x, in.scale, in.shift, y, mean, variance);
        norm.backward(in.x, in.dy, mean, variance, in.scale, dx, dScale, dShift);
        NormOracle oracle = NormOracle.batch(5, EPSILON, fuseRelu);
        double[] x = Expect.doubles(in.x);
        double[] dy = Expect.doubles(in.dy);
        double[] scale = Expect.doubles(in.scale);
        double[] shift = Expect.doubles(in.shift);
        FiniteDifferences.check(
            "dx", v -> FiniteDifferences.dot(dy, oracle.forward(v, scale, shift)), x, dx, 1e-5);
        FiniteDifferences.check(
            "dScale",
            v -> FiniteDifferences.dot(dy, oracle.forward(x, v, shift)),
            scale,
            dScale,
            1e-5);
        FiniteDifferences.check(
            "dShift",
            v -> FiniteDifferences.dot(dy, oracle.forward(x, scale, v)),
            shift,
            dShift,
            1e-5);
      }
    }
  }

  @Test
  void it_may_run_in_place() {
    Case c = new Case(4, 5, 5, 9, true);
    try (Arena arena = Arena.ofConfined();
        BatchNorm norm = new BatchNorm(4, 5, 5, 9, EPSILON, true)) {
      Batch in = new Batch(new Randoms(22), arena, c);
      Tensor y = Tensor.allocate(arena, in.x.shape());
      Tensor dx = Tensor.allocate(arena, in.x.shape());
      Tensor mean = Tensor.allocate(arena, 9);
      Tensor variance = Tensor.allocate(arena, 9);
      Tensor dScale = Tensor.allocate(arena, 9);
      Tensor dShift = Tensor.allocate(arena, 9);
      norm.forwardTraining(in.x, in.scale, in.shift, y, mean, variance);
      norm.backward(in.x, in.dy, mean, variance, in.scale, dx, dScale, dShift);
      norm.backward(in.x, in.dy, mean, variance, in.scale, in.dy, dScale, dShift);
      norm.forwardTraining(in.x, in.scale, in.shift, in.x, mean, variance);
      assertThat(in.dy.toArray()).isEqualTo(dx.toArray());
      assertThat(in.x.toArray()).isEqualTo(y.toArray());
    }
  }

  @Test
  void misuse_is_refused() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Tensor.allocate(arena, 2, 3, 3, 4);
      Tensor v = Tensor.allocate(arena, 4);
      BatchNorm norm = new BatchNorm(2, 3, 3, 4, EPSILON, true);
      assertThatThrownBy(() -> norm.backward(x, x, v, v, v, x, v, v))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("forwardTraining first");
      assertThatThrownBy(() -> norm.forwardTraining(x, v, v, x.examples(0, 1), v, v))
          .isInstanceOf(IllegalArgumentException.class);
      norm.close();
      norm.close();
      assertThatThrownBy(() -> norm.forwardInference(x, v, v, v, v, x))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> new BatchNorm(2, 3, 3, 0, EPSILON, true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("channels");
      assertThatThrownBy(() -> new BatchNorm(2, 3, 3, 4, 0, true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("epsilon");
    }
  }
}
