package asymml.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Vectors of float32 at raw native addresses, whose tensors [Operands] has checked. One segment
/// over all memory serves every tensor, so that the compiler sees one constant and worker threads
/// may touch a confined tensor while its owner waits.
final class Lanes {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
  static final int COUNT = FLOATS.length();
  private static final VectorSpecies<Float> HALF_FLOATS =
      VectorSpecies.of(float.class, VectorShape.forBitSize(DOUBLES.vectorBitSize() / 2));
  private static final int HALF = DOUBLES.length();

  private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  private Lanes() {}

  static FloatVector load(long base, long index) {
    return FloatVector.fromMemorySegment(FLOATS, MEMORY, base + index * Float.BYTES, ORDER);
  }

  static FloatVector load(long base, long index, VectorMask<Float> mask) {
    return FloatVector.fromMemorySegment(FLOATS, MEMORY, base + index * Float.BYTES, ORDER, mask);
  }

  static void store(FloatVector value, long base, long index) {
    value.intoMemorySegment(MEMORY, base + index * Float.BYTES, ORDER);
  }

  static void store(FloatVector value, long base, long index, VectorMask<Float> mask) {
    value.intoMemorySegment(MEMORY, base + index * Float.BYTES, ORDER, mask);
  }

  /// As many values as a vector of doubles has lanes, in double precision.
  static DoubleVector loadDoubles(long base, long index) {
    return (DoubleVector)
        FloatVector.fromMemorySegment(HALF_FLOATS, MEMORY, base + index * Float.BYTES, ORDER)
            .convertShape(VectorOperators.F2D, DOUBLES, 0);
  }

  /// Stores as many values, rounded to float32.
  ///
  /// As bytes, because the compiler keeps one record of the classes of vectors for all callers of
  /// [FloatVector#intoMemorySegment]. Full vectors and shorter ones there would make it take a
  /// kernel's full ones for short, and then every vector of its loop lies on the heap, for the rest
  /// of the run.
  static void storeDoubles(DoubleVector values, long base, long index) {
    values
        .convertShape(VectorOperators.D2F, HALF_FLOATS, 0)
        .reinterpretAsBytes()
        .intoMemorySegment(MEMORY, base + index * Float.BYTES, ORDER);
  }

  static float get(long base, long index) {
    return MEMORY.get(ValueLayout.JAVA_FLOAT_UNALIGNED, base + index * Float.BYTES);
  }

  static void set(long base, long index, float value) {
    MEMORY.set(ValueLayout.JAVA_FLOAT_UNALIGNED, base + index * Float.BYTES, value);
  }

  /// The end of the full vectors that start at `from`.
  static long fullEnd(long from, long to) {
    return from + (to - from) / COUNT * COUNT;
  }

  /// The lanes below `to` of a vector at `index`.
  static VectorMask<Float> tail(long index, long to) {
    return FLOATS.indexInRange(index, to);
  }

  /// The lower half of the lanes in double precision.
  static DoubleVector low(FloatVector value) {
    return (DoubleVector) value.convertShape(VectorOperators.F2D, DOUBLES, 0);
  }

  /// The upper half of the lanes in double precision.
  static DoubleVector high(FloatVector value) {
    return (DoubleVector) value.convertShape(VectorOperators.F2D, DOUBLES, 1);
  }

  /// Stores both halves of a vector of doubles at `sums[index..]`, as far as the array goes.
  static void store(DoubleVector low, DoubleVector high, double[] sums, int index) {
    low.intoArray(sums, index, DOUBLES.indexInRange(index, sums.length));
    if (index + HALF < sums.length) {
      high.intoArray(sums, index + HALF, DOUBLES.indexInRange(index + HALF, sums.length));
    }
  }

  /// The column sums of rows `from` to below `to` of a matrix at `base`.
  static double[] columnSums(long base, int columns, long from, long to) {
    double[] sums = new double[columns];
    for (int c = 0; c < columns; c += COUNT) {
      VectorMask<Float> mask = tail(c, columns);
      DoubleVector low = DoubleVector.zero(DOUBLES);
      DoubleVector high = DoubleVector.zero(DOUBLES);
      for (long row = from; row < to; row++) {
        FloatVector value = load(base, row * columns + c, mask);
        low = low.add(low(value));
        high = high.add(high(value));
      }
      store(low, high, sums, c);
    }
    return sums;
  }
}
