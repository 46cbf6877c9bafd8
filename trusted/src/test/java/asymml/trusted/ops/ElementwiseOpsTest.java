package asymml.trusted.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Pooling;
import asymml.kernels.Scattering;
import asymml.kernels.Tensor;
import asymml.model.Layer.Activation;
import asymml.model.Layer.Clip;
import asymml.model.Layer.HardSwish;
import asymml.model.Layer.LeakyRelu;
import asymml.model.Layer.Sigmoid;
import asymml.model.Layer.Tanh;
import asymml.trusted.memory.GradientTarget;
import asymml.trusted.ops.OpHarness.Target;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The operations without parameters, each with all ways in which its input's gradient is planned.
class ElementwiseOpsTest {
  /// A few roundings of values of magnitude 1 to 2.
  private static final double TOLERANCE = 1e-6;

  /// 207 values are no multiple of a vector's lanes.
  private static final int[][] SHAPES = {{1, 1, 1, 1}, {1, 1, 1, 13}, {1, 9, 23, 1}, {3, 5, 7, 3}};

  private final OpHarness harness = new OpHarness(90);

  @AfterEach
  void free() {
    harness.close();
  }

  static Stream<Arguments> shapesAndTargets() {
    List<Arguments> all = new ArrayList<>();
    for (int[] shape : SHAPES) {
      for (Target target : Target.values()) {
        all.add(Arguments.of(shape, target));
      }
    }
    return all.stream();
  }

  private static double[] relu(double[] x) {
    return Arrays.stream(x).map(v -> Math.max(v, 0)).toArray();
  }

  @ParameterizedTest
  @MethodSource("shapesAndTargets")
  void relu_and_its_gradient_match_the_definition(int[] shape, Target target) {
    harness.check(shape, shape, target, TOLERANCE, ReluOp::new, ElementwiseOpsTest::relu);
  }

  @ParameterizedTest
  @MethodSource("shapesAndTargets")
  void tanh_and_its_gradient_match_the_definition(int[] shape, Target target) {
    harness.check(
        shape,
        shape,
        target,
        TOLERANCE,
        t -> new ActivationOp(new Tanh(), t),
        x -> Arrays.stream(x).map(Math::tanh).toArray());
  }

  /// Clips are at places where values are, and slopes differ on both sides of them.
  static Stream<Arguments> activations() {
    List<Arguments> all = new ArrayList<>();
    for (int[] shape : SHAPES) {
      for (Target target : Target.values()) {
        all.add(Arguments.of(shape, target, new Clip(-0.5f, 0.25f), f(x -> clip(x, -0.5, 0.25))));
        all.add(Arguments.of(shape, target, new Clip(0, 6), f(x -> clip(x, 0, 6))));
        all.add(Arguments.of(shape, target, new LeakyRelu(0.1f), f(x -> x > 0 ? x : 0.1f * x)));
        all.add(Arguments.of(shape, target, new Sigmoid(), f(x -> 1 / (1 + Math.exp(-x)))));
        all.add(Arguments.of(shape, target, new HardSwish(), f(x -> x * clip(x / 6 + 0.5, 0, 1))));
      }
    }
    return all.stream();
  }

  private static double clip(double x, double low, double high) {
    return Math.min(Math.max(x, low), high);
  }

  private static DoubleUnaryOperator f(DoubleUnaryOperator function) {
    return function;
  }

  @ParameterizedTest
  @MethodSource("activations")
  void an_activation_and_its_gradient_match_the_definition(
      int[] shape, Target target, Activation function, DoubleUnaryOperator definition) {
    harness.check(
        shape,
        shape,
        target,
        TOLERANCE,
        t -> new ActivationOp(function, t),
        x -> Arrays.stream(x).map(definition).toArray());
  }

  /// As PyTorch has it: no gradient at the ends of a clip, and the lower slope at 0.
  @Test
  void gradients_at_kinks_and_beyond_are_those_of_one_side() {
    assertGradients(new Clip(0, 6), new float[] {-1, 0, 3, 6, 7}, new double[] {0, 0, 2, 0, 0});
    assertGradients(new LeakyRelu(0.25f), new float[] {-4, 0, 8}, new double[] {0.5, 0.5, 2});
    assertGradients(new HardSwish(), new float[] {-5, -3, 0, 3, 5}, new double[] {0, 0, 1, 2, 2});
    assertGradients(new Sigmoid(), new float[] {-90, 0, 90}, new double[] {0, 0.5, 0});
  }

