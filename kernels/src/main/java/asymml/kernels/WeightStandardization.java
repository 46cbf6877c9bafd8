package asymml.kernels;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Standardised filters: each of mean 0 and norm 1 over its inputs (Qiao et al. 2019, "Weight
/// Standardization", arXiv 1903.10520, with the scale of Brock et al. 2021, arXiv 2101.08692, which
/// preserves the size of activations). Makes group normalisation train as fast as batch
/// normalisation, without mixing examples.
public final class WeightStandardization {
  /// Added to a filter's squared norm: a filter of equal values becomes 0, not NaN.
  private static final double EPSILON = 1e-12;

  private WeightStandardization() {}

  /// Standardises filters.
  ///
  /// @param weight `[O, ...]`
  /// @param standardized of the same shape, overwritten: `(w - mean) / |w - mean|` for each filter
  /// @param inverseNorms `[O]`, overwritten: `1 / |w - mean|`
  /// @throws IllegalArgumentException if a shape differs
  public static void forward(Tensor weight, Tensor standardized, Tensor inverseNorms) {
    int filters = weight.length(0);
    long fan = weight.size() / filters;
    long w = Operands.address("weight", weight);
    long out = Operands.address("standardized", standardized, weight.shape());
    long inverse = Operands.address("inverseNorms", inverseNorms, filters);
    Parallel.overRows(
        filters,
        fan,
        (from, to) -> {
          for (long o = from; o < to; o++) {
            float mean = (float) (sum(w, o * fan, (o + 1) * fan) / fan);
            double squares = squaredDeviations(w, o * fan, (o + 1) * fan, mean);
            float factor = (float) (1 / Math.sqrt(squares + EPSILON));
            for (long i = o * fan; i < (o + 1) * fan; i += Lanes.COUNT) {
              VectorMask<Float> mask = Lanes.tail(i, (o + 1) * fan);
              Lanes.store(Lanes.load(w, i, mask).sub(mean).mul(factor), out, i, mask);
            }
            VectorMask<Float> first = Lanes.tail(o, o + 1);
            Lanes.store(FloatVector.broadcast(Lanes.FLOATS, factor), inverse, o, first);
          }
        });
  }

  /// Turns gradients by the standardised filters into gradients by the filters.
  ///
  /// @param standardized as [#forward] gave it
  /// @param inverseNorms as [#forward] gave it
  /// @param gradient by the standardised filters; overwritten with that by the filters
  /// @throws IllegalArgumentException if a shape differs
  public static void backward(Tensor standardized, Tensor inverseNorms, Tensor gradient) {
    int filters = standardized.length(0);
    long fan = standardized.size() / filters;
    long hat = Operands.address("standardized", standardized);
    long inverse = Operands.address("inverseNorms", inverseNorms, filters);
    long g = Operands.address("gradient", gradient, standardized.shape());
    Parallel.overRows(
        filters,
        fan,
        (from, to) -> {
          for (long o = from; o < to; o++) {
            float mean = (float) (sum(g, o * fan, (o + 1) * fan) / fan);
            float along = (float) dot(g, hat, o * fan, (o + 1) * fan);
            FloatVector minusAlong = FloatVector.broadcast(Lanes.FLOATS, -along);
            float factor = Lanes.load(inverse, o, Lanes.tail(o, o + 1)).lane(0);
            for (long i = o * fan; i < (o + 1) * fan; i += Lanes.COUNT) {
              VectorMask<Float> mask = Lanes.tail(i, (o + 1) * fan);
              FloatVector across = Lanes.load(g, i, mask).sub(mean);
              FloatVector tangent = Lanes.load(hat, i, mask).fma(minusAlong, across);
              Lanes.store(tangent.mul(factor), g, i, mask);
            }
          }
        });
  }

  private static double sum(long base, long from, long to) {
    DoubleVector sum = DoubleVector.zero(Lanes.DOUBLES);
    for (long i = from; i < to; i += Lanes.COUNT) {
      FloatVector value = Lanes.load(base, i, Lanes.tail(i, to));
      sum = sum.add(Lanes.low(value)).add(Lanes.high(value));
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private static double squaredDeviations(long base, long from, long to, float mean) {
    DoubleVector sum = DoubleVector.zero(Lanes.DOUBLES);
    for (long i = from; i < to; i += Lanes.COUNT) {
      VectorMask<Float> mask = Lanes.tail(i, to);
      FloatVector centred =
          Lanes.load(base, i, mask).lanewise(VectorOperators.SUB, mean, mask); // the rest stays 0
      DoubleVector low = Lanes.low(centred);
      DoubleVector high = Lanes.high(centred);
      sum = high.fma(high, low.fma(low, sum));
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private static double dot(long left, long right, long from, long to) {
    DoubleVector sum = DoubleVector.zero(Lanes.DOUBLES);
    for (long i = from; i < to; i += Lanes.COUNT) {
      VectorMask<Float> mask = Lanes.tail(i, to);
      FloatVector a = Lanes.load(left, i, mask);
      FloatVector b = Lanes.load(right, i, mask);
      sum = Lanes.high(a).fma(Lanes.high(b), Lanes.low(a).fma(Lanes.low(b), sum));
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }
}
