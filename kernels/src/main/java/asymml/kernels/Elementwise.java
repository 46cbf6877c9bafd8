package asymml.kernels;

import java.util.concurrent.atomic.AtomicBoolean;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Passes over float32 tensors in native memory, on all threads where the tensor is large. Operands
/// have the same number of elements, whatever their axes; results do not depend on the number of
/// threads.
///
/// An output may be one of the inputs; other overlaps are not allowed. Every method throws
/// [IllegalArgumentException] if sizes do not fit.
public final class Elementwise {
  /// From here on, tanh is 1 to four units in the last place.
  private static final float TANH_RANGE = 7.905311f;

  private static final FloatVector ONE = FloatVector.broadcast(Lanes.FLOATS, 1);

  private Elementwise() {}

  /// `y = max(x, 0)`; NaN stays NaN.
  ///
  /// @param x input
  /// @param y output, may be x
  public static void relu(Tensor x, Tensor y) {
    long in = Operands.address("x", x);
    long out = Operands.addressOfSize("y", y, x.size());
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(Lanes.load(in, i).max(0), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(Lanes.load(in, end, mask).max(0), out, end, mask);
        });
  }

  /// `dx = dy` where `y > 0`, else 0.
  ///
  /// @param y what [#relu] gave
  /// @param dy gradient with respect to y
  /// @param dx output, may be dy or y
  public static void reluBackward(Tensor y, Tensor dy, Tensor dx) {
    long value = Operands.address("y", y);
    long in = Operands.addressOfSize("dy", dy, y.size());
    long out = Operands.addressOfSize("dx", dx, y.size());
    Parallel.overElements(
        y.size(),
        (from, to) -> {
          FloatVector zero = FloatVector.zero(Lanes.FLOATS);
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            VectorMask<Float> on = Lanes.load(value, i).compare(VectorOperators.GT, 0);
            Lanes.store(zero.blend(Lanes.load(in, i), on), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          VectorMask<Float> on = Lanes.load(value, end, mask).compare(VectorOperators.GT, 0);
          Lanes.store(zero.blend(Lanes.load(in, end, mask), on), out, end, mask);
        });
  }

  /// `y = tanh(x)`, right to a few units in the last place; NaN stays NaN.
  ///
  /// @param x input
  /// @param y output, may be x
  public static void tanh(Tensor x, Tensor y) {
    long in = Operands.address("x", x);
    long out = Operands.addressOfSize("y", y, x.size());
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(tanh(Lanes.load(in, i)), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(tanh(Lanes.load(in, end, mask)), out, end, mask);
        });
  }

  /// A rational approximation with the coefficients of Eigen's `ptanh`: the same results on all
  /// processors.
  static FloatVector tanh(FloatVector value) {
    FloatVector x = value.max(-TANH_RANGE).min(TANH_RANGE);
    FloatVector square = x.mul(x);
    FloatVector odd = FloatVector.broadcast(Lanes.FLOATS, -2.7607684e-16f);
    odd = odd.fma(square, FloatVector.broadcast(Lanes.FLOATS, 2.000188e-13f));
    odd = odd.fma(square, FloatVector.broadcast(Lanes.FLOATS, -8.604672e-11f));
    odd = odd.fma(square, FloatVector.broadcast(Lanes.FLOATS, 5.1222973e-8f));
    odd = odd.fma(square, FloatVector.broadcast(Lanes.FLOATS, 1.48572235e-5f));
    odd = odd.fma(square, FloatVector.broadcast(Lanes.FLOATS, 6.3726195e-4f));
    odd = odd.fma(square, FloatVector.broadcast(Lanes.FLOATS, 0.0048935246f));
    FloatVector even = FloatVector.broadcast(Lanes.FLOATS, 1.1982584e-6f);
    even = even.fma(square, FloatVector.broadcast(Lanes.FLOATS, 1.1853471e-4f));
    even = even.fma(square, FloatVector.broadcast(Lanes.FLOATS, 0.0022684347f));
    even = even.fma(square, FloatVector.broadcast(Lanes.FLOATS, 0.004893525f));
    return x.mul(odd).div(even).max(-1).min(1);
  }

  /// `dx = dy (1 - y^2)`.
  ///
  /// @param y what [#tanh(Tensor, Tensor)] gave
  /// @param dy gradient with respect to y
  /// @param dx output, may be dy or y
  public static void tanhBackward(Tensor y, Tensor dy, Tensor dx) {
    long value = Operands.address("y", y);
    long in = Operands.addressOfSize("dy", dy, y.size());
    long out = Operands.addressOfSize("dx", dx, y.size());
    Parallel.overElements(
        y.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            FloatVector t = Lanes.load(value, i);
            Lanes.store(Lanes.load(in, i).mul(t.neg().fma(t, ONE)), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          FloatVector t = Lanes.load(value, end, mask);
          Lanes.store(Lanes.load(in, end, mask).mul(t.neg().fma(t, ONE)), out, end, mask);
        });
  }

  /// `y = a + b`.
  ///
  /// @param a first term
  /// @param b second term
  /// @param y output, may be a or b
  public static void add(Tensor a, Tensor b, Tensor y) {
    long first = Operands.address("a", a);
    long second = Operands.addressOfSize("b", b, a.size());
    long out = Operands.addressOfSize("y", y, a.size());
    Parallel.overElements(
        a.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(Lanes.load(first, i).add(Lanes.load(second, i)), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          FloatVector sum = Lanes.load(first, end, mask).add(Lanes.load(second, end, mask));
          Lanes.store(sum, out, end, mask);
        });
  }

  /// `y = max(a + b, 0)`.
  ///
  /// @param a first term
  /// @param b second term
  /// @param y output, may be a or b
  public static void addRelu(Tensor a, Tensor b, Tensor y) {
    long first = Operands.address("a", a);
    long second = Operands.addressOfSize("b", b, a.size());
    long out = Operands.addressOfSize("y", y, a.size());
    Parallel.overElements(
        a.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(Lanes.load(first, i).add(Lanes.load(second, i)).max(0), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          FloatVector sum = Lanes.load(first, end, mask).add(Lanes.load(second, end, mask));
          Lanes.store(sum.max(0), out, end, mask);
        });
  }

  /// `y += alpha x`.
  ///
  /// @param alpha factor
  /// @param x term
  /// @param y changed in place
  public static void axpy(float alpha, Tensor x, Tensor y) {
    long in = Operands.address("x", x);
    long out = Operands.addressOfSize("y", y, x.size());
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, alpha);
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(Lanes.load(in, i).fma(factor, Lanes.load(out, i)), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          FloatVector sum = Lanes.load(in, end, mask).fma(factor, Lanes.load(out, end, mask));
          Lanes.store(sum, out, end, mask);
        });
  }

  /// `x *= alpha`.
  ///
  /// @param alpha factor
  /// @param x changed in place
  public static void scale(float alpha, Tensor x) {
    long in = Operands.address("x", x);
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            Lanes.store(Lanes.load(in, i).mul(alpha), in, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          Lanes.store(Lanes.load(in, end, mask).mul(alpha), in, end, mask);
        });
  }

  /// `target += source`, for a source that a hostile peer may be changing meanwhile: each value is
  /// read once, and the value checked is the value added.
  ///
  /// @param source possibly shared memory
  /// @param target private memory, changed in place; undefined if the result is false
  /// @return false if a source value is NaN or infinite
  public static boolean addFinite(Tensor source, Tensor target) {
    long in = Operands.address("source", source);
    long out = Operands.addressOfSize("target", target, source.size());
    AtomicBoolean finite = new AtomicBoolean(true);
    Parallel.overElements(
        source.size(),
        (from, to) -> {
          VectorMask<Float> good = Lanes.FLOATS.maskAll(true);
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            FloatVector value = Lanes.load(in, i);
            good = good.and(value.test(VectorOperators.IS_FINITE));
            Lanes.store(Lanes.load(out, i).add(value), out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          FloatVector value = Lanes.load(in, end, mask);
          good = good.and(value.test(VectorOperators.IS_FINITE));
          Lanes.store(Lanes.load(out, end, mask).add(value), out, end, mask);
          if (!good.allTrue()) {
            finite.set(false);
          }
        });
    return finite.get();
  }

  /// `target = source`, for a source that a hostile peer may be changing meanwhile: each value is
  /// read once, and the value checked is the value stored.
  ///
  /// @param source possibly shared memory
  /// @param target private memory, overwritten; undefined if the result is false
  /// @return false if a source value is NaN or infinite
  public static boolean copyFinite(Tensor source, Tensor target) {
    long in = Operands.address("source", source);
    long out = Operands.addressOfSize("target", target, source.size());
    AtomicBoolean finite = new AtomicBoolean(true);
    Parallel.overElements(
        source.size(),
        (from, to) -> {
          VectorMask<Float> good = Lanes.FLOATS.maskAll(true);
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            FloatVector value = Lanes.load(in, i);
            good = good.and(value.test(VectorOperators.IS_FINITE));
            Lanes.store(value, out, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          FloatVector value = Lanes.load(in, end, mask);
          good = good.and(value.test(VectorOperators.IS_FINITE));
          Lanes.store(value, out, end, mask);
          if (!good.allTrue()) {
            finite.set(false);
          }
        });
    return finite.get();
  }

  /// Whether no value is NaN or infinite.
  ///
  /// @param x input
  /// @return true if all are finite
  public static boolean allFinite(Tensor x) {
    long in = Operands.address("x", x);
    AtomicBoolean finite = new AtomicBoolean(true);
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          VectorMask<Float> good = Lanes.FLOATS.maskAll(true);
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            good = good.and(Lanes.load(in, i).test(VectorOperators.IS_FINITE));
          }
          FloatVector value = Lanes.load(in, end, Lanes.tail(end, to));
          if (!good.and(value.test(VectorOperators.IS_FINITE)).allTrue()) {
            finite.set(false);
          }
        });
    return finite.get();
  }

  /// The sum of squares, accumulated in double precision.
  ///
  /// @param x input
  /// @return `sum x_i^2`
  public static double sumOfSquares(Tensor x) {
    long in = Operands.address("x", x);
    double[] parts = new double[Parallel.chunks(x.size())];
    Parallel.overElements(
        x.size(),
        (from, to) -> {
          DoubleVector low = DoubleVector.zero(Lanes.DOUBLES);
          DoubleVector high = DoubleVector.zero(Lanes.DOUBLES);
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            FloatVector value = Lanes.load(in, i);
            DoubleVector a = Lanes.low(value);
            DoubleVector b = Lanes.high(value);
            low = a.fma(a, low);
            high = b.fma(b, high);
          }
          FloatVector value = Lanes.load(in, end, Lanes.tail(end, to));
          DoubleVector a = Lanes.low(value);
          DoubleVector b = Lanes.high(value);
          parts[(int) (from / Parallel.CHUNK)] =
              a.fma(a, low).add(b.fma(b, high)).reduceLanes(VectorOperators.ADD);
        });
    double sum = 0;
    for (double part : parts) {
      sum += part;
    }
    return sum;
  }

  /// Takes the masks off results that two hostile peers may be changing meanwhile: example i of the
  /// target becomes `scales[i] (sum - mask)`, or that is added to it. Each value is read once.
  ///
  /// @param sum `[n, ...]`, what was computed on masked values; possibly shared memory
  /// @param mask the same computed on the masks; possibly shared memory
  /// @param scales n factors
  /// @param add whether to add to the target or to overwrite it
  /// @param target `[n, ...]`, private memory; undefined if the result is false
  /// @return false if a difference is NaN or infinite
  public static boolean unmask(
      Tensor sum, Tensor mask, float[] scales, boolean add, Tensor target) {
    long first = Operands.address("sum", sum);
    long second = Operands.addressOfSize("mask", mask, sum.size());
    long out = Operands.addressOfSize("target", target, sum.size());
    if (sum.size() % scales.length != 0) {
      throw new IllegalArgumentException(sum + " does not hold " + scales.length + " examples");
    }
    long values = sum.size() / scales.length;
    AtomicBoolean finite = new AtomicBoolean(true);
    Parallel.overRows(
        scales.length,
        values,
        (from, to) -> {
          for (long example = from; example < to; example++) {
            long start = example * values;
            float scale = scales[(int) example];
            if (!unmask(first, second, scale, add, out, start, start + values)) {
              finite.set(false);
            }
          }
        });
    return finite.get();
  }

  private static boolean unmask(
      long sum, long mask, float scale, boolean add, long out, long from, long to) {
    VectorMask<Float> good = Lanes.FLOATS.maskAll(true);
    long end = Lanes.fullEnd(from, to);
    for (long i = from; i < end; i += Lanes.COUNT) {
      FloatVector value = Lanes.load(sum, i).sub(Lanes.load(mask, i));
      good = good.and(value.test(VectorOperators.IS_FINITE));
      FloatVector scaled = value.mul(scale);
      Lanes.store(add ? Lanes.load(out, i).add(scaled) : scaled, out, i);
    }
    VectorMask<Float> tail = Lanes.tail(end, to);
    FloatVector value = Lanes.load(sum, end, tail).sub(Lanes.load(mask, end, tail));
    good = good.and(value.test(VectorOperators.IS_FINITE));
    FloatVector scaled = value.mul(scale);
    Lanes.store(add ? Lanes.load(out, end, tail).add(scaled) : scaled, out, end, tail);
    return good.allTrue();
  }

  /// Adds a row to every row: `matrix[i, :] += row`.
  ///
  /// @param row `[columns]`
  /// @param matrix any tensor whose last axis is the columns, changed in place
  public static void addRow(Tensor row, Tensor matrix) {
    int columns = columns(row, matrix);
    long term = Operands.address("row", row);
    long base = Operands.address("matrix", matrix);
    Parallel.overRows(
        matrix.size() / columns,
        columns,
        (from, to) -> {
          for (long i = from * columns; i < to * columns; i += columns) {
            for (int c = 0; c < columns; c += Lanes.COUNT) {
              VectorMask<Float> mask = Lanes.tail(c, columns);
              FloatVector sum = Lanes.load(base, i + c, mask).add(Lanes.load(term, c, mask));
              Lanes.store(sum, base, i + c, mask);
            }
          }
        });
  }

  /// `matrix += row`, then `max(0, .)`.
  ///
  /// @param row `[columns]`
  /// @param matrix any tensor whose last axis is the columns, changed in place
  public static void addRowRelu(Tensor row, Tensor matrix) {
    int columns = columns(row, matrix);
    long term = Operands.address("row", row);
    long base = Operands.address("matrix", matrix);
    FloatVector zero = FloatVector.zero(Lanes.FLOATS);
    Parallel.overRows(
        matrix.size() / columns,
        columns,
        (from, to) -> {
          for (long i = from * columns; i < to * columns; i += columns) {
            for (int c = 0; c < columns; c += Lanes.COUNT) {
              VectorMask<Float> mask = Lanes.tail(c, columns);
              FloatVector sum = Lanes.load(base, i + c, mask).add(Lanes.load(term, c, mask));
              Lanes.store(sum.max(zero), base, i + c, mask);
            }
          }
        });
  }

  /// `matrix = max(floor, (matrix + source) + row)`, of a source that a hostile peer may be
  /// changing meanwhile, as [#addFinite]: what is left of a layer once a worker has answered, in
  /// one pass.
  ///
  /// @param source possibly shared memory, of the matrix's size
  /// @param row `[columns]`
  /// @param floor 0 for a ReLU, minus infinity for none
  /// @param matrix any tensor whose last axis is the columns, changed in place; undefined if the
  ///   result is false
  /// @return false if a source value is NaN or infinite
  public static boolean addFiniteAndRow(Tensor source, Tensor row, float floor, Tensor matrix) {
    int columns = columns(row, matrix);
    long in = Operands.addressOfSize("source", source, matrix.size());
    long term = Operands.address("row", row);
    long out = Operands.address("matrix", matrix);
    AtomicBoolean finite = new AtomicBoolean(true);
    FloatVector least = FloatVector.broadcast(Lanes.FLOATS, floor);
    int full = (int) Lanes.fullEnd(0, columns);
    VectorMask<Float> rest = Lanes.tail(full, columns);
    Parallel.overRows(
        matrix.size() / columns,
        columns,
        (from, to) -> {
          VectorMask<Float> good = Lanes.FLOATS.maskAll(true);
          for (long i = from * columns; i < to * columns; i += columns) {
            for (int c = 0; c < full; c += Lanes.COUNT) {
              FloatVector value = Lanes.load(in, i + c);
              good = good.and(value.test(VectorOperators.IS_FINITE));
              FloatVector sum = Lanes.load(out, i + c).add(value).add(Lanes.load(term, c));
              Lanes.store(sum.max(least), out, i + c);
            }
            if (full < columns) {
              FloatVector value = Lanes.load(in, i + full, rest);
              good = good.and(value.test(VectorOperators.IS_FINITE));
              FloatVector sum =
                  Lanes.load(out, i + full, rest).add(value).add(Lanes.load(term, full, rest));
              Lanes.store(sum.max(least), out, i + full, rest);
            }
          }
          if (!good.allTrue()) {
            finite.set(false);
          }
        });
    return finite.get();
  }

  /// The sum of each column, accumulated in double precision.
  ///
  /// @param matrix any tensor whose last axis is the columns
  /// @param out `[columns]`, overwritten
  public static void columnSums(Tensor matrix, Tensor out) {
    int columns = columns(out, matrix);
    long base = Operands.address("matrix", matrix);
    Operands.address("out", out);
    long rows = matrix.size() / columns;
    long piece = Parallel.rowsPerPiece(columns);
    double[][] parts = new double[Math.toIntExact((rows + piece - 1) / piece)][];
    Parallel.overRows(
        rows,
        columns,
        (from, to) -> parts[(int) (from / piece)] = Lanes.columnSums(base, columns, from, to));
    for (int c = 0; c < columns; c++) {
      double sum = 0;
      for (double[] part : parts) {
        sum += part[c];
      }
      out.set(c, (float) sum);
    }
  }

  private static int columns(Tensor row, Tensor matrix) {
    int[] shape = matrix.shape();
    int columns = shape.length == 0 ? 1 : shape[shape.length - 1];
    if (row.size() != columns) {
      throw new IllegalArgumentException(
          "a row of " + matrix + " must have " + columns + " elements: " + row);
    }
    return columns;
  }

  /// One step of AdamW (Loshchilov and Hutter, arXiv 1711.05101v3, Algorithm 2): `m = beta1 m + (1
  /// - beta1) g`, `v = beta2 v + (1 - beta2) g^2`, then `w -= rate (m / c1 / (sqrt(v / c2) +
  ///   epsilon)
  /// + decay w)` with the corrections `c = 1 - beta^step`.
  ///
  /// @param weights w, changed in place
  /// @param first m, changed in place
  /// @param second v, at least 0, changed in place
  /// @param gradient g, not changed
  /// @param step from 1
  /// @param rate step size
  /// @param beta1 from 0 to below 1
  /// @param beta2 from 0 to below 1
  /// @param epsilon above 0
  /// @param decay by how much weights shrink, times the rate
  public static void adamw(
      Tensor weights,
      Tensor first,
      Tensor second,
      Tensor gradient,
      long step,
      float rate,
      float beta1,
      float beta2,
      float epsilon,
      float decay) {
    if (step < 1) {
      throw new IllegalArgumentException("steps count from 1: " + step);
    }
    long w = Operands.address("weights", weights);
    long m = Operands.addressOfSize("first", first, weights.size());
    long v = Operands.addressOfSize("second", second, weights.size());
    long g = Operands.addressOfSize("gradient", gradient, weights.size());
    float pull = (float) (-rate / (1 - Math.pow(beta1, (double) step)));
    float spread = (float) (1 / Math.sqrt(1 - Math.pow(beta2, (double) step)));
    float keep = (float) (1 - (double) rate * decay);
    Parallel.overElements(
        weights.size(),
        (from, to) -> {
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            FloatVector slope = Lanes.load(g, i);
            FloatVector mean = slope.mul(1 - beta1).add(Lanes.load(m, i).mul(beta1));
            FloatVector square = slope.mul(slope).mul(1 - beta2).add(Lanes.load(v, i).mul(beta2));
            Lanes.store(mean, m, i);
            Lanes.store(square, v, i);
            FloatVector scale = square.lanewise(VectorOperators.SQRT).mul(spread).add(epsilon);
            Lanes.store(mean.mul(pull).div(scale).add(Lanes.load(w, i).mul(keep)), w, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          FloatVector slope = Lanes.load(g, end, mask);
          FloatVector mean = slope.mul(1 - beta1).add(Lanes.load(m, end, mask).mul(beta1));
          FloatVector square =
              slope.mul(slope).mul(1 - beta2).add(Lanes.load(v, end, mask).mul(beta2));
          Lanes.store(mean, m, end, mask);
          Lanes.store(square, v, end, mask);
          FloatVector scale = square.lanewise(VectorOperators.SQRT).mul(spread).add(epsilon);
          Lanes.store(
              mean.mul(pull).div(scale).add(Lanes.load(w, end, mask).mul(keep)), w, end, mask);
        });
  }

  /// One step of stochastic gradient descent with momentum: `v = momentum v + (g + weightDecay w)`,
  /// then `w -= learningRate v`.
  ///
  /// @param weights w, changed in place
  /// @param velocity v, changed in place
  /// @param gradient g, not changed
  /// @param learningRate step size
  /// @param momentum from 0 to below 1
  /// @param weightDecay factor of w in the gradient
  public static void sgd(
      Tensor weights,
      Tensor velocity,
      Tensor gradient,
      float learningRate,
      float momentum,
      float weightDecay) {
    long w = Operands.address("weights", weights);
    long v = Operands.addressOfSize("velocity", velocity, weights.size());
    long g = Operands.addressOfSize("gradient", gradient, weights.size());
    Parallel.overElements(
        weights.size(),
        (from, to) -> {
          FloatVector decay = FloatVector.broadcast(Lanes.FLOATS, weightDecay);
          FloatVector keep = FloatVector.broadcast(Lanes.FLOATS, momentum);
          FloatVector step = FloatVector.broadcast(Lanes.FLOATS, -learningRate);
          long end = Lanes.fullEnd(from, to);
          for (long i = from; i < end; i += Lanes.COUNT) {
            FloatVector old = Lanes.load(w, i);
            FloatVector moved = Lanes.load(v, i).fma(keep, old.fma(decay, Lanes.load(g, i)));
            Lanes.store(moved, v, i);
            Lanes.store(moved.fma(step, old), w, i);
          }
          VectorMask<Float> mask = Lanes.tail(end, to);
          FloatVector old = Lanes.load(w, end, mask);
          FloatVector pull = old.fma(decay, Lanes.load(g, end, mask));
          FloatVector moved = Lanes.load(v, end, mask).fma(keep, pull);
          Lanes.store(moved, v, end, mask);
          Lanes.store(moved.fma(step, old), w, end, mask);
        });
  }
}
