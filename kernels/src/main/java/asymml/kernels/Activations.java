package asymml.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Activation functions and their gradients on float32 tensors, as in [Elementwise]: operands have
/// the same number of elements, an output may be one of the inputs, NaN stays NaN, and results do
/// not depend on the number of threads. Every method throws [IllegalArgumentException] if sizes do
/// not fit.
///
/// Each function has its own loop: vectors that pass through a function object shared by several
/// are no longer kept in registers.
public final class Activations {
  private Activations() {}

  /// `y = min(max(x, low), high)`.
  ///
  /// @param x input
  /// @param low lower end
  /// @param high upper end
  /// @param y output, may be x
  public static void clip(Tensor x, float low, float high, Tensor y) {
    long in = Operands.address("x", x);
    long out = Operands.addressOfSize("y", y, x.size());
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(Lanes.load(in, i).max(low).min(high), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(Lanes.load(in, end, mask).max(low).min(high), out, end, mask);
        });
  }

  /// `dx = dy` where `low < y < high`, else 0.
  ///
  /// @param y what [#clip] gave
  /// @param dy gradient with respect to the output
  /// @param low lower end
  /// @param high upper end
  /// @param dx gradient with respect to the input, may be dy or y
  public static void clipBackward(Tensor y, Tensor dy, float low, float high, Tensor dx) {
    long value = Operands.address("y", y);
    long in = Operands.addressOfSize("dy", dy, y.size());
    long out = Operands.addressOfSize("dx", dx, y.size());
    Parallel.overElements(
        y.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(clipGradient(Lanes.load(value, i), Lanes.load(in, i), low, high), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(
              clipGradient(Lanes.load(value, end, mask), Lanes.load(in, end, mask), low, high),
              out,
              end,
              mask);
        });
  }

  private static FloatVector clipGradient(FloatVector y, FloatVector dy, float low, float high) {
    VectorMask<Float> inside =
        y.compare(VectorOperators.GT, low).and(y.compare(VectorOperators.LT, high));
    return FloatVector.zero(Lanes.FLOATS).blend(dy, inside);
  }

  /// `y = max(x, slope x)`.
  ///
  /// @param x input
  /// @param slope of negative values, above 0 and below 1
  /// @param y output, may be x
  public static void leakyRelu(Tensor x, float slope, Tensor y) {
    long in = Operands.address("x", x);
    long out = Operands.addressOfSize("y", y, x.size());
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(leaky(Lanes.load(in, i), slope), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(leaky(Lanes.load(in, end, mask), slope), out, end, mask);
        });
  }

  private static FloatVector leaky(FloatVector x, float slope) {
    return x.max(x.mul(slope));
  }

  /// `dx = dy` where `y > 0`, else `slope dy`.
  ///
  /// @param y what [#leakyRelu] gave
  /// @param dy gradient with respect to the output
  /// @param slope of negative values, above 0 and below 1
  /// @param dx gradient with respect to the input, may be dy or y
  public static void leakyReluBackward(Tensor y, Tensor dy, float slope, Tensor dx) {
    long value = Operands.address("y", y);
    long in = Operands.addressOfSize("dy", dy, y.size());
    long out = Operands.addressOfSize("dx", dx, y.size());
    Parallel.overElements(
        y.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(leakyGradient(Lanes.load(value, i), Lanes.load(in, i), slope), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(
              leakyGradient(Lanes.load(value, end, mask), Lanes.load(in, end, mask), slope),
              out,
              end,
              mask);
        });
  }

  private static FloatVector leakyGradient(FloatVector y, FloatVector dy, float slope) {
    return dy.mul(slope).blend(dy, y.compare(VectorOperators.GT, 0));
  }

  /// `y = 1 / (1 + exp(-x))`, right to a few units of 2^-24; NaN stays NaN.
  ///
  /// @param x input
  /// @param y output, may be x
  public static void sigmoid(Tensor x, Tensor y) {
    long in = Operands.address("x", x);
    long out = Operands.addressOfSize("y", y, x.size());
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(sigmoid(Lanes.load(in, i)), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(sigmoid(Lanes.load(in, end, mask)), out, end, mask);
        });
  }

  private static FloatVector sigmoid(FloatVector x) {
    return Elementwise.tanh(x.mul(0.5f)).mul(0.5f).add(0.5f);
  }

  /// `dx = dy y (1 - y)`.
  ///
  /// @param y what [#sigmoid(Tensor, Tensor)] gave
  /// @param dy gradient with respect to the output
  /// @param dx gradient with respect to the input, may be dy or y
  public static void sigmoidBackward(Tensor y, Tensor dy, Tensor dx) {
    long value = Operands.address("y", y);
    long in = Operands.addressOfSize("dy", dy, y.size());
    long out = Operands.addressOfSize("dx", dx, y.size());
    Parallel.overElements(
        y.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(sigmoidGradient(Lanes.load(value, i), Lanes.load(in, i)), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(
              sigmoidGradient(Lanes.load(value, end, mask), Lanes.load(in, end, mask)),
              out,
              end,
              mask);
        });
  }

  private static FloatVector sigmoidGradient(FloatVector y, FloatVector dy) {
    return dy.mul(y.sub(y.mul(y)));
  }

  /// `y = x min(max(x / 6 + 1 / 2, 0), 1)`.
  ///
  /// @param x input
  /// @param y output, may be x
  public static void hardSwish(Tensor x, Tensor y) {
    long in = Operands.address("x", x);
    long out = Operands.addressOfSize("y", y, x.size());
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(hardSwish(Lanes.load(in, i)), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(hardSwish(Lanes.load(in, end, mask)), out, end, mask);
        });
  }

  private static FloatVector hardSwish(FloatVector x) {
    return x.mul(x.div(6).add(0.5f).max(0).min(1));
  }

  /// `dx = dy (x / 3 + 1 / 2)` where `-3 < x < 3`, `dy` above and 0 below.
  ///
  /// @param x the input of [#hardSwish(Tensor, Tensor)]
  /// @param dy gradient with respect to the output
  /// @param dx gradient with respect to the input, may be dy or x
  public static void hardSwishBackward(Tensor x, Tensor dy, Tensor dx) {
    long value = Operands.address("x", x);
    long in = Operands.addressOfSize("dy", dy, x.size());
    long out = Operands.addressOfSize("dx", dx, x.size());
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(hardSwishGradient(Lanes.load(value, i), Lanes.load(in, i)), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(
              hardSwishGradient(Lanes.load(value, end, mask), Lanes.load(in, end, mask)),
              out,
              end,
              mask);
        });
  }

  private static FloatVector hardSwishGradient(FloatVector x, FloatVector dy) {
    FloatVector inside = dy.mul(x.div(3).add(0.5f));
    FloatVector below = inside.blend(0, x.compare(VectorOperators.LE, -3));
    return below.blend(dy, x.compare(VectorOperators.GE, 3));
  }
}