  private void assertGradients(Activation function, float[] x, double[] expected) {
    int[] shape = {1, 1, 1, x.length};
    OpTensors tensors = harness.tensors(Target.APART, shape, shape);
    tensors.x().copyFrom(x);
    tensors.outputGradient().fill(2);
    try (ActivationOp op = new ActivationOp(function, tensors)) {
      op.forward(0);
      op.backward();
    }
    OpHarness.assertClose(
        function.toString(), Gradients.require(tensors.dx()).total(), expected, 8 * 0x1p-24);
  }

  @Test
  void no_activation_hides_a_value_that_is_not_a_number() {
    for (Activation function :
        List.of(new Clip(0, 6), new LeakyRelu(0.1f), new Sigmoid(), new HardSwish(), new Tanh())) {
      int[] shape = {1, 1, 1, 9};
      OpTensors tensors = harness.tensors(Target.NONE, shape, shape);
      tensors.x().set(3, Float.NaN);
      tensors.x().set(8, Float.NaN);
      try (ActivationOp op = new ActivationOp(function, tensors)) {
        op.forward(0);
      }
      assertThat(tensors.y().get(3)).as("%s", function).isNaN();
      assertThat(tensors.y().get(8)).as("%s", function).isNaN();
      assertThat(tensors.y().get(2)).as("%s", function).isFinite();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"APART", "ADDED"})
  void a_concatenation_puts_channels_side_by_side_and_takes_them_apart(Target target) {
    Tensor first = harness.random(2, 3, 2, 3);
    Tensor second = harness.random(2, 3, 2, 1);
    Tensor y = harness.nan(2, 3, 2, 4);
    Tensor dy = harness.random(2, 3, 2, 4);
    GradientTarget one = Objects.requireNonNull(harness.target(target, first.shape(), dy));
    GradientTarget two = Objects.requireNonNull(harness.target(target, second.shape(), dy));
    double[] before = target == Target.ADDED ? OpHarness.doubles(two.total()) : new double[12];
    try (ConcatOp op =
        new ConcatOp(
            List.of(new ConcatOp.Input(first, one), new ConcatOp.Input(second, two)), y, dy)) {
      op.forward(0);
      op.backward();
    }
    for (int pixel = 0; pixel < 12; pixel++) {
      for (int c = 0; c < 3; c++) {
        assertThat(y.get(4 * pixel + c)).isEqualTo(first.get(3 * pixel + c));
      }
      assertThat(y.get(4 * pixel + 3)).isEqualTo(second.get(pixel));
      assertThat((double) two.total().get(pixel))
          .isCloseTo(before[pixel] + dy.get(4 * pixel + 3), within(TOLERANCE));
      if (target == Target.APART) {
        assertThat(one.total().get(3 * pixel + 2)).isEqualTo(dy.get(4 * pixel + 2));
      }
    }
  }

  /// As large as a diverging network makes them: finite, of the right sign, and no gradient to
  /// speak of.
  @Test
  void tanh_of_large_values_is_one_and_passes_next_to_no_gradient() {
    int[] shape = {1, 1, 1, 5};
    OpTensors tensors = harness.tensors(Target.APART, shape, shape);
    tensors.x().copyFrom(new float[] {30f, -30f, Float.MAX_VALUE, -Float.MAX_VALUE, 0f});
    tensors.outputGradient().fill(2);
    try (ActivationOp op = new ActivationOp(new Tanh(), tensors)) {
      op.forward(0);
      op.backward();
    }
    OpHarness.assertClose("output", tensors.y(), new double[] {1, -1, 1, -1, 0}, 4 * 0x1p-24);
    OpHarness.assertClose(
        "gradient",
        Gradients.require(tensors.dx()).total(),
        new double[] {0, 0, 0, 0, 2},
        8 * 0x1p-24);
  }

  /// Each example by itself, whatever else is in the batch; and nothing flows back to the images.
  @Test
  void a_scattering_transform_mixes_no_examples_and_has_no_gradient() {
    int[] in = {3, 8, 12, 2};
    int[] out = {3, 2, 3, 2 * Scattering.PATHS};
    OpTensors tensors = harness.tensors(Target.NONE, in, out);
    ScatteringOp op = new ScatteringOp(tensors);
    op.forward(0);
    float[] first = tensors.y().examples(0, 1).toArray();
    float[] last = tensors.y().examples(2, 1).toArray();
    harness.randomize(tensors.x().examples(2, 1));
    op.forward(1);
    assertThat(tensors.y().examples(0, 1).toArray()).isEqualTo(first);
    assertThat(tensors.y().examples(2, 1).toArray()).isNotEqualTo(last);
    assertThatThrownBy(op::backward)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no gradient flows through a scattering transform");
    assertThat(op.addedHere()).isEmpty();
    op.close();
    assertThatThrownBy(() -> op.forward(2)).isInstanceOf(IllegalStateException.class);
  }

