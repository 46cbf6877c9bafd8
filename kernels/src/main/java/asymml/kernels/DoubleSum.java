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
    Operands.addressOfSize("part", part, values.length);
    add(part, 0);
  }

  /// Adds a tensor to a part of the sum.
  ///
  /// @param part read only
  /// @param at where the part begins
  /// @throws IndexOutOfBoundsException if the sum has no such part
  public void add(Tensor part, int at) {
    long from = Operands.address("part", part);
    int count = Math.toIntExact(part.size());
    Objects.checkFromIndexSize(at, count, values.length);
    int pieces = Math.ceilDiv(count, COLUMNS);
    Parallel.run(
        pieces,
        piece -> addRow(from, 1, piece * COLUMNS, Math.min(count, (piece + 1) * COLUMNS), at));
  }

  /// Adds a weighted sum of rows. Rows of weight 0 are not read: they may hold NaN. A sum does not
  /// depend on the number of threads.
  ///
  /// @param rows `[N, size]`, read only
  /// @param weights N factors
  /// @throws IllegalArgumentException if the shape differs
  public void addRows(Tensor rows, double[] weights) {
    Operands.address("rows", rows, weights.length, values.length);
    addRows(rows, weights, 0);
  }

  /// The same to a part of the sum.
  ///
  /// @param rows `[N, size of the part]`, read only
  /// @param weights N factors
  /// @param at where the part begins
  /// @throws IllegalArgumentException if the shape differs
  /// @throws IndexOutOfBoundsException if the sum has no such part
  public void addRows(Tensor rows, double[] weights, int at) {
    int width = rows.length(1);
    long from = Operands.address("rows", rows, weights.length, width);
    Objects.checkFromIndexSize(at, width, values.length);
    int pieces = Math.ceilDiv(width, COLUMNS);
    Parallel.run(
        pieces,
        piece -> {
          int first = piece * COLUMNS;
          int end = Math.min(width, first + COLUMNS);
          for (int n = 0; n < weights.length; n++) {
            if (weights[n] != 0) {
              addRow(from + (long) n * width * Float.BYTES, weights[n], first, end, at);
            }
          }
        });
  }

  /// Adds a weighted sum of outer products, of each example the column y times the row x. Examples
  /// of weight 0 are not read. A sum does not depend on the number of threads.
  ///
  /// @param y `[N, rows]`, read only
  /// @param x `[N, columns]`, read only
  /// @param weights N factors
  /// @param at where the part `[rows, columns]` begins
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IndexOutOfBoundsException if the sum has no such part
  public void addProducts(Tensor y, Tensor x, double[] weights, int at) {
    int rows = y.length(1);
    int columns = x.length(1);
    long left = Operands.address("y", y, weights.length, rows);
    long right = Operands.address("x", x, weights.length, columns);
    Objects.checkFromIndexSize((long) at, (long) rows * columns, (long) values.length);
    Parallel.run(
        rows,
        row -> {
          int start = at + row * columns;
          for (int first = 0; first < columns; first += COLUMNS) {
            int end = Math.min(columns, first + COLUMNS);
            for (int n = 0; n < weights.length; n++) {
              if (weights[n] != 0) {
                double factor = weights[n] * Lanes.get(left, (long) n * rows + row);
                addRow(right + (long) n * columns * Float.BYTES, factor, first, end, start);
              }
            }
          }
        });
  }

  /// Adds values `first` to below `end` of a row to those of the sum that begin at `at`.
  private void addRow(long row, double weight, int first, int end, int at) {
    DoubleVector factor = DoubleVector.broadcast(Lanes.DOUBLES, weight);
    int step = Lanes.DOUBLES.length();
    int i = first;
    for (; i + step <= end; i += step) {
      Lanes.loadDoubles(row, i)
          .fma(factor, DoubleVector.fromArray(Lanes.DOUBLES, values, at + i))
          .intoArray(values, at + i);
    }
    for (; i < end; i++) {
      values[at + i] = Math.fma(weight, (double) Lanes.get(row, i), values[at + i]);
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

  /// Copies a part of the sum.
  ///
  /// @param from the first value
  /// @param out takes the values
  /// @param at where the first one goes
  /// @param count how many
  /// @throws IndexOutOfBoundsException if sum or array have no such part
  public void copyTo(int from, double[] out, int at, int count) {
    System.arraycopy(values, from, out, at, count);
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
