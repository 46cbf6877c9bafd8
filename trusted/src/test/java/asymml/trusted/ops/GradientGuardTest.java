package asymml.trusted.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.boundary.OpenDoor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// One example's part in summed gradients never exceeds its bound, and the bound that stands for
/// its norm never falls short of it.
class GradientGuardTest {
  /// What the noise has room for, beyond the bound: [asymml.trusted.boundary.ReleaseDoor].
  private static final double ROUNDING = 1 + 0x1p-10;

  @TempDir Path folder;

  private final Arena arena = Arena.ofShared();
  private final SplittableRandom random = new SplittableRandom(80);
  private OpenDoor open;

  @BeforeEach
  void open() throws Exception {
    System.out.println("seed 80");
    open = new OpenDoor(folder, 81, 2);
  }

  @AfterEach
  void close() throws Exception {
    open.close();
    arena.close();
  }

  private static Release release(long values, double clip) {
    return new Release(
        Channel.WEIGHTS,
        "conv",
        values,
        new Release.Gaussian(new ClipNorm(clip), new NoiseMultiplier(0.5)));
  }

  private GradientGuard guard(double clip) {
    return new GradientGuard(release(1, clip), open.door());
  }

  /// Batch, height, width, channels in and out, kernel, stride, padding.
  static Stream<ConvShape> shapes() {
    return Stream.of(
        new ConvShape(1, 7, 5, 3, 4, 1, 1, 1, 0),
        new ConvShape(1, 7, 7, 4, 3, 1, 1, 2, 0),
        new ConvShape(1, 5, 7, 3, 4, 3, 3, 1, 1),
        new ConvShape(1, 9, 7, 2, 3, 3, 3, 2, 1),
        new ConvShape(1, 7, 9, 2, 3, 3, 3, 1, 0),
        new ConvShape(1, 7, 7, 2, 3, 5, 5, 1, 2),
        new ConvShape(1, 9, 11, 3, 2, 5, 5, 2, 2),
        new ConvShape(1, 5, 5, 3, 2, 5, 5, 1, 4),
        new ConvShape(1, 1, 1, 5, 3, 3, 3, 1, 1),
        ConvShape.linear(1, 1, 1),
        ConvShape.linear(1, 13, 10),
        ConvShape.linear(1, 207, 3));
  }

  private LinearParameters parameters(ConvShape shape, boolean biased) {
    return new LinearParameters(
        Tensor.allocate(arena, shape.weightAxes()),
        Tensor.allocate(arena, shape.weightAxes()),
        biased ? Tensor.allocate(arena, shape.outChannels()) : null,
        biased ? Tensor.allocate(arena, shape.outChannels()) : null);
  }

  /// Values of one sign lie closest to the bound: shifted maps are then nearly parallel.
  private Tensor values(int kind, int... axes) {
    Tensor values = Tensor.allocate(arena, axes);
    for (long i = 0; i < values.size(); i++) {
      values.set(
          i,
          switch (kind) {
            case 0 -> (float) random.nextGaussian();
            case 1 -> (float) random.nextDouble(0.5, 1);
            default -> random.nextInt(10) == 0 ? (float) random.nextGaussian() : 0;
          });
    }
    return values;
  }

  private static double squares(Tensor x) {
    double sum = 0;
    for (long i = 0; i < x.size(); i++) {
      sum += (double) x.get(i) * x.get(i);
    }
    return sum;
  }

  /// The squared norm of the gradient of weights and bias of a batch of one, from the definition.
  private static double exactSquares(ConvShape s, Tensor x, Tensor dy, boolean biased) {
    double sum = 0;
    for (int o = 0; o < s.outChannels(); o++) {
      for (int i = 0; i < s.kernelHeight(); i++) {
        for (int j = 0; j < s.kernelWidth(); j++) {
          for (int c = 0; c < s.inChannels(); c++) {
            sum += Math.pow(weightGradient(s, x, dy, o, i, j, c), 2);
          }
        }
      }
      double bias = 0;
      for (int p = 0; p < s.outHeight() * s.outWidth(); p++) {
        bias += dy.get((long) p * s.outChannels() + o);
      }
      sum += biased ? bias * bias : 0;
    }
    return sum;
  }

