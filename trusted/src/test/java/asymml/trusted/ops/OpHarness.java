package asymml.trusted.ops;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Runs one operation forward and backward, and compares it with its definition in double
/// precision: the output directly, gradients with central differences of `sum(dy * f(x))`.
///
/// All memory that an operation must overwrite is NaN before.
final class OpHarness implements AutoCloseable {
  /// How an operation's input gradient is planned.
  enum Target {
    /// Apart from the gradient of the output.
    APART,
    /// Over the gradient of the output.
    IN_PLACE,
    /// Added to what another reader of the input has put there.
    ADDED,
    /// Nowhere: the input is the network's.
    NONE
  }

  /// In double precision the difference is good to about 1e-9; a kink within it is improbable.
  private static final double DIFFERENCE = 1e-6;

  private static final int PLACES = 64;

  private final Arena arena = Arena.ofShared(); // written by worker threads of the kernels
  private final SplittableRandom random;

  OpHarness(long seed) {
    System.out.println("seed " + seed);
    random = new SplittableRandom(seed);
  }

  Arena arena() {
    return arena;
  }

  /// A tensor of values between -1 and 1.
  Tensor random(int... axes) {
    return randomize(Tensor.allocate(arena, axes));
  }

  Tensor randomize(Tensor tensor) {
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(-1, 1));
    }
    return tensor;
  }

  Tensor nan(int... axes) {
    Tensor tensor = Tensor.allocate(arena, axes);
    tensor.fill(Float.NaN);
    return tensor;
  }

  /// Tensors of a training step, with an input and an output gradient to run it on.
  OpTensors tensors(Target target, int[] in, int[] out) {
    Tensor x = random(in);
    Tensor dy = random(out);
    return new OpTensors(x, nan(out), dy, target(target, in, dy));
  }

  @Nullable GradientTarget target(Target target, int[] in, Tensor dy) {
    return switch (target) {
      case APART -> new GradientTarget(nan(in), false, null);
      case IN_PLACE -> new GradientTarget(dy, false, null);
      case ADDED -> new GradientTarget(random(in), true, nan(in));
      case NONE -> null;
    };
  }

  /// Checks the output and the input's gradient of an operation without parameters, twice over with
  /// new values: nothing of a step may be left in the next.
  void check(
      int[] in,
      int[] out,
      Target target,
      double tolerance,
      Function<OpTensors, TrustedOp> make,
      UnaryOperator<double[]> definition) {
    OpTensors tensors = tensors(target, in, out);
    try (TrustedOp op = make.apply(tensors)) {
      for (int step = 0; step < 2; step++) {
        randomize(tensors.x());
        randomize(tensors.outputGradient());
        step(op, step, tensors, tolerance, definition);
      }
    }
  }

  /// Runs one step on the values that are there.
  void step(
      TrustedOp op,
      long step,
      OpTensors tensors,
      double tolerance,
      UnaryOperator<double[]> definition) {
    double[] x = doubles(tensors.x());
    double[] dy = doubles(tensors.outputGradient());
    op.forward(step);
    assertClose("output", tensors.y(), definition.apply(x), tolerance);
    GradientTarget dx = tensors.dx();
    double[] before = dx != null && dx.adds() ? doubles(dx.total()) : new double[x.length];
    op.backward();
    if (dx != null) {
      double[] expected = gradient(definition, x, dy);
      for (int i = 0; i < expected.length; i++) {
        expected[i] += before[i];
      }
      assertClose("input gradient", dx.total(), expected, tolerance);
    }
  }

  /// The gradient of `sum(dy * f(at))` by central differences, at no more than [#PLACES] places,
  /// the last of them (where vectors have tails) always; NaN elsewhere.
  double[] gradient(UnaryOperator<double[]> f, double[] at, double[] dy) {
    double[] gradient = new double[at.length];
    Arrays.fill(gradient, Double.NaN);
    double[] moved = at.clone();
    int tail = Math.min(at.length, PLACES / 4);
    IntStream last = IntStream.range(at.length - tail, at.length);
    IntStream others =
        at.length <= PLACES
            ? IntStream.range(0, at.length - tail)
            : random.ints(PLACES - tail, 0, at.length - tail);
    for (int i : IntStream.concat(others, last).toArray()) {
      moved[i] = at[i] + DIFFERENCE;
      double above = dot(dy, f.apply(moved));
      moved[i] = at[i] - DIFFERENCE;
      double below = dot(dy, f.apply(moved));
      moved[i] = at[i];
      gradient[i] = (above - below) / (2 * DIFFERENCE);
    }
    return gradient;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  static double[] doubles(Tensor tensor) {
    double[] copy = new double[Math.toIntExact(tensor.size())];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = tensor.get(i);
    }
    return copy;
  }

  /// Every value within a tolerance, relative to the largest expected one or 1; where NaN is
  /// expected, nothing but finite.
  static void assertClose(String what, Tensor actual, double[] expected, double tolerance) {
    assertThat(actual.size()).as("size of " + what).isEqualTo(expected.length);
    double largest = 1;
    for (double value : expected) {
      largest = Double.isNaN(value) ? largest : Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      double value = actual.get(i);
      double error = Math.abs(value - expected[i]);
      boolean fits =
          Double.isNaN(expected[i]) ? Double.isFinite(value) : error <= tolerance * largest;
      if (!fits) {
        throw new AssertionError(
            "%s[%d] is %s, expected %s".formatted(what, i, value, expected[i]));
      }
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
