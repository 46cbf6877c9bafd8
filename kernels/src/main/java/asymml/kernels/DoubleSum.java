package asymml.kernels;

import java.util.Arrays;
import java.util.Objects;
import jdk.incubator.vector.DoubleVector;

/// A sum of float32 tensors of one size, kept in double precision. Not safe for use by several
/// threads.
public final class DoubleSum {
  /// Columns that are summed over all rows at a time: 32 KiB of sums, which stay in the cache.
  private static final int COLUMNS = 1 << 12;

  private final double[] values;

  /// Starts at zero.
  ///
  /// @param size how many values each tensor has
  public DoubleSum(long size) {
    values = new double[Math.toIntExact(size)];
  }

  /// Adds a tensor.
  ///
  /// @param part read only
  public void add(Tensor part) {
    long from = Operands.addressOfSize("part", part, values.length);
    int step = Lanes.DOUBLES.length();
    int i = 0;
    for (; i + step <= values.length; i += step) {
      DoubleVector.fromArray(Lanes.DOUBLES, values, i)
          .add(Lanes.loadDoubles(from, i))
          .intoArray(values, i);
    }
    for (; i < values.length; i++) {
      values[i] += Lanes.get(from, i);
    }
  }

  /// Adds a weighted sum of rows. Rows of weight 0 are not read: they may hold NaN. A sum does not
  /// depend on the number of threads.
  ///
  /// @param rows `[N, size]`, read only
  /// @param weights N factors
  /// @throws IllegalArgumentException if the shape differs
  public void addRows(Tensor rows, double[] weights) {
    long from = Operands.address("rows", rows, weights.length, values.length);
    int pieces = Math.ceilDiv(values.length, COLUMNS);
    Parallel.run(
        pieces,
        piece -> {
          int first = piece * COLUMNS;
          int end = Math.min(values.length, first + COLUMNS);
          for (int n = 0; n < weights.length; n++) {
            if (weights[n] != 0) {
              addRow(from + (long) n * values.length * Float.BYTES, weights[n], first, end);
            }
          }
        });
  }

  private void addRow(long row, double weight, int first, int end) {
    DoubleVector factor = DoubleVector.broadcast(Lanes.DOUBLES, weight);
    int step = Lanes.DOUBLES.length();
    int i = first;
    for (; i + step <= end; i += step) {
      Lanes.loadDoubles(row, i)
          .fma(factor, DoubleVector.fromArray(Lanes.DOUBLES, values, i))
          .intoArray(values, i);
    }
    for (; i < end; i++) {
      values[i] = Math.fma(weight, (double) Lanes.get(row, i), values[i]);
    }
  }

  /// Rounds a part of the sum to float32.
  ///
  /// @param from the first value
  /// @param out as many values as it has, overwritten
  /// @throws IndexOutOfBoundsException if the sum has no such part
  public void copyTo(int from, Tensor out) {
    long to = Operands.address("out", out);
    int count = Math.toIntExact(out.size());
    Objects.checkFromIndexSize(from, count, values.length);
    for (int i = 0; i < count; i++) {
      Lanes.set(to, i, (float) values[from + i]);
    }
  }

  /// Starts again at zero.
  public void clear() {
    Arrays.fill(values, 0);
  }

  /// Rounds the sum to float32, and forgets it.
  ///
  /// @param out overwritten
  public void moveTo(Tensor out) {
    long to = Operands.addressOfSize("out", out, values.length);
    for (int i = 0; i < values.length; i++) {
      Lanes.set(to, i, (float) values[i]);
    }
    Arrays.fill(values, 0);
  }
}