  private static double weightGradient(
      ConvShape s, Tensor x, Tensor dy, int o, int i, int j, int c) {
    double sum = 0;
    for (int row = 0; row < s.outHeight(); row++) {
      for (int column = 0; column < s.outWidth(); column++) {
        int h = row * s.stride() + i - s.padding();
        int w = column * s.stride() + j - s.padding();
        if (h >= 0 && h < s.height() && w >= 0 && w < s.width()) {
          double value = x.get(((long) h * s.width() + w) * s.inChannels() + c);
          sum += value * dy.get(((long) row * s.outWidth() + column) * s.outChannels() + o);
        }
      }
    }
    return sum;
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void an_example_s_gradient_is_never_larger_than_its_gain_says(ConvShape shape) {
    double closest = 0;
    for (int trial = 0; trial < 36; trial++) {
      boolean biased = trial % 2 == 0;
      Tensor x = values(trial / 2 % 3, shape.inputAxes());
      Tensor dy = values(trial / 6 % 3, shape.outputAxes());
      double allowed =
          parameters(shape, biased).gain(shape, _ -> squares(x)).applyAsDouble(0)
              * Math.sqrt(squares(dy));
      double part = Math.sqrt(exactSquares(shape, x, dy, biased));
      assertThat(part).isLessThanOrEqualTo(allowed * (1 + 1e-12));
      closest = Math.max(closest, allowed == 0 ? 0 : part / allowed);
    }
    // Nor is it idle: borders, padding and strides take their part, but no more. A layer without
    // places to share reaches it.
    assertThat(closest).isGreaterThan(shape.isLinear() ? 1 - 1e-12 : 0.3);
  }

  @Test
  void without_a_bias_its_part_is_not_counted() {
    ConvShape shape = new ConvShape(1, 7, 5, 3, 4, 3, 3, 1, 1);
    assertThat(parameters(shape, false).gain(shape, _ -> 4).applyAsDouble(0)).isEqualTo(6);
    assertThat(parameters(shape, true).gain(shape, _ -> 4).applyAsDouble(0))
        .isEqualTo(Math.sqrt(36 + 35));
  }

  /// The gradients of weights and bias, as the trusted layers compute them.
  private static double[] gradients(Convolution layer, LinearParameters own, Tensor x, Tensor dy) {
    layer.backwardWeights(x, dy, Gradients.require(own.weightGradient()));
    own.biasBackward(dy);
    return own.gradients(true).stream()
        .flatMapToDouble(t -> {
          float[] values = t.toArray();
          return IntStream.range(0, values.length).mapToDouble(i -> values[i]);
        })
        .toArray();
  }

  private static double distance(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.pow(a[i] - b[i], 2);
    }
    return Math.sqrt(sum);
  }

  /// Neighbours: the same batch, with the output gradient of one example zeroed, as that of a null
  /// example is.
  @ParameterizedTest
  @MethodSource("shapes")
  void zeroing_an_example_changes_the_summed_gradients_by_at_most_the_bound(ConvShape one) {
    int n = 5;
    ConvShape shape = one.withBatch(n);
    boolean biased = one.isLinear();
    LinearParameters own = parameters(shape, biased);
    double closest = 0;
    try (Convolution layer = new Convolution(shape, Set.of(Pass.BACKWARD_WEIGHTS))) {
      for (int trial = 0; trial < 6; trial++) {
        double clip = Math.pow(10, random.nextDouble(-3, 3));
        Tensor x = values(trial % 2, shape.inputAxes());
        Tensor dy = values(trial % 2, shape.outputAxes());
        for (int i = 0; i < n; i++) {
          // From far below the bound to far above it.
          Elementwise.scale((float) Math.pow(10, random.nextDouble(-6, 12)), dy.examples(i, 1));
          Elementwise.scale((float) Math.pow(10, random.nextDouble(-2, 2)), x.examples(i, 1));
        }
        IntToDoubleFunction gain = own.gain(shape, i -> squares(x.examples(i, 1)));
        Tensor limited = Tensor.allocate(arena, dy.shape()).copyFrom(dy);
        guard(clip).limit(limited, gain);
        double[] with = gradients(layer, own, x, limited);
        for (int i = 0; i < n; i++) {
          Tensor neighbour = Tensor.allocate(arena, dy.shape()).copyFrom(dy);
          neighbour.examples(i, 1).fill(0);
          guard(clip).limit(neighbour, gain);
          double distance = distance(with, gradients(layer, own, x, neighbour)) / clip;
          assertThat(distance).as("trial %d, example %d", trial, i).isLessThanOrEqualTo(ROUNDING);
          closest = Math.max(closest, distance);
        }
      }
    }
    assertThat(closest).isGreaterThan(one.isLinear() ? 0.999 : 0.2);
  }

