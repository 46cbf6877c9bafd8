package asymml.trusted.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer;
import asymml.model.Shape;
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
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A linear layer on the trusted side against the sum that defines it.
class TrustedLinearOpTest {
  /// Sums of up to some hundred products of values below 1.
  private static final double TOLERANCE = 1e-5;

  @TempDir Path folder;

  private final OpHarness harness = new OpHarness(93);

  @AfterEach
  void free() {
    harness.close();
  }

  /// A layer with its parameters; a fully connected one has a bias.
  private record Setting(ConvShape shape, Parameters parameters) implements AutoCloseable {
    static Setting of(ConvShape shape) {
      return of(shape, true);
    }

    static Setting of(ConvShape shape, boolean training) {
      GraphBuilder builder =
          new GraphBuilder(new Shape(shape.height(), shape.width(), shape.inChannels()));
      builder.add(
          "layer",
          shape.isLinear()
              ? new Layer.Linear(shape.outChannels())
              : new Layer.Conv2d(
                  shape.outChannels(), shape.kernelHeight(), shape.stride(), shape.padding()));
      Graph graph = builder.build("one layer");
      return new Setting(shape, new Parameters(graph, new Initializer(5), training));
    }

    Tensor weight() {
      return parameters.value("layer.weight");
    }

    @Nullable Tensor bias() {
      return shape.isLinear() ? parameters.value("layer.bias") : null;
    }

    LinearParameters own(boolean training) {
      return new LinearParameters(
          weight(),
          training ? parameters.gradient("layer.weight") : null,
          bias(),
          training && shape.isLinear() ? parameters.gradient("layer.bias") : null);
    }

    TrustedLinearOp op(OpTensors tensors, @Nullable GradientGuard guard) {
      return new TrustedLinearOp(
          "layer", shape, parameters, own(tensors.dy() != null), tensors, guard, null);
    }

    double[] biasValues() {
      Tensor bias = bias();
      return bias == null ? new double[shape.outChannels()] : OpHarness.doubles(bias);
    }

    /// By the definition, of as many examples as there are values for.
    double[] apply(double[] x, double[] weight, double[] bias) {
      int in = shape.height() * shape.width() * shape.inChannels();
      int outputs = shape.outChannels();
      int positions = shape.outHeight() * shape.outWidth();
      double[] y = new double[x.length / in * positions * outputs];
      for (int i = 0; i < y.length; i++) {
        int o = i % outputs;
        int column = i / outputs % shape.outWidth();
        int row = i / outputs / shape.outWidth() % shape.outHeight();
        y[i] = bias[o] + at(x, i / outputs / positions * in, weight, o, row, column);
      }
      return y;
    }

    private double at(double[] x, int from, double[] weight, int o, int row, int column) {
      double sum = 0;
      for (int k = 0; k < shape.kernelHeight() * shape.kernelWidth(); k++) {
        int h = row * shape.stride() + k / shape.kernelWidth() - shape.padding();
        int w = column * shape.stride() + k % shape.kernelWidth() - shape.padding();
        if (h < 0 || h >= shape.height() || w < 0 || w >= shape.width()) {
          continue;
        }
        for (int c = 0; c < shape.inChannels(); c++) {
          int place = o * shape.kernelHeight() * shape.kernelWidth() + k;
          sum +=
              weight[place * shape.inChannels() + c]
                  * x[from + (h * shape.width() + w) * shape.inChannels() + c];
        }
      }
      return sum;
    }

    @Override
    public void close() {
      parameters.close();
    }
  }

  static Stream<ConvShape> shapes() {
    return Stream.of(
        ConvShape.linear(1, 1, 1),
        ConvShape.linear(3, 13, 7),
        ConvShape.linear(1, 207, 3),
        new ConvShape(1, 7, 5, 3, 4, 1, 1, 1, 0),
        new ConvShape(2, 7, 5, 3, 4, 3, 3, 1, 1),
        new ConvShape(3, 5, 7, 2, 3, 3, 3, 2, 1),
        new ConvShape(1, 9, 7, 2, 5, 5, 5, 3, 2),
        new ConvShape(2, 6, 5, 17, 2, 1, 1, 2, 0));
  }

