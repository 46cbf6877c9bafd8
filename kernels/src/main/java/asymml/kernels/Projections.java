package asymml.kernels;

import java.util.concurrent.atomic.AtomicBoolean;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/// Projections of a linear operation's operands and results on vectors, each taken in one pass:
/// what tells a right result from a wrong one without computing it again (Freivalds, 1977). With
/// `t` over examples and `s` over output channels, `sum_i t_i (s . Y_i) = (s W) * sum_i t_i X_i`.
///
/// Sums of squares are accumulated in float32 and serve as magnitudes only.
public final class Projections {
  private Projections() {}

  /// What a pass over results found.
  ///
  /// @param finite false if a value is NaN or infinite
  /// @param squares the sum of squares of the values
  public record Taken(boolean finite, double squares) {}

  /// Adds one example to a combination: `sum += t x`.
  ///
  /// @param x the example
  /// @param t its factor
  /// @param sum of x's size, changed in place
  /// @return the sum of squares of x
  public static double combine(Tensor x, float t, Tensor sum) {
    long in = Operands.address("x", x);
    long out = Operands.addressOfSize("sum", sum, x.size());
    FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, t);
    FloatVector squares = FloatVector.zero(Lanes.FLOATS);
    long size = x.size();
    long end = Lanes.fullEnd(0, size);
    for (long i = 0; i < end; i += Lanes.COUNT) {
      FloatVector value = Lanes.load(in, i);
      Lanes.store(value.fma(factor, Lanes.load(out, i)), out, i);
      squares = value.fma(value, squares);
    }
    VectorMask<Float> mask = Lanes.tail(end, size);
    FloatVector value = Lanes.load(in, end, mask);
    Lanes.store(value.fma(factor, Lanes.load(out, end, mask)), out, end, mask);
    return value.fma(value, squares).reduceLanes(VectorOperators.ADD);
  }

  /// The same, and projects each position: `map[p] = <x[p, :], vector>`.
  ///
  /// @param x the example, `[P, C]`
  /// @param t its factor
  /// @param vector `[C]`
  /// @param sum of x's size, changed in place
  /// @param map `[P]`, overwritten
  /// @return the sum of squares of x
  public static double combineAndProject(Tensor x, float t, Tensor vector, Tensor sum, Tensor map) {
    long in = Operands.address("x", x);
    int columns = Math.toIntExact(vector.size());
    long rows = rows(x, columns);
    long v = Operands.address("vector", vector);
    long out = Operands.addressOfSize("sum", sum, x.size());
    long dots = Operands.addressOfSize("map", map, rows);
    FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, t);
    FloatVector squares = FloatVector.zero(Lanes.FLOATS);
    long end = Lanes.fullEnd(0, columns);
    VectorMask<Float> mask = Lanes.tail(end, columns);
    for (long row = 0; row < rows; row++) {
      long at = row * columns;
      FloatVector dot = FloatVector.zero(Lanes.FLOATS);
      for (long c = 0; c < end; c += Lanes.COUNT) {
        FloatVector value = Lanes.load(in, at + c);
        Lanes.store(value.fma(factor, Lanes.load(out, at + c)), out, at + c);
        squares = value.fma(value, squares);
        dot = value.fma(Lanes.load(v, c), dot);
      }
      if (end < columns) {
        FloatVector value = Lanes.load(in, at + end, mask);
        Lanes.store(value.fma(factor, Lanes.load(out, at + end, mask)), out, at + end, mask);
        squares = value.fma(value, squares);
        dot = value.fma(Lanes.load(v, end, mask), dot);
      }
      Lanes.set(dots, row, dot.reduceLanes(VectorOperators.ADD));
    }
    return squares.reduceLanes(VectorOperators.ADD);
  }

  /// Adds one example to a combination, and its rows, each with a factor, to another: `sum += t x`,
  /// `columns += sum_p map[p] x[p, :]`.
  ///
  /// @param x the example, `[P, C]`
  /// @param t its factor
  /// @param map `[P]`, factors of the rows
  /// @param sum of x's size, changed in place
  /// @param columns `[C]`, changed in place
  /// @return the sum of squares of x
  public static double combineAndWeigh(Tensor x, float t, Tensor map, Tensor sum, Tensor columns) {
    long in = Operands.address("x", x);
    int width = Math.toIntExact(columns.size());
    long rows = rows(x, width);
    long factors = Operands.addressOfSize("map", map, rows);
    long out = Operands.addressOfSize("sum", sum, x.size());
    long total = Operands.address("columns", columns);
    FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, t);
    FloatVector squares = FloatVector.zero(Lanes.FLOATS);
    long end = Lanes.fullEnd(0, width);
    VectorMask<Float> mask = Lanes.tail(end, width);
    for (long row = 0; row < rows; row++) {
      long at = row * width;
      FloatVector weight = FloatVector.broadcast(Lanes.FLOATS, Lanes.get(factors, row));
      for (long c = 0; c < end; c += Lanes.COUNT) {
        FloatVector value = Lanes.load(in, at + c);
        Lanes.store(value.fma(factor, Lanes.load(out, at + c)), out, at + c);
        Lanes.store(value.fma(weight, Lanes.load(total, c)), total, c);
        squares = value.fma(value, squares);
      }
      if (end < width) {
        FloatVector value = Lanes.load(in, at + end, mask);
        Lanes.store(value.fma(factor, Lanes.load(out, at + end, mask)), out, at + end, mask);
        Lanes.store(value.fma(weight, Lanes.load(total, end, mask)), total, end, mask);
        squares = value.fma(value, squares);
      }
    }
    return squares.reduceLanes(VectorOperators.ADD);
  }

  /// Takes results that hostile peers may be changing meanwhile, and projects the very values that
  /// are taken: `target = scales[i] r` or `target += scales[i] r`, where r is the source, or the
  /// difference of source and mask, and `map[p] += sum_i t_i <r[i, p, :], vector>`. Each value is
  /// read once.
  ///
  /// @param source `[N, P, C]`, possibly shared memory
  /// @param mask of the same size, possibly shared memory; null if there is none
  /// @param scales N factors of what is taken; without a mask they are 1, and this is not used
  /// @param add whether to add to the target or to overwrite it
  /// @param target `[N, P, C]`, private memory; undefined if a value is not finite
  /// @param t factors of the examples, from `from` on
  /// @param from place of the first example in t
  /// @param vector `[C]`
  /// @param map `[P]`, changed in place
  /// @return what was found
  public static Taken take(
      Tensor source,
      @Nullable Tensor mask,
      float[] scales,
      boolean add,
      Tensor target,
      float[] t,
      int from,
      Tensor vector,
      Tensor map) {
    long in = Operands.address("source", source);
    long minus = mask == null ? 0 : Operands.addressOfSize("mask", mask, source.size());
    long out = Operands.addressOfSize("target", target, source.size());
    long v = Operands.address("vector", vector);
    long dots = Operands.address("map", map);
    int columns = Math.toIntExact(vector.size());
    long positions = map.size();
    long values = positions * columns;
    int examples = Math.toIntExact(source.size() / values);
    if (examples * values != source.size()) {
      throw new IllegalArgumentException(source + " does not hold examples of " + map);
    }
    AtomicBoolean finite = new AtomicBoolean(true);
    long piece = Parallel.rowsPerPiece(columns);
    double[] squares = new double[Math.toIntExact((positions + piece - 1) / piece)];
    Parallel.overRows(
        positions,
        columns,
        (first, last) -> {
          double sum = 0;
          for (int i = 0; i < examples; i++) {
            double found =
                take(
                    in,
                    minus,
                    minus == 0 ? 1 : scales[i],
                    add,
                    out,
                    i * positions + first,
                    i * positions + last,
                    t[from + i],
                    v,
                    columns,
                    dots + first * Float.BYTES);
            if (Double.isNaN(found)) {
              finite.set(false);
            }
            sum += found;
          }
          squares[(int) (first / piece)] = sum;
        });
    double sum = 0;
    for (double part : squares) {
      sum += part;
    }
    return new Taken(finite.get(), sum);
  }

  /// Rows of one example.
  ///
  /// @return the sum of squares, not a number if a value is not finite; whatever the scale is
  private static double take(
      long in,
      long minus,
      float scale,
      boolean add,
      long out,
      long from,
      long to,
      float t,
      long v,
      int columns,
      long dots) {
    FloatVector squares = FloatVector.zero(Lanes.FLOATS);
    VectorMask<Float> good = Lanes.FLOATS.maskAll(true);
    long end = Lanes.fullEnd(0, columns);
    VectorMask<Float> mask = Lanes.tail(end, columns);
    for (long row = from; row < to; row++) {
      long at = row * columns;
      FloatVector dot = FloatVector.zero(Lanes.FLOATS);
      for (long c = 0; c < end; c += Lanes.COUNT) {
        FloatVector value = Lanes.load(in, at + c);
        if (minus != 0) {
          value = value.sub(Lanes.load(minus, at + c));
        }
        good = good.and(value.test(VectorOperators.IS_FINITE));
        FloatVector scaled = value.mul(scale);
        Lanes.store(add ? Lanes.load(out, at + c).add(scaled) : scaled, out, at + c);
        squares = value.fma(value, squares);
        dot = value.fma(Lanes.load(v, c), dot);
      }
      if (end < columns) {
        FloatVector value = Lanes.load(in, at + end, mask);
        if (minus != 0) {
          value = value.sub(Lanes.load(minus, at + end, mask));
        }
        good = good.and(value.test(VectorOperators.IS_FINITE));
        FloatVector scaled = value.mul(scale);
        FloatVector sum = add ? Lanes.load(out, at + end, mask).add(scaled) : scaled;
        Lanes.store(sum, out, at + end, mask);
        squares = value.fma(value, squares);
        dot = value.fma(Lanes.load(v, end, mask), dot);
      }
      long place = row - from;
      float before = Lanes.get(dots, place);
      Lanes.set(dots, place, before + t * dot.reduceLanes(VectorOperators.ADD));
    }
    return good.allTrue() ? squares.reduceLanes(VectorOperators.ADD) : Double.NaN;
  }

  /// Projects weights on both sides: `outs[k, c] = sum_o s[o] W[o, k, c]`, `ins[k, o] = sum_c W[o,
  /// k, c] r[c]`.
  ///
  /// @param w `[O, kH, kW, C]`
  /// @param s `[O]`
  /// @param r `[C]`
  /// @param outs `[kH kW C]`, overwritten
  /// @param ins `[kH kW O]`, overwritten
  /// @return the sum of squares of W
  public static double ofWeights(Tensor w, Tensor s, Tensor r, Tensor outs, Tensor ins) {
    int columns = Math.toIntExact(r.size());
    int outputs = Math.toIntExact(s.size());
    long in = Operands.address("w", w);
    long window = w.size() / outputs / columns;
    long left = Operands.address("s", s);
    long right = Operands.address("r", r);
    long sums = Operands.addressOfSize("outs", outs, window * columns);
    long dots = Operands.addressOfSize("ins", ins, window * outputs);
    if (window * outputs * columns != w.size()) {
      throw new IllegalArgumentException(
          "%s does not go with %s outputs and %s inputs".formatted(w, outputs, columns));
    }
    outs.fill(0);
    double squares = 0;
    long end = Lanes.fullEnd(0, columns);
    VectorMask<Float> mask = Lanes.tail(end, columns);
    for (long o = 0; o < outputs; o++) {
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, Lanes.get(left, o));
      FloatVector square = FloatVector.zero(Lanes.FLOATS);
      for (long k = 0; k < window; k++) {
        long at = (o * window + k) * columns;
        long to = k * columns;
        FloatVector dot = FloatVector.zero(Lanes.FLOATS);
        for (long c = 0; c < end; c += Lanes.COUNT) {
          FloatVector value = Lanes.load(in, at + c);
          Lanes.store(value.fma(factor, Lanes.load(sums, to + c)), sums, to + c);
          dot = value.fma(Lanes.load(right, c), dot);
          square = value.fma(value, square);
        }
        if (end < columns) {
          FloatVector value = Lanes.load(in, at + end, mask);
          Lanes.store(value.fma(factor, Lanes.load(sums, to + end, mask)), sums, to + end, mask);
          dot = value.fma(Lanes.load(right, end, mask), dot);
          square = value.fma(value, square);
        }
        Lanes.set(dots, k * outputs + o, dot.reduceLanes(VectorOperators.ADD));
      }
      squares += square.reduceLanes(VectorOperators.ADD);
    }
    return squares;
  }

  /// The one output channel of a kernel on one example: `map[p] = sum_k <x[p + k, :], kernel[k,
  /// :]>`.
  ///
  /// @param shape of the layer
  /// @param x `[H, W, C]`
  /// @param kernel `[kH, kW, C]`
  /// @param map `[OH, OW]`, overwritten
  public static void forward(ConvShape shape, Tensor x, Tensor kernel, Tensor map) {
    shape.requireWhole();
    int channels = shape.inChannels();
    long in = Operands.addressOfSize("x", x, (long) shape.height() * shape.width() * channels);
    long weights =
        Operands.addressOfSize(
            "kernel", kernel, (long) shape.kernelHeight() * shape.kernelWidth() * channels);
    long out = Operands.addressOfSize("map", map, (long) shape.outHeight() * shape.outWidth());
    for (int row = 0; row < shape.outHeight(); row++) {
      for (int column = 0; column < shape.outWidth(); column++) {
        double sum = 0;
        for (int k = 0; k < shape.kernelHeight(); k++) {
          int y = row * shape.stride() - shape.padding() + k;
          for (int l = 0; l < shape.kernelWidth() && y >= 0 && y < shape.height(); l++) {
            int z = column * shape.stride() - shape.padding() + l;
            if (z >= 0 && z < shape.width()) {
              sum +=
                  dot(
                      in,
                      ((long) y * shape.width() + z) * channels,
                      weights,
                      ((long) k * shape.kernelWidth() + l) * channels,
                      channels);
            }
          }
        }
        Lanes.set(out, (long) row * shape.outWidth() + column, (float) sum);
      }
    }
  }

  /// The one input channel that gradients of one example give: `map[q] = sum_(p + k = q) <dy[p, :],
  /// kernel[k, :]>`.
  ///
  /// @param shape of the layer
  /// @param dy `[OH, OW, O]`
  /// @param kernel `[kH, kW, O]`
  /// @param map `[H, W]`, overwritten
  public static void backward(ConvShape shape, Tensor dy, Tensor kernel, Tensor map) {
    shape.requireWhole();
    int channels = shape.outChannels();
    long in =
        Operands.addressOfSize("dy", dy, (long) shape.outHeight() * shape.outWidth() * channels);
    long weights =
        Operands.addressOfSize(
            "kernel", kernel, (long) shape.kernelHeight() * shape.kernelWidth() * channels);
    double[] sums = new double[shape.height() * shape.width()];
    Operands.addressOfSize("map", map, sums.length);
    for (int row = 0; row < shape.outHeight(); row++) {
      for (int column = 0; column < shape.outWidth(); column++) {
        long at = ((long) row * shape.outWidth() + column) * channels;
        for (int k = 0; k < shape.kernelHeight(); k++) {
          int y = row * shape.stride() - shape.padding() + k;
          for (int l = 0; l < shape.kernelWidth() && y >= 0 && y < shape.height(); l++) {
            int z = column * shape.stride() - shape.padding() + l;
            if (z >= 0 && z < shape.width()) {
              sums[y * shape.width() + z] +=
                  dot(in, at, weights, ((long) k * shape.kernelWidth() + l) * channels, channels);
            }
          }
        }
      }
    }
    for (int i = 0; i < sums.length; i++) {
      map.set(i, (float) sums[i]);
    }
  }

  private static float dot(long a, long from, long b, long other, int length) {
    FloatVector sum = FloatVector.zero(Lanes.FLOATS);
    long end = Lanes.fullEnd(0, length);
    for (long i = 0; i < end; i += Lanes.COUNT) {
      sum = Lanes.load(a, from + i).fma(Lanes.load(b, other + i), sum);
    }
    if (end < length) {
      VectorMask<Float> mask = Lanes.tail(end, length);
      sum = Lanes.load(a, from + end, mask).fma(Lanes.load(b, other + end, mask), sum);
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private static long rows(Tensor x, int columns) {
    if (x.size() % columns != 0) {
      throw new IllegalArgumentException(x + " has no rows of " + columns + " values");
    }
    return x.size() / columns;
  }
}