  /// A constant image has no wavelet coefficients, and no contrast: normalised features are 0, but
  /// for rounding.
  @Test
  void a_constant_image_scatters_into_nothing() {
    OpTensors tensors =
        harness.tensors(Target.NONE, new int[] {2, 4, 4, 1}, new int[] {2, 1, 1, Scattering.PATHS});
    tensors.x().examples(0, 1).fill(3);
    tensors.x().examples(1, 1).fill(-5);
    try (ScatteringOp op = new ScatteringOp(tensors)) {
      op.forward(0);
    }
    for (float value : tensors.y().toArray()) {
      assertThat(value).isCloseTo(0, within(1e-2f));
    }
  }

  /// With the subgradient 0 at the kink, as PyTorch takes it.
  @Test
  void relu_passes_no_gradient_at_zero() {
    OpTensors tensors =
        harness.tensors(Target.APART, new int[] {1, 1, 1, 4}, new int[] {1, 1, 1, 4});
    tensors.x().copyFrom(new float[] {0f, -0f, Float.MIN_VALUE, -Float.MIN_VALUE});
    tensors.outputGradient().fill(1);
    try (ReluOp op = new ReluOp(tensors)) {
      op.forward(0);
      op.backward();
    }
    assertThat(Gradients.require(tensors.dx()).total().toArray()).containsExactly(0, 0, 1, 0);
  }

  @ParameterizedTest
  @MethodSource("shapesAndTargets")
  void an_addition_passes_the_gradient_to_both_inputs(int[] shape, Target target) {
    for (boolean relu : new boolean[] {false, true}) {
      for (Target otherTarget : new Target[] {Target.APART, Target.ADDED, Target.NONE}) {
        addition(shape, target, otherTarget, relu);
      }
    }
  }

  private void addition(int[] shape, Target target, Target otherTarget, boolean relu) {
    OpTensors tensors = harness.tensors(target, shape, shape);
    Tensor other = harness.random(shape);
    GradientTarget otherGradient = harness.target(otherTarget, shape, tensors.outputGradient());
    double[] before =
        otherGradient != null && otherGradient.adds()
            ? OpHarness.doubles(otherGradient.total())
            : new double[Math.toIntExact(other.size())];
    double[] a = OpHarness.doubles(tensors.x());
    double[] b = OpHarness.doubles(other);
    double[] dy = OpHarness.doubles(tensors.outputGradient());
    try (AddOp op = new AddOp(tensors, other, relu, otherGradient)) {
      harness.step(op, 0, tensors, TOLERANCE, x -> sum(x, b, relu));
    }
    assertThat(OpHarness.doubles(other)).as("the second input").isEqualTo(b);
    if (otherGradient != null) {
      double[] expected = harness.gradient(x -> sum(a, x, relu), b, dy);
      OpHarness.assertClose(
          "gradient", otherGradient.total(), sum(expected, before, false), TOLERANCE);
    }
  }

  private static double[] sum(double[] a, double[] b, boolean relu) {
    double[] sum = new double[a.length];
    for (int i = 0; i < sum.length; i++) {
      sum[i] = a[i] + b[i];
    }
    return relu ? relu(sum) : sum;
  }

  @ParameterizedTest
  @EnumSource
  void a_change_of_shape_passes_values_and_gradients_on(Target target) {
    int[] shape = {3, 5, 7, 2};
    int[] flat = {3, 1, 1, 70};
    OpTensors map = harness.tensors(target, shape, shape);
    Tensor dy = map.outputGradient().reshape(flat);
    // The gradient of the map is planned where that of the flat output lies: nothing is moved.
    OpTensors tensors = new OpTensors(map.x(), map.x().reshape(flat), dy, map.dx());
    try (FlattenOp op = new FlattenOp(tensors)) {
      harness.step(op, 0, tensors, TOLERANCE, double[]::clone);
    }
  }