  @Test
  void examples_inside_the_bound_are_not_touched_and_those_above_keep_their_direction() {
    Tensor dy = values(0, 4, 3, 3, 2);
    Elementwise.scale(1e6f, dy.examples(1, 1));
    dy.examples(3, 1).fill(0);
    float[] before = dy.toArray();
    guard(100).limit(dy, i -> i == 2 ? 1e-3 : 1);
    for (int i = 0; i < before.length; i++) {
      boolean above = i / 18 == 1;
      double scale = above ? dy.get(18) / (double) before[18] : 1;
      assertThat((double) dy.get(i)).isCloseTo(scale * before[i], close(before[i] * scale));
    }
    assertThat(Math.sqrt(squares(dy.examples(1, 1)))).isBetween(99.99, 100.0);
  }

  private static Offset<Double> close(double value) {
    return within(Math.abs(value) * 1e-6);
  }

  /// A hostile worker chooses gradients as large as float32 holds. The factor that brings them down
  /// is then a subnormal float, whose steps are as large as itself.
  @ParameterizedTest
  @ValueSource(doubles = {1e3, 1, 1e-3, 1e-6, 2.1e-7, 1.7e-7, 1.1e-7, 1e-9})
  void a_gradient_at_the_edge_of_float32_stays_within_the_bound_too(double clip) {
    for (double gain : new double[] {1, 37, 1000}) {
      Tensor dy = Tensor.allocate(arena, 1, 1, 1, 4);
      dy.set(2, 1e38f);
      dy.set(3, -3e37f);
      guard(clip).limit(dy, _ -> gain);
      assertThat(Math.sqrt(squares(dy)) * gain).as("gain %s", gain).isLessThanOrEqualTo(clip);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void a_gradient_that_is_not_finite_does_not_pass_for_a_small_one(float bad) {
    Tensor dy = values(0, 2, 1, 1, 3);
    dy.set(1, bad);
    guard(1).limit(dy, _ -> 1);
    assertThat(Elementwise.allFinite(dy.examples(0, 1))).isFalse();
    assertThat(Elementwise.allFinite(dy.examples(1, 1))).isTrue();
  }

  @Test
  void noise_goes_to_weights_and_bias_by_way_of_the_door_as_planned() {
    ConvShape shape = ConvShape.linear(1, 50, 40);
    LinearParameters own = parameters(shape, true);
    Release planned = release(50 * 40 + 40, 3);
    GradientGuard guard = new GradientGuard(planned, open.door());
    assertThatThrownBy(() -> guard.perturb(0, own.gradients(true)))
        .isInstanceOf(IllegalStateException.class);
    open.log().begin(List.of(planned));
    guard.perturb(0, own.gradients(true));
    for (Tensor gradient : own.gradients(true)) {
      double zeros = gradient.size();
      for (float value : gradient.toArray()) {
        zeros -= value == 0 ? 0 : 1;
      }
      assertThat(zeros).isLessThanOrEqualTo(10); // 1 in 4000 by chance
      // 40 values of deviation 1.5: a norm outside has probability 1e-9.
      double rms = Math.sqrt(squares(gradient) / gradient.size());
      assertThat(rms).isBetween(0.5, 3.0);
    }
  }

  @Test
  void the_gradients_are_those_there_are() {
    ConvShape shape = ConvShape.linear(1, 5, 4);
    LinearParameters biased = parameters(shape, true);
    LinearParameters plain = parameters(shape, false);
    assertThat(sizes(biased.gradients(true))).containsExactly(20, 4);
    assertThat(sizes(biased.gradients(false))).containsExactly(4);
    assertThat(sizes(plain.gradients(true))).containsExactly(20);
    assertThat(sizes(plain.gradients(false))).isEmpty();
  }

  private static long[] sizes(List<Tensor> tensors) {
    return tensors.stream().mapToLong(Tensor::size).toArray();
  }

  @Test
  void a_guard_needs_a_mechanism_with_a_bound() {
    for (Release.Mechanism other :
        List.of(new Release.Uncovered("a test"), new Release.PostProcessing("a test"))) {
      Release what = new Release(Channel.WEIGHTS, "conv", 1, other);
      assertThatThrownBy(() -> new GradientGuard(what, open.door()))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
