package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.util.function.Consumer;
import java.util.function.DoubleBinaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ElementwiseTest {
  /// Around one vector, several, one chunk and several.
  private static final int[] HOSTILE_SIZES = {1, 7, 13, 16, 17, 207, 65536, 65537, 100003, 300001};

  private static final int[][] MATRICES = {
    {1, 1},
    {1, 13},
    {7, 1},
    {13, 3},
    {207, 9},
    {5, 16},
    {5, 17},
    {1001, 207},
    {100003, 3},
    {2, 70000}
  };

  /// Two inputs, an output, and room behind each that must not be touched.
  private record Operands3(Tensor a, Tensor b, Tensor out, Tensor guarded) {
    static final float GUARD = 12345;

    Operands3(Arena arena, Randoms random, int size) {
      Tensor whole = Tensor.allocate(arena, size + 64);
      whole.fill(GUARD);
      whole.examples(0, size).fill(Float.NaN);
      this(
          random.tensor(arena, size),
          random.tensor(arena, size),
          whole.examples(0, size),
          whole.examples(size, 64));
    }

    void check(String what, DoubleBinaryOperator expected, double tolerance) {
      double[] values = new double[(int) a.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = expected.applyAsDouble(a.get(i), b.get(i));
      }
      Expect.close(what, out, values, tolerance);
      assertThat(guarded.toArray()).as("memory behind " + what).containsOnly(GUARD);
    }
  }

  @Test
  void binary_passes_equal_their_definition() {
    Randoms random = new Randoms(51);
    for (int size : HOSTILE_SIZES) {
      try (Arena arena = Arena.ofConfined()) {
        Operands3 t = new Operands3(arena, random, size);
        Elementwise.relu(t.a, t.out);
        t.check("relu", (a, b) -> Math.max(a, 0), 0);
        Elementwise.reluBackward(t.a, t.b, t.out);
        t.check("reluBackward", (a, b) -> a > 0 ? b : 0, 0);
        Elementwise.tanh(t.a, t.out);
        t.check("tanh", (a, b) -> Math.tanh(a), 4 * Expect.EPS);
        Elementwise.tanhBackward(t.a, t.b, t.out);
        t.check("tanhBackward", (a, b) -> b * (1 - a * a), 4 * Expect.EPS);
        Elementwise.add(t.a, t.b, t.out);
        t.check("add", Double::sum, 2 * Expect.EPS);
        Elementwise.addRelu(t.a, t.b, t.out);
        t.check("addRelu", (a, b) -> Math.max(0, a + b), 2 * Expect.EPS);
        t.out.copyFrom(t.b);
        Elementwise.axpy(-0.75f, t.a, t.out);
        t.check("axpy", (a, b) -> b - 0.75 * a, 2 * Expect.EPS);
        t.out.copyFrom(t.a);
        Elementwise.scale(3, t.out);
        t.check("scale", (a, b) -> 3 * a, 4 * Expect.EPS);
        t.out.copyFrom(t.b);
        assertThat(Elementwise.addFinite(t.a, t.out)).isTrue();
        t.check("addFinite", Double::sum, 2 * Expect.EPS);
        assertThat(Elementwise.copyFinite(t.a, t.out)).isTrue();
        t.check("copyFinite", (a, b) -> a, 0);
      }
    }
  }

  /// Relative to the result: tanh of a small value is the value.
  @Test
  void tanh_is_right_everywhere() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Tensor.allocate(arena, 1);
      Tensor y = Tensor.allocate(arena, 1);
      for (double magnitude = 1e-30; magnitude < 1e30; magnitude *= 1.01) {
        for (float value : new float[] {(float) magnitude, (float) -magnitude}) {
          x.set(0, value);
          Elementwise.tanh(x, y);
          double expected = Math.tanh(value);
          assertThat((double) y.get(0))
              .isCloseTo(expected, within(8 * Expect.EPS * Math.abs(expected)))
              .isBetween(-1.0, 1.0);
        }
      }
      for (float value : new float[] {0f, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
        x.set(0, value);
        Elementwise.tanh(x, y);
        assertThat((double) y.get(0)).isCloseTo(Math.tanh(value), within(4 * Expect.EPS));
      }
      x.set(0, Float.NaN);
      Elementwise.tanh(x, y);
      assertThat(y.get(0)).isNaN();
    }
  }

  @Test
  void passes_may_run_in_place() {
    try (Arena arena = Arena.ofConfined()) {
      Operands3 t = new Operands3(arena, new Randoms(52), 207);
      t.out.copyFrom(t.a);
      Elementwise.relu(t.out, t.out);
      t.check("relu", (a, b) -> Math.max(a, 0), 0);
      t.out.copyFrom(t.b);
      Elementwise.reluBackward(t.a, t.out, t.out);
      t.check("reluBackward", (a, b) -> a > 0 ? b : 0, 0);
      t.out.copyFrom(t.a);
      Elementwise.tanh(t.out, t.out);
      t.check("tanh", (a, b) -> Math.tanh(a), 4 * Expect.EPS);
      t.out.copyFrom(t.b);
      Elementwise.tanhBackward(t.a, t.out, t.out);
      t.check("tanhBackward", (a, b) -> b * (1 - a * a), 4 * Expect.EPS);
      t.out.copyFrom(t.b);
      Elementwise.addRelu(t.a, t.out, t.out);
      t.check("addRelu", (a, b) -> Math.max(0, a + b), 2 * Expect.EPS);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void one_value_that_is_not_finite_is_found_wherever_it_hides(float poison) {
    for (int size : HOSTILE_SIZES) {
      try (Arena arena = Arena.ofConfined()) {
        Tensor source = Tensor.allocate(arena, size);
        Tensor target = Tensor.allocate(arena, size);
        for (int at : new int[] {0, size / 2, size - 1}) {
          source.set(at, poison);
          assertThat(Elementwise.allFinite(source)).isFalse();
          assertThat(Elementwise.addFinite(source, target)).isFalse();
          assertThat(Elementwise.copyFinite(source, target)).isFalse();
          source.set(at, Float.MAX_VALUE);
          assertThat(Elementwise.allFinite(source)).isTrue();
          target.fill(0);
          assertThat(Elementwise.addFinite(source, target)).isTrue();
          source.set(at, 0);
        }
      }
    }
  }

  @Test
  void the_sum_of_squares_is_double() {
    Randoms random = new Randoms(53);
    for (int size : HOSTILE_SIZES) {
      try (Arena arena = Arena.ofConfined()) {
        Tensor x = random.tensor(arena, size);
        double expected = 0;
        for (double value : Expect.doubles(x)) {
          expected += value * value;
        }
        assertThat(Elementwise.sumOfSquares(x)).isCloseTo(expected, within(1e-12 * expected));
      }
    }
  }

  @Test
  void row_passes_equal_their_definition() {
    Randoms random = new Randoms(54);
    for (int[] shape : MATRICES) {
      int columns = shape[1];
      try (Arena arena = Arena.ofConfined()) {
        Tensor matrix = random.tensor(arena, shape);
        Tensor row = random.tensor(arena, columns);
        double[] expected = Expect.doubles(matrix);
        double[] sums = new double[columns];
        for (int i = 0; i < expected.length; i++) {
          sums[i % columns] += expected[i];
          expected[i] += row.get(i % columns);
        }
        Tensor total = Randoms.unset(arena, columns);
        Elementwise.columnSums(matrix, total);
        Expect.close("columnSums", total, sums, (shape[0] + 1000) * Expect.EPS);
        Elementwise.addRow(row, matrix);
        Expect.close("addRow", matrix, expected, 2 * Expect.EPS);
      }
    }
  }

  @Test
  void a_worker_s_result_is_merged_with_bias_and_relu_in_one_pass() {
    Randoms random = new Randoms(57);
    for (int[] shape : MATRICES) {
      int columns = shape[1];
      for (float floor : new float[] {0, Float.NEGATIVE_INFINITY}) {
        try (Arena arena = Arena.ofConfined()) {
          Tensor matrix = random.tensor(arena, shape);
          Tensor source = random.tensor(arena, shape);
          Tensor row = random.tensor(arena, columns);
          double[] expected = Expect.doubles(matrix);
          double[] relu = Expect.doubles(source);
          for (int i = 0; i < expected.length; i++) {
            expected[i] = Math.max(floor, expected[i] + source.get(i) + row.get(i % columns));
            relu[i] = Math.max(0, relu[i] + row.get(i % columns));
          }
          assertThat(Elementwise.addFiniteAndRow(source, row, floor, matrix)).isTrue();
          Expect.close("addFiniteAndRow", matrix, expected, 4 * Expect.EPS);
          Elementwise.addRowRelu(row, source);
          Expect.close("addRowRelu", source, relu, 2 * Expect.EPS);
          for (long at : new long[] {0, source.size() / 2, source.size() - 1}) {
            source.set(at, Float.NaN);
            assertThat(Elementwise.addFiniteAndRow(source, row, floor, matrix)).isFalse();
            source.set(at, 1);
            assertThat(Elementwise.addFiniteAndRow(source, row, floor, matrix)).isTrue();
          }
        }
      }
    }
  }

  @Test
  void a_million_rows_are_summed_without_loss() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor matrix = Tensor.allocate(arena, 1_000_000, 3);
      matrix.fill(0.1f);
      Tensor sums = Tensor.allocate(arena, 3);
      Elementwise.columnSums(matrix, sums);
      double expected = 1e6 * 0.1f;
      Expect.close(
          "sums", sums, new double[] {expected, expected, expected}, expected * Expect.EPS);
    }
  }

  @Test
  void sgd_equals_its_definition() {
    Randoms random = new Randoms(55);
    for (int size : HOSTILE_SIZES) {
      try (Arena arena = Arena.ofConfined()) {
        Tensor w = random.tensor(arena, size);
        Tensor v = random.tensor(arena, size);
        Tensor g = random.tensor(arena, size);
        double[] velocity = Expect.doubles(v);
        double[] weights = Expect.doubles(w);
        float[] before = g.toArray();
        for (int i = 0; i < size; i++) {
          velocity[i] = 0.9f * velocity[i] + (g.get(i) + 5e-4f * weights[i]);
          weights[i] -= 0.1f * velocity[i];
        }
        Elementwise.sgd(w, v, g, 0.1f, 0.9f, 5e-4f);
        Expect.close("velocity", v, velocity, 4 * Expect.EPS);
        Expect.close("weights", w, weights, 4 * Expect.EPS);
        assertThat(g.toArray()).isEqualTo(before);
      }
    }
  }

  /// Three steps from nothing, as the paper's algorithm has them.
  @Test
  void adamw_equals_its_definition() {
    Randoms random = new Randoms(57);
    for (int size : HOSTILE_SIZES) {
      try (Arena arena = Arena.ofConfined()) {
        Tensor w = random.tensor(arena, size);
        Tensor m = Tensor.allocate(arena, size);
        Tensor v = Tensor.allocate(arena, size);
        double[] weights = Expect.doubles(w);
        double[] first = new double[size];
        double[] second = new double[size];
        for (int step = 1; step <= 3; step++) {
          Tensor g = random.tensor(arena, size);
          float[] before = g.toArray();
          for (int i = 0; i < size; i++) {
            first[i] = 0.9f * first[i] + (1 - 0.9f) * (double) g.get(i);
            second[i] = 0.999f * second[i] + (1 - 0.999f) * (double) g.get(i) * g.get(i);
            double mean = first[i] / (1 - Math.pow(0.9f, step));
            double square = second[i] / (1 - Math.pow(0.999f, step));
            weights[i] -= 0.1f * (mean / (Math.sqrt(square) + 1e-8f) + 0.05f * weights[i]);
          }
          Elementwise.adamw(w, m, v, g, step, 0.1f, 0.9f, 0.999f, 1e-8f, 0.05f);
          assertThat(g.toArray()).isEqualTo(before);
          Expect.close("first", m, first, 8 * Expect.EPS);
          Expect.close("second", v, second, 8 * Expect.EPS);
          Expect.close("weights", w, weights, 32 * Expect.EPS);
        }
      }
    }
  }

  @Test
  void adamw_of_no_gradient_moves_nothing_but_decays() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor w = Tensor.allocate(arena, 13);
      w.fill(2);
      Tensor none = Tensor.allocate(arena, 13);
      Tensor m = Tensor.allocate(arena, 13);
      Tensor v = Tensor.allocate(arena, 13);
      Elementwise.adamw(w, m, v, none, 1, 0.5f, 0.9f, 0.999f, 1e-8f, 0.5f);
      assertThat(w.toArray()).containsOnly(1.5f);
      assertThatThrownBy(() -> Elementwise.adamw(w, m, v, none, 0, 1, 0, 0, 1, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("steps count from 1");
    }
  }

  @Test
  void results_do_not_depend_on_the_number_of_threads() {
    int threads = Kernels.threads();
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = new Randoms(56).tensor(arena, 100003, 7);
      Tensor alone = Tensor.allocate(arena, 7);
      Tensor together = Tensor.allocate(arena, 7);
      Kernels.setThreads(1);
      double square = Elementwise.sumOfSquares(x);
      Elementwise.columnSums(x, alone);
      Kernels.setThreads(5);
      assertThat(Elementwise.sumOfSquares(x)).isEqualTo(square);
      Elementwise.columnSums(x, together);
      assertThat(together.toArray()).isEqualTo(alone.toArray());
    } finally {
      Kernels.setThreads(threads);
    }
  }

  @Test
  void sizes_that_do_not_fit_are_refused() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor a = Tensor.allocate(arena, 4, 3);
      Tensor b = Tensor.allocate(arena, 4, 2);
      refused("y must have 12 elements", b, t -> Elementwise.relu(a, t));
      refused("dx must have 12 elements", b, t -> Elementwise.reluBackward(a, a, t));
      refused("y must have 12 elements", b, t -> Elementwise.tanh(a, t));
      refused("dx must have 12 elements", b, t -> Elementwise.tanhBackward(a, a, t));
      refused("b must have 12 elements", b, t -> Elementwise.add(a, t, a));
      refused("y must have 12 elements", b, t -> Elementwise.axpy(1, a, t));
      refused("target must have 12 elements", b, t -> Elementwise.addFinite(a, t));
      refused("target must have 12 elements", b, t -> Elementwise.copyFinite(a, t));
      refused("gradient must have 12 elements", b, t -> Elementwise.sgd(a, a, t, 1, 1, 1));
      refused(
          "second must have 12 elements", b, t -> Elementwise.adamw(a, a, t, a, 1, 1, 0, 0, 1, 0));
      refused("must have 3 elements", b, t -> Elementwise.addRow(t, a));
      refused("must have 3 elements", b, t -> Elementwise.columnSums(a, t));
    }
  }

  private static void refused(String message, Tensor tensor, Consumer<Tensor> pass) {
    assertThatThrownBy(() -> pass.accept(tensor))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }
}
