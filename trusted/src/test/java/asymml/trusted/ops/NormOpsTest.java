package asymml.trusted.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.model.Layer;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.boundary.OpenDoor;
import asymml.trusted.ops.OpHarness.Target;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Both normalisations against one definition: values in sets that share their statistics.
class NormOpsTest {
  /// Statistics of up to some hundred values; deviations are near 0.6, so they magnify little.
  private static final double TOLERANCE = 1e-5;

  private static final float EPSILON = 1e-3f;
  private static final float MOMENTUM = 0.3f;

  @TempDir Path folder;

  private final OpHarness harness = new OpHarness(91);

  @AfterEach
  void free() {
    harness.close();
  }

  /// Of sets of equal size; the variance is the biased one.
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Moments(double[] mean, double[] variance, int count) {}

  /// `scale (x - mean) / sqrt(variance + epsilon) + shift` over sets of values, then ReLU if fused.
  private record Definition(int channels, IntUnaryOperator setOf, boolean relu) {
    static Definition batch(int channels, boolean relu) {
      return new Definition(channels, i -> i % channels, relu);
    }

    static Definition group(int[] shape, int groups, boolean relu) {
      int channels = shape[3];
      int size = shape[1] * shape[2] * channels;
      int width = channels / groups;
      return new Definition(channels, i -> i / size * groups + i % channels / width, relu);
    }

    double[] apply(double[] x, double[] scale, double[] shift) {
      Moments own = moments(x);
      return apply(x, scale, shift, own.mean, own.variance);
    }

    Moments moments(double[] x) {
      int sets = setOf.applyAsInt(x.length - 1) + 1;
      Moments moments = new Moments(new double[sets], new double[sets], x.length / sets);
      for (int i = 0; i < x.length; i++) {
        moments.mean[setOf.applyAsInt(i)] += x[i] / moments.count;
      }
      for (int i = 0; i < x.length; i++) {
        int s = setOf.applyAsInt(i);
        moments.variance[s] += Math.pow(x[i] - moments.mean[s], 2) / moments.count;
      }
      return moments;
    }

    double[] apply(double[] x, double[] scale, double[] shift, double[] mean, double[] variance) {
      double[] y = new double[x.length];
      for (int i = 0; i < y.length; i++) {
        int s = setOf.applyAsInt(i);
        int c = i % channels;
        y[i] = scale[c] * (x[i] - mean[s]) / Math.sqrt(variance[s] + EPSILON) + shift[c];
        y[i] = relu ? Math.max(y[i], 0) : y[i];
      }
      return y;
    }
  }

  private NormParameters parameters(int channels) {
    return new NormParameters(
        harness.random(channels),
        harness.random(channels),
        harness.nan(channels),
        harness.nan(channels));
  }

  private RunningStatistics running(int channels) {
    Tensor variance = Tensor.allocate(harness.arena(), channels);
    variance.fill(1);
    return new RunningStatistics(harness.random(channels), variance);
  }

  private static Tensor required(@Nullable Tensor gradient) {
    return Gradients.require(gradient);
  }

  private BatchNormOp batchNorm(
      boolean relu, NormParameters own, RunningStatistics running, OpTensors tensors) {
    return new BatchNormOp(
        harness.arena(), new Layer.BatchNorm(EPSILON, MOMENTUM), relu, own, running, tensors);
  }

  private static GroupNormOp groupNorm(
      int groups, boolean relu, NormParameters own, OpTensors tensors) {
    return new GroupNormOp(
        "norm", new Layer.GroupNorm(groups, EPSILON), relu, own, tensors, null, null);
  }

