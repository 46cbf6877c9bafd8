package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Pooling.Kind;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PoolingTest {
  /// Pooling by definition, in double precision; the geometry is that of a convolution.
  private record Oracle(Kind kind, ConvShape s) {
    interface Window {
      void at(int output, int[] inputs);
    }

    private void forEachWindow(Window window) {
      int output = 0;
      for (int n = 0; n < s.batch(); n++) {
        for (int oh = 0; oh < s.outHeight(); oh++) {
          for (int ow = 0; ow < s.outWidth(); ow++) {
            for (int c = 0; c < s.inChannels(); c++) {
              window.at(
                  output++,
                  inputs(n, oh * s.stride() - s.padding(), ow * s.stride() - s.padding(), c));
            }
          }
        }
      }
    }

    private int[] inputs(int n, int top, int left, int c) {
      int[] found = new int[s.kernelHeight() * s.kernelWidth()];
      int count = 0;
      for (int h = Math.max(0, top); h < Math.min(s.height(), top + s.kernelHeight()); h++) {
        for (int w = Math.max(0, left); w < Math.min(s.width(), left + s.kernelWidth()); w++) {
          found[count++] = ((n * s.height() + h) * s.width() + w) * s.inChannels() + c;
        }
      }
      return Arrays.copyOf(found, count);
    }

    private static int winner(double[] x, int[] inputs) {
      int best = inputs[0];
      for (int i : inputs) {
        best = x[i] > x[best] ? i : best;
      }
      return best;
    }

    double[] y(double[] x) {
      double[] y = new double[(int) Tensor.sizeOf(s.outputAxes())];
      forEachWindow((o, inputs) -> {
        switch (kind) {
          case MAX -> y[o] = x[winner(x, inputs)];
          case AVERAGE -> y[o] = Arrays.stream(inputs).mapToDouble(i -> x[i]).sum() / inputs.length;
        }
      });
      return y;
    }

    double[] dx(double[] x, double[] dy) {
      double[] dx = new double[x.length];
      forEachWindow((o, inputs) -> {
        switch (kind) {
          case MAX -> dx[winner(x, inputs)] += dy[o];
          case AVERAGE -> {
            for (int i : inputs) {
              dx[i] += dy[o] / inputs.length;
            }
          }
        }
      });
      return dx;
    }
  }

  private static Pooling plan(Kind kind, ConvShape s, boolean training) {
    return new Pooling(
        kind,
        s.batch(),
        s.height(),
        s.width(),
        s.inChannels(),
        s.kernelHeight(),
        s.kernelWidth(),
        s.stride(),
        s.padding(),
        training);
  }

  static List<ConvShape> awkwardShapes() {
    int[] batches = {1, 2, 13};
    int[] channels = {1, 3, 13, 16, 33, 5, 9};
    List<ConvShape> shapes = new ArrayList<>();
    for (int kernel : new int[] {1, 2, 3, 5, 7}) {
      for (int stride = 1; stride <= 3; stride++) {
        for (int padding = 0; padding < kernel; padding++) {
          for (int[] map : new int[][] {{1, 1}, {5, 7}, {13, 13}}) {
            if (Math.min(map[0], map[1]) + 2 * padding >= kernel) {
              int c = channels[shapes.size() % channels.length];
              int n = batches[shapes.size() % batches.length];
              shapes.add(new ConvShape(n, map[0], map[1], c, c, kernel, kernel, stride, padding));
            }
          }
        }
      }
    }
    shapes.add(new ConvShape(3, 5, 7, 13, 13, 5, 7, 1, 0)); // global
    shapes.add(new ConvShape(2, 2, 2, 512, 512, 2, 2, 2, 0));
    return shapes;
  }

  @ParameterizedTest
  @MethodSource("awkwardShapes")
  void both_kinds_equal_their_definition(ConvShape s) {
    for (Kind kind : Kind.values()) {
      try (Arena arena = Arena.ofConfined();
          Pooling pooling = plan(kind, s, true);
          Pooling inference = plan(kind, s, false)) {
        assertThat(pooling.outHeight()).isEqualTo(s.outHeight());
        assertThat(pooling.outWidth()).isEqualTo(s.outWidth());
        Randoms random = new Randoms(s.hashCode());
        Tensor x = random.tensor(arena, s.inputAxes());
        Tensor dy = random.tensor(arena, s.outputAxes());
        Tensor y = Randoms.unset(arena, s.outputAxes());
        Tensor again = Randoms.unset(arena, s.outputAxes());
        Tensor dx = Randoms.unset(arena, s.inputAxes());
        pooling.forward(x, y);
        pooling.backward(dy, dx);
        inference.forward(x, again);
        Oracle oracle = new Oracle(kind, s);
        double[] xs = Expect.doubles(x);
        double taps = s.kernelHeight() * s.kernelWidth();
        double[] expected = oracle.y(xs);
        Expect.close(kind + " y", y, expected, kind == Kind.MAX ? 0 : 8 * Expect.EPS);
        Expect.close(kind + " y", again, expected, kind == Kind.MAX ? 0 : 8 * Expect.EPS);
        Expect.close(kind + " dx", dx, oracle.dx(xs, Expect.doubles(dy)), Expect.ofSum(taps));
      }
    }
  }

  @Test
  void gradient_matches_finite_differences() {
    ConvShape s = new ConvShape(2, 5, 4, 3, 3, 3, 3, 2, 1);
    for (Kind kind : Kind.values()) {
      try (Arena arena = Arena.ofConfined();
          Pooling pooling = plan(kind, s, true)) {
        Randoms random = new Randoms(41);
        Tensor x = random.tensor(arena, s.inputAxes());
        Tensor dy = random.tensor(arena, s.outputAxes());
        Tensor dx = Tensor.allocate(arena, s.inputAxes());
        pooling.forward(x, Tensor.allocate(arena, s.outputAxes()));
        pooling.backward(dy, dx);
        double[] g = Expect.doubles(dy);
        Oracle oracle = new Oracle(kind, s);
        FiniteDifferences.check(
            kind + " dx", v -> FiniteDifferences.dot(g, oracle.y(v)), Expect.doubles(x), dx, 1e-6);
      }
    }
  }

  @Test
  void of_equal_values_the_first_takes_the_gradient() {
    ConvShape s = new ConvShape(1, 4, 4, 17, 17, 2, 2, 2, 0);
    try (Arena arena = Arena.ofConfined();
        Pooling pooling = plan(Kind.MAX, s, true)) {
      Tensor x = Tensor.allocate(arena, s.inputAxes());
      Tensor dy = new Randoms(42).tensor(arena, s.outputAxes());
      Tensor dx = Tensor.allocate(arena, s.inputAxes());
      pooling.forward(x, Tensor.allocate(arena, s.outputAxes()));
      pooling.backward(dy, dx);
      double[] expected = new Oracle(Kind.MAX, s).dx(Expect.doubles(x), Expect.doubles(dy));
      Expect.close("dx", dx, expected, 0);
    }
  }

  @Test
  void padding_never_wins() {
    ConvShape s = new ConvShape(1, 3, 3, 5, 5, 3, 3, 1, 2);
    try (Arena arena = Arena.ofConfined();
        Pooling pooling = plan(Kind.MAX, s, false)) {
      Tensor x = Tensor.allocate(arena, s.inputAxes());
      x.fill(-7);
      Tensor y = Tensor.allocate(arena, s.outputAxes());
      pooling.forward(x, y);
      assertThat(y.toArray()).containsOnly(-7f);
    }
  }

  @Test
  void misuse_is_refused() {
    ConvShape s = new ConvShape(1, 4, 4, 3, 3, 2, 2, 2, 0);
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Tensor.allocate(arena, s.inputAxes());
      Tensor y = Tensor.allocate(arena, s.outputAxes());
      Pooling pooling = plan(Kind.MAX, s, true);
      assertThatThrownBy(() -> pooling.backward(y, x))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("forward first");
      assertThatThrownBy(() -> pooling.forward(y, y)).isInstanceOf(IllegalArgumentException.class);
      pooling.close();
      pooling.close();
      assertThatThrownBy(() -> pooling.forward(x, y)).isInstanceOf(IllegalStateException.class);
      try (Pooling inference = plan(Kind.AVERAGE, s, false)) {
        assertThatThrownBy(() -> inference.backward(y, x))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("without training");
      }
      assertThatThrownBy(() -> new Pooling(Kind.MAX, 1, 4, 4, 3, 2, 2, 2, 2, true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("padding");
    }
  }
}