  @Test
  void a_gradient_that_goes_nowhere_leaves_that_of_the_output_alone() {
    int[] shape = {2, 3, 3, 2};
    Tensor dy = harness.random(shape);
    float[] before = dy.toArray();
    OpTensors tensors = new OpTensors(harness.random(shape), harness.nan(shape), dy, null);
    for (TrustedOp op :
        List.of(
            new ReluOp(tensors),
            new ActivationOp(new Tanh(), tensors),
            new ActivationOp(new HardSwish(), tensors),
            new ConcatOp(
                List.of(
                    new ConcatOp.Input(tensors.x(), null),
                    new ConcatOp.Input(harness.random(2, 3, 3, 1), null)),
                harness.nan(2, 3, 3, 3),
                harness.random(2, 3, 3, 3)),
            new FlattenOp(tensors),
            new DropoutOp(0.5f, 1, tensors),
            new AddOp(tensors, harness.random(shape), false, null))) {
      try (op) {
        op.forward(0);
        op.backward();
      }
      assertThat(dy.toArray()).as(op.getClass().getSimpleName()).isEqualTo(before);
    }
  }

  /// What dropout multiplied each value by, seen on an input of ones.
  private double[] factors(float rate, long seed, long step, int... shape) {
    Tensor ones = Tensor.allocate(harness.arena(), shape);
    ones.fill(1);
    Tensor y = harness.nan(shape);
    try (DropoutOp op = new DropoutOp(rate, seed, new OpTensors(ones, y, null, null))) {
      op.forward(step);
    }
    return OpHarness.doubles(y);
  }

  @ParameterizedTest
  @MethodSource("shapesAndTargets")
  void dropout_multiplies_values_and_gradients_by_the_same_mask(int[] shape, Target target) {
    for (long step : new long[] {0, 7, Long.MAX_VALUE}) {
      double[] mask = factors(0.4f, 11, step, shape);
      assertThat(Arrays.stream(mask).filter(v -> v != 0))
          .allSatisfy(kept -> assertThat(Math.abs(kept * 0.6 - 1)).isLessThan(1e-6));
      OpTensors tensors = harness.tensors(target, shape, shape);
      try (DropoutOp op = new DropoutOp(0.4f, 11, tensors)) {
        harness.step(op, step, tensors, TOLERANCE, x -> product(x, mask));
      }
    }
  }

  private static double[] product(double[] x, double[] factors) {
    double[] y = new double[x.length];
    for (int i = 0; i < y.length; i++) {
      y[i] = x[i] * factors[i];
    }
    return y;
  }

  /// Each count is binomial with 20,000 draws: beyond 6 deviations with probability 2e-9.
  @ParameterizedTest
  @CsvSource({"0.1", "0.5", "0.9"})
  void dropout_zeroes_its_share_and_keeps_the_mean(float rate) {
    double deviation = Math.sqrt(rate * (1 - rate) / 20_000);
    double[] factors = factors(rate, 12, 3, 2, 100, 100, 1);
    double dropped = Arrays.stream(factors).filter(v -> v == 0).count() / 20_000.0;
    assertThat(Math.abs(dropped - rate)).isLessThan(6 * deviation);
    double mean = Arrays.stream(factors).average().orElseThrow();
    assertThat(Math.abs(mean - 1)).isLessThan(6 * deviation / (1 - rate));
  }

  /// Masks of two steps, or of two layers, agree where both drop or both keep: half of the values
  /// at rate 1/2, within 6 deviations (probability 2e-9).
  @Test
  void masks_of_steps_and_layers_are_independent_and_repeat_by_seed() {
    double[] mask = factors(0.5f, 13, 4, 1, 100, 100, 1);
    assertThat(factors(0.5f, 13, 4, 1, 100, 100, 1)).isEqualTo(mask);
    for (double[] other :
        List.of(
            factors(0.5f, 13, 5, 1, 100, 100, 1),
            factors(0.5f, 14, 4, 1, 100, 100, 1),
            factors(0.5f, 14, 3, 1, 100, 100, 1))) {
      int same = 0;
      for (int i = 0; i < mask.length; i++) {
        same += mask[i] == other[i] ? 1 : 0;
      }
      assertThat(same).isBetween(5000 - 300, 5000 + 300);
    }
  }

  @Test
  void dropout_of_nothing_is_the_identity() {
    int[] shape = {2, 3, 3, 5};
    OpTensors tensors = harness.tensors(Target.APART, shape, shape);
    try (DropoutOp op = new DropoutOp(0, 1, tensors)) {
      op.forward(0);
      op.backward();
    }
    assertThat(tensors.y().toArray()).isEqualTo(tensors.x().toArray());
    assertThat(Gradients.require(tensors.dx()).total().toArray())
        .isEqualTo(tensors.outputGradient().toArray());
  }