  /// Shape, groups (0 for batch norm), whether a ReLU is fused in, and where the gradient goes.
  static Stream<Arguments> norms() {
    List<Arguments> all = new ArrayList<>();
    for (boolean relu : new boolean[] {false, true}) {
      for (Target target : new Target[] {Target.APART, Target.IN_PLACE, Target.ADDED}) {
        all.add(Arguments.of(new int[] {3, 5, 3, 17}, 0, relu, target));
        all.add(Arguments.of(new int[] {1, 7, 5, 3}, 0, relu, target));
        all.add(Arguments.of(new int[] {13, 1, 1, 2}, 0, relu, target));
        all.add(Arguments.of(new int[] {1, 7, 5, 6}, 3, relu, target));
        all.add(Arguments.of(new int[] {3, 3, 5, 17}, 17, relu, target));
        all.add(Arguments.of(new int[] {2, 1, 3, 21}, 1, relu, target));
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("norms")
  void output_and_all_gradients_match_the_definition(
      int[] shape, int groups, boolean relu, Target target) {
    int channels = shape[3];
    NormParameters own = parameters(channels);
    OpTensors tensors = harness.tensors(target, shape, shape);
    Definition definition =
        groups == 0 ? Definition.batch(channels, relu) : Definition.group(shape, groups, relu);
    try (TrustedOp op =
        groups == 0
            ? batchNorm(relu, own, running(channels), tensors)
            : groupNorm(groups, relu, own, tensors)) {
      for (int step = 0; step < 2; step++) {
        double[] x = OpHarness.doubles(harness.randomize(tensors.x()));
        double[] dy = OpHarness.doubles(harness.randomize(tensors.outputGradient()));
        double[] scale = OpHarness.doubles(harness.randomize(own.scale()));
        double[] shift = OpHarness.doubles(harness.randomize(own.shift()));
        harness.step(op, step, tensors, TOLERANCE, v -> definition.apply(v, scale, shift));
        OpHarness.assertClose(
            "gradient of the scale",
            required(own.scaleGradient()),
            harness.gradient(v -> definition.apply(x, v, shift), scale, dy),
            TOLERANCE);
        OpHarness.assertClose(
            "gradient of the shift",
            required(own.shiftGradient()),
            harness.gradient(v -> definition.apply(x, scale, v), shift, dy),
            TOLERANCE);
        assertThat(OpHarness.doubles(tensors.x())).as("the input").isEqualTo(x);
      }
      assertThat(op.addedHere())
          .containsExactly(required(own.scaleGradient()), required(own.shiftGradient()));
    }
  }

  @Test
  void running_statistics_follow_the_batches_with_the_unbiased_variance() {
    int[] shape = {3, 3, 2, 5};
    RunningStatistics running = running(5);
    double[] mean = OpHarness.doubles(running.mean());
    double[] variance = OpHarness.doubles(running.variance());
    OpTensors tensors = harness.tensors(Target.APART, shape, shape);
    Definition definition = Definition.batch(5, false);
    try (BatchNormOp op = batchNorm(false, parameters(5), running, tensors)) {
      for (int step = 0; step < 4; step++) {
        double[] x = OpHarness.doubles(harness.randomize(tensors.x()));
        op.forward(step);
        Moments own = definition.moments(x);
        for (int c = 0; c < 5; c++) {
          double unbiased = own.variance[c] * own.count / (own.count - 1.0);
          mean[c] = (1 - (double) MOMENTUM) * mean[c] + MOMENTUM * own.mean[c];
          variance[c] = (1 - (double) MOMENTUM) * variance[c] + MOMENTUM * unbiased;
        }
        OpHarness.assertClose("running mean", running.mean(), mean, TOLERANCE);
        OpHarness.assertClose("running variance", running.variance(), variance, TOLERANCE);
      }
    }
  }

  @Test
  void a_single_value_for_each_channel_has_variance_zero_and_the_shift_as_its_output() {
    int[] shape = {1, 1, 1, 3};
    RunningStatistics running = running(3);
    NormParameters own = parameters(3);
    OpTensors tensors = harness.tensors(Target.APART, shape, shape);
    try (BatchNormOp op = batchNorm(false, own, running, tensors)) {
      op.forward(0);
      op.backward();
    }
    assertThat(tensors.y().toArray()).isEqualTo(own.shift().toArray());
    assertThat(running.variance().toArray()).containsOnly(1 - MOMENTUM);
    for (float gradient : Gradients.require(tensors.dx()).total().toArray()) {
      assertThat(Math.abs(gradient)).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void inference_uses_the_running_statistics_and_leaves_them_alone(boolean relu) {
    int[] shape = {2, 5, 3, 7};
    NormParameters own = new NormParameters(harness.random(7), harness.random(7), null, null);
    RunningStatistics running = running(7);
    running.variance().set(3, 0); // a channel that never varied
    double[] mean = OpHarness.doubles(running.mean());
    double[] variance = OpHarness.doubles(running.variance());
    OpTensors tensors = new OpTensors(harness.random(shape), harness.nan(shape), null, null);
    double[] expected =
        Definition.batch(7, relu)
            .apply(
                OpHarness.doubles(tensors.x()),
                OpHarness.doubles(own.scale()),
                OpHarness.doubles(own.shift()),
                mean,
                variance);
    try (BatchNormOp op = batchNorm(relu, own, running, tensors)) {
      op.forward(0);
      OpHarness.assertClose("output", tensors.y(), expected, TOLERANCE);
      assertThatThrownBy(op::backward)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("this network was planned for inference");
      assertThat(op.addedHere()).isEmpty();
    }
    assertThat(OpHarness.doubles(running.mean())).isEqualTo(mean);
    assertThat(OpHarness.doubles(running.variance())).isEqualTo(variance);
  }

  /// So it may run where an example's influence is accounted for, and batch norm may not.
  @Test
  void group_norm_mixes_no_examples_and_batch_norm_does() {
    int[] shape = {3, 3, 3, 4};
    OpTensors tensors = harness.tensors(Target.APART, shape, shape);
    NormParameters own = parameters(4);
    try (TrustedOp group = groupNorm(2, false, own, tensors);
        TrustedOp batch = batchNorm(false, own, running(4), tensors)) {
      for (TrustedOp op : List.of(group, batch)) {
        harness.randomize(tensors.x());
        harness.randomize(tensors.outputGradient());
        float[][] before = outputAndGradientOfFirst(op, tensors);
        harness.randomize(tensors.x().examples(2, 1));
        harness.randomize(tensors.outputGradient().examples(2, 1));
        float[][] after = outputAndGradientOfFirst(op, tensors);
        boolean mixes = op instanceof BatchNormOp;
        assertThat(Arrays.equals(before[0], after[0])).isNotEqualTo(mixes);
        assertThat(Arrays.equals(before[1], after[1])).isNotEqualTo(mixes);
      }
    }
  }

  private static float[][] outputAndGradientOfFirst(TrustedOp op, OpTensors tensors) {
    op.forward(0);
    op.backward();
    Tensor dx = Gradients.require(tensors.dx()).total();
    return new float[][] {tensors.y().examples(0, 1).toArray(), dx.examples(0, 1).toArray()};
  }

  /// The gradients of scale and shift of one example alone, as one vector.
  private double[] part(Definition definition, NormParameters own, OpTensors tensors, int example) {
    double[] x = OpHarness.doubles(tensors.x().examples(example, 1));
    double[] dy = OpHarness.doubles(tensors.outputGradient().examples(example, 1));
    double[] scale = OpHarness.doubles(own.scale());
    double[] shift = OpHarness.doubles(own.shift());
    return Stream.of(
            harness.gradient(v -> definition.apply(x, v, shift), scale, dy),
            harness.gradient(v -> definition.apply(x, scale, v), shift, dy))
        .flatMapToDouble(Arrays::stream)
        .toArray();
  }

  private static double norm(double[] values) {
    return Math.sqrt(Arrays.stream(values).map(v -> v * v).sum());
  }

  @Test
  void gradient_norms_are_those_of_each_examples_part() {
    int[] shape = {4, 5, 3, 6};
    NormParameters own = parameters(6);
    OpTensors tensors = harness.tensors(Target.APART, shape, shape);
    tensors.outputGradient().examples(2, 1).fill(0); // as a null example's
    Definition definition = Definition.group(shape, 3, true);
    try (GroupNormOp op = groupNorm(3, true, own, tensors)) {
      op.forward(0);
      op.backward();
      double[] norms = op.gradientNorms();
      assertThat(norms).hasSize(4);
      for (int i = 0; i < 4; i++) {
        double expected = norm(part(definition, own, tensors, i));
        assertThat(Math.abs(norms[i] - expected)).isLessThanOrEqualTo(TOLERANCE * (1 + expected));
      }
      assertThat(norms[2]).isZero();
    }
  }

  @Test
  void a_guard_clips_each_examples_part_and_adds_noise_but_leaves_the_input_gradient()
      throws Exception {
    int[] shape = {3, 5, 3, 6};
    double clip = 2;
    double multiplier = 0.01;
    Release planned =
        new Release(
            Channel.WEIGHTS,
            "norm",
            12,
            new Release.Gaussian(new ClipNorm(clip), new NoiseMultiplier(multiplier)));
    NormParameters own = parameters(6);
    OpTensors tensors = harness.tensors(Target.APART, shape, shape);
    float[] quarter = tensors.outputGradient().examples(1, 1).toArray();
    for (int i = 0; i < quarter.length; i++) {
      quarter[i] *= 0.01f;
    }
    tensors.outputGradient().examples(1, 1).copyFrom(quarter);
    Definition definition = Definition.group(shape, 2, false);
    double[] scale = OpHarness.doubles(own.scale());
    double[] shift = OpHarness.doubles(own.shift());
    try (OpenDoor open = new OpenDoor(folder, 92, 1);
        GroupNormOp op =
            new GroupNormOp(
                "norm",
                new Layer.GroupNorm(2, EPSILON),
                false,
                own,
                tensors,
                new GradientGuard(planned, open.door()),
                null)) {
      op.forward(0);
      assertThatThrownBy(op::backward)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("norm");
      open.log().begin(List.of(planned));
      harness.step(op, 0, tensors, TOLERANCE, v -> definition.apply(v, scale, shift));
      open.log().requireDone(List.of(planned));
    }
    double[] expected = new double[12];
    int clipped = 0;
    for (int i = 0; i < 3; i++) {
      double[] part = part(definition, own, tensors, i);
      double factor = Math.min(1, clip / norm(part));
      clipped += factor < 1 ? 1 : 0;
      for (int k = 0; k < 12; k++) {
        expected[k] += factor * part[k];
      }
    }
    assertThat(clipped).isEqualTo(2);
    double[] noise = new double[12];
    for (int k = 0; k < 12; k++) {
      Tensor gradient = required(k < 6 ? own.scaleGradient() : own.shiftGradient());
      noise[k] = gradient.get(k % 6) - expected[k];
    }
    // The sum of squares over sigma^2 is chi-squared with 12 degrees of freedom: outside of
    // [0.5, 60] with probability 4e-8.
    double squares = Math.pow(norm(noise) / (multiplier * clip), 2);
    assertThat(squares).isBetween(0.5, 60.0);
  }

  /// Group norm without scale and shift computes with 1 and 0, and has nothing to train.
  @Test
  void constants_in_the_place_of_scale_and_shift_are_not_trained() {
    int[] shape = {2, 3, 5, 6};
    NormParameters constant = NormParameters.constant(harness.arena(), 6);
    double[] one = new double[6];
    Arrays.fill(one, 1);
    Definition definition = Definition.group(shape, 3, false);
    OpTensors tensors = harness.tensors(Target.ADDED, shape, shape);
    try (GroupNormOp op = groupNorm(3, false, constant, tensors)) {
      for (int step = 0; step < 2; step++) {
        harness.randomize(tensors.x());
        harness.randomize(tensors.outputGradient());
        harness.step(op, step, tensors, TOLERANCE, v -> definition.apply(v, one, new double[6]));
      }
      assertThat(op.trained()).isFalse();
      assertThat(op.addedHere()).isEmpty();
    }
    assertThat(constant.scale().toArray()).containsOnly(1);
    assertThat(constant.shift().toArray()).containsOnly(0);
    try (GroupNormOp trained = groupNorm(3, false, parameters(6), tensors)) {
      assertThat(trained.trained()).isTrue();
    }
  }

  @Test
  void closed_norms_do_not_run_and_may_be_closed_again() {
    int[] shape = {2, 3, 3, 4};
    OpTensors tensors = harness.tensors(Target.APART, shape, shape);
    NormParameters own = parameters(4);
    for (TrustedOp op :
        List.of(groupNorm(2, true, own, tensors), batchNorm(true, own, running(4), tensors))) {
      op.forward(0);
      op.close();
      op.close();
      assertThatThrownBy(() -> op.forward(1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("norm");
    }
  }
}