  static Stream<Arguments> shapesAndTargets() {
    List<Arguments> all = new ArrayList<>();
    shapes()
        .forEach(shape -> {
          for (Target target : new Target[] {Target.APART, Target.ADDED, Target.NONE}) {
            all.add(Arguments.of(shape, target));
          }
        });
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("shapesAndTargets")
  void output_and_all_gradients_match_the_definition(ConvShape shape, Target target) {
    try (Setting setting = Setting.of(shape)) {
      OpTensors tensors = harness.tensors(target, shape.inputAxes(), shape.outputAxes());
      try (TrustedLinearOp op = setting.op(tensors, null)) {
        for (int step = 0; step < 2; step++) {
          double[] x = OpHarness.doubles(harness.randomize(tensors.x()));
          double[] dy = OpHarness.doubles(harness.randomize(tensors.outputGradient()));
          double[] weight = OpHarness.doubles(harness.randomize(setting.weight()));
          Tensor bias = setting.bias();
          if (bias != null) {
            harness.randomize(bias);
          }
          setting.parameters().changed();
          double[] shift = setting.biasValues();
          harness.step(op, step, tensors, TOLERANCE, v -> setting.apply(v, weight, shift));
          OpHarness.assertClose(
              "gradient of the weights",
              setting.parameters().gradient("layer.weight"),
              harness.gradient(v -> setting.apply(x, v, shift), weight, dy),
              TOLERANCE);
          if (bias != null) {
            OpHarness.assertClose(
                "gradient of the bias",
                setting.parameters().gradient("layer.bias"),
                harness.gradient(v -> setting.apply(x, weight, v), shift, dy),
                TOLERANCE);
          }
          assertThat(OpHarness.doubles(tensors.outputGradient())).isEqualTo(dy);
        }
      }
    }
  }

  /// Weights are kept in the layout of the kernel: whoever writes them says so.
  @Test
  void written_weights_are_used_once_it_is_said_that_they_changed() {
    ConvShape shape = ConvShape.linear(2, 5, 3);
    try (Setting setting = Setting.of(shape, false)) {
      OpTensors tensors =
          new OpTensors(harness.random(shape.inputAxes()), harness.nan(2, 1, 1, 3), null, null);
      try (TrustedLinearOp op = setting.op(tensors, null)) {
        op.forward(0);
        float[] before = tensors.y().toArray();
        setting.weight().fill(0);
        op.forward(1);
        assertThat(tensors.y().toArray()).isEqualTo(before);
        setting.parameters().changed();
        op.forward(2);
        assertThat(tensors.y().toArray()).containsOnly(0);
      }
    }
  }

  @Test
  void planned_for_inference_it_runs_forward_only_and_adds_no_gradients() {
    ConvShape shape = new ConvShape(1, 5, 5, 2, 3, 3, 3, 1, 1);
    try (Setting setting = Setting.of(shape, false)) {
      OpTensors tensors =
          new OpTensors(
              harness.random(shape.inputAxes()), harness.nan(shape.outputAxes()), null, null);
      double[] weight = OpHarness.doubles(setting.weight());
      try (TrustedLinearOp op = setting.op(tensors, null)) {
        op.forward(0);
        OpHarness.assertClose(
            "output",
            tensors.y(),
            setting.apply(OpHarness.doubles(tensors.x()), weight, new double[3]),
            TOLERANCE);
        assertThat(op.addedHere()).isEmpty();
        assertThatThrownBy(op::backward)
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("this network was planned for inference");
      }
    }
  }

  /// The gradient of weights and bias of one example alone, as one vector.
  private double[] part(Setting setting, double[] x, double[] dy) {
    double[] weight = OpHarness.doubles(setting.weight());
    double[] bias = setting.biasValues();
    Stream<double[]> parts =
        setting.shape().isLinear()
            ? Stream.of(
                harness.gradient(v -> setting.apply(x, v, bias), weight, dy),
                harness.gradient(v -> setting.apply(x, weight, v), bias, dy))
            : Stream.of(harness.gradient(v -> setting.apply(x, v, bias), weight, dy));
    return parts.flatMapToDouble(Arrays::stream).toArray();
  }

  private static double norm(double[] values) {
    return Math.sqrt(Arrays.stream(values).map(v -> v * v).sum());
  }

  /// Small enough for all places of their weights to be differentiated.
  static Stream<ConvShape> guarded() {
    return Stream.of(
        ConvShape.linear(4, 13, 3),
        new ConvShape(4, 5, 3, 2, 3, 3, 3, 2, 1),
        new ConvShape(4, 5, 7, 5, 4, 1, 1, 1, 0));
  }

  /// As the clipping of the guard does it: by the bound on an example's part, not by the part.
  @ParameterizedTest
  @MethodSource("guarded")
  void a_guard_clips_each_examples_part_by_its_gain_and_adds_noise(ConvShape shape)
      throws Exception {
    double clip = 1.2;
    double multiplier = 0.01;
    int values = Math.toIntExact(Tensor.sizeOf(shape.weightAxes()));
    int all = values + (shape.isLinear() ? shape.outChannels() : 0);
    Release planned =
        new Release(
            Channel.WEIGHTS,
            "layer",
            all,
            new Release.Gaussian(new ClipNorm(clip), new NoiseMultiplier(multiplier)));
    OpTensors tensors = harness.tensors(Target.ADDED, shape.inputAxes(), shape.outputAxes());
    Tensor small = tensors.outputGradient().examples(1, 1);
    for (long i = 0; i < small.size(); i++) {
      small.set(i, small.get(i) * 0.01f);
    }
    tensors.outputGradient().examples(3, 1).fill(0);
    double[] expected = new double[all];
    int clipped = 0;
    try (Setting setting = Setting.of(shape);
        OpenDoor open = new OpenDoor(folder, 94, 1)) {
      for (int i = 0; i < 4; i++) {
        double[] x = OpHarness.doubles(tensors.x().examples(i, 1));
        double[] dy = OpHarness.doubles(tensors.outputGradient().examples(i, 1));
        double places = shape.kernelHeight() * shape.kernelWidth();
        double gain = Math.sqrt(places * Math.pow(norm(x), 2) + (shape.isLinear() ? 1 : 0));
        double factor = Math.min(1, clip / (gain * norm(dy)));
        clipped += factor < 1 ? 1 : 0;
        double[] part = part(setting, x, dy);
        assertThat(factor * norm(part)).isLessThanOrEqualTo(clip * (1 + 1e-6));
        for (int k = 0; k < all; k++) {
          expected[k] += factor * part[k];
        }
      }
      assertThat(clipped).isEqualTo(2);
      double[] weight = OpHarness.doubles(setting.weight());
      double[] bias = setting.biasValues();
      try (TrustedLinearOp op = setting.op(tensors, new GradientGuard(planned, open.door()))) {
        open.log().begin(List.of(planned));
        // The input's gradient is that of the output gradient before it was clipped.
        harness.step(op, 0, tensors, TOLERANCE, v -> setting.apply(v, weight, bias));
        open.log().requireDone(List.of(planned));
        double squares = 0;
        for (int k = 0; k < all; k++) {
          Tensor gradient = op.addedHere().get(k < values ? 0 : 1);
          squares += Math.pow(gradient.get(k < values ? k : k - values) - expected[k], 2);
        }
        // Over sigma^2 it is chi-squared with `all` degrees of freedom, at least 20: beyond 7
        // deviations, or below a fifth, with probability below 1e-5; the seed is fixed.
        assertThat(squares / Math.pow(multiplier * clip, 2))
            .isBetween(all / 5.0, all + 7 * Math.sqrt(2.0 * all));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void bias_is_added_to_every_position_and_its_gradient_is_their_sum(ConvShape shape) {
    int o = shape.outChannels();
    Tensor bias = harness.random(o);
    LinearParameters own =
        new LinearParameters(harness.random(shape.weightAxes()), null, bias, harness.nan(o));
    Tensor y = harness.random(shape.outputAxes());
    double[] expected = OpHarness.doubles(y);
    double[] sums = new double[o];
    for (int i = 0; i < expected.length; i++) {
      sums[i % o] += expected[i];
      expected[i] += bias.get(i % o);
    }
    own.biasBackward(y);
    own.addBias(y);
    OpHarness.assertClose("sum", y, expected, 1e-6);
    OpHarness.assertClose("gradient", Objects.requireNonNull(own.biasGradient()), sums, TOLERANCE);
  }

  @Test
  void without_a_bias_nothing_is_added() {
    LinearParameters own = new LinearParameters(harness.random(3, 1, 1, 2), null, null, null);
    Tensor y = harness.random(2, 3, 3, 3);
    float[] before = y.toArray();
    own.addBias(y);
    own.biasBackward(y);
    assertThat(y.toArray()).isEqualTo(before);
    assertThat(own.gradients(true)).isEmpty();
  }

  @Test
  void a_closed_layer_does_not_run_and_may_be_closed_again() {
    ConvShape shape = ConvShape.linear(2, 4, 3);
    try (Setting setting = Setting.of(shape)) {
      OpTensors tensors = harness.tensors(Target.APART, shape.inputAxes(), shape.outputAxes());
      TrustedLinearOp op = setting.op(tensors, null);
      op.forward(0);
      op.close();
      op.close();
      assertThatThrownBy(() -> op.forward(1)).isInstanceOf(IllegalStateException.class);
    }
  }
}