  /// Batch, height, width, channels, kernel height and width, stride, padding.
  record Window(int n, int h, int w, int c, int kh, int kw, int stride, int padding) {
    int[] in() {
      return new int[] {n, h, w, c};
    }

    int[] out() {
      return new int[] {
        n, (h + 2 * padding - kh) / stride + 1, (w + 2 * padding - kw) / stride + 1, c
      };
    }

    /// By the definition: maximum, or mean of the places inside of the map.
    double[] pool(double[] x, boolean max) {
      int[] out = out();
      double[] y = new double[out[0] * out[1] * out[2] * c];
      for (int p = 0; p < y.length; p++) {
        int channel = p % c;
        int left = p / c % out[2] * stride - padding;
        int top = p / c / out[2] % out[1] * stride - padding;
        int example = p / c / out[2] / out[1];
        double largest = Double.NEGATIVE_INFINITY;
        double sum = 0;
        int count = 0;
        for (int row = Math.max(top, 0); row < Math.min(top + kh, h); row++) {
          for (int column = Math.max(left, 0); column < Math.min(left + kw, w); column++) {
            double value = x[((example * h + row) * w + column) * c + channel];
            largest = Math.max(largest, value);
            sum += value;
            count++;
          }
        }
        y[p] = max ? largest : sum / count;
      }
      return y;
    }

    Pooling kernel(Pooling.Kind kind) {
      return new Pooling(kind, n, h, w, c, kh, kw, stride, padding, true);
    }
  }

  static Stream<Arguments> windows() {
    List<Arguments> all = new ArrayList<>();
    for (Window window :
        List.of(
            new Window(1, 1, 1, 1, 1, 1, 1, 0),
            new Window(1, 7, 5, 3, 2, 2, 2, 0),
            new Window(2, 7, 9, 3, 3, 3, 2, 1),
            new Window(3, 5, 5, 1, 3, 3, 1, 1),
            new Window(1, 9, 7, 17, 4, 4, 3, 2),
            new Window(2, 7, 5, 4, 7, 5, 1, 0))) {
      for (Target target : new Target[] {Target.APART, Target.ADDED}) {
        all.add(Arguments.of(window, target));
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("windows")
  void pooling_and_its_gradient_match_the_definition(Window window, Target target) {
    for (Pooling.Kind kind : Pooling.Kind.values()) {
      boolean max = kind == Pooling.Kind.MAX;
      harness.check(
          window.in(),
          window.out(),
          target,
          TOLERANCE,
          t -> new PoolingOp(window.kernel(kind), t),
          x -> window.pool(x, max));
    }
  }

  @Test
  void closing_a_pooling_closes_its_kernel() {
    Window window = new Window(1, 4, 4, 2, 2, 2, 2, 0);
    Pooling kernel = window.kernel(Pooling.Kind.MAX);
    PoolingOp op = new PoolingOp(kernel, harness.tensors(Target.APART, window.in(), window.out()));
    op.forward(0);
    op.close();
    op.close();
    assertThatThrownBy(() -> op.forward(1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("pooling");
  }

  static Stream<Function<OpTensors, TrustedOp>> operations() {
    return Stream.of(
        ReluOp::new,
        t -> new ActivationOp(new Tanh(), t),
        t -> new ActivationOp(new Clip(0, 6), t),
        FlattenOp::new,
        t -> new AddOp(t, t.x(), true, null),
        t -> new AddOp(t, t.x(), false, null),
        t -> new DropoutOp(0.5f, 1, t));
  }

  /// A target without a gradient to put there is a planning mistake, not a pass to skip.
  @ParameterizedTest
  @MethodSource("operations")
  void none_runs_backwards_without_the_gradient_of_its_output(Function<OpTensors, TrustedOp> make) {
    int[] shape = {1, 2, 2, 3};
    Tensor total = harness.random(shape);
    float[] before = total.toArray();
    OpTensors tensors =
        new OpTensors(
            harness.random(shape),
            harness.nan(shape),
            null,
            new GradientTarget(total, false, null));
    try (TrustedOp op = make.apply(tensors)) {
      op.forward(0);
      assertThatThrownBy(op::backward)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("this network was planned for inference");
      assertThat(op.addedHere()).isEmpty();
    }
    assertThat(total.toArray()).isEqualTo(before);
  }
}
