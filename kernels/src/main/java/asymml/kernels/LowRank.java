package asymml.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// A matrix less a low-rank one. On the calling thread alone, so that examples can be shared out
/// among threads while each stays in one core's cache.
public final class LowRank {
  /// Columns held in registers while all directions pass: 4 vectors hide the latency of a
  /// multiply-add.
  private static final int TILE = 4;

  private static final long BYTES = Float.BYTES;

  private LowRank() {}

  /// Computes `out = X - B D`.
  ///
  /// @param x X `[rows, C]`
  /// @param coefficients B `[rows, r]`
  /// @param directions D `[r, C]`
  /// @param out `[rows, C]`, overwritten; may be x
  /// @throws IllegalArgumentException if the shapes do not fit
  public static void residual(Tensor x, Tensor coefficients, Tensor directions, Tensor out) {
    int rank = directions.length(0);
    int columns = directions.length(1);
    int rows = coefficients.length(0);
    long from = Operands.address("x", x, rows, columns);
    long b = Operands.address("coefficients", coefficients, rows, rank);
    long d = Operands.address("directions", directions);
    long to = Operands.address("out", out, rows, columns);
    int step = TILE * Lanes.COUNT;
    int tiled = columns / step * step;
    int paired = rows - rows % 2;
    // Tile by tile, so that the directions' part of a tile stays in the nearest cache.
    for (int c = 0; c < tiled; c += step) {
      pairs(from + c * BYTES, b, d + c * BYTES, rank, columns, paired, to + c * BYTES);
      if (paired < rows) {
        long at = (long) paired * columns + c;
        row(from, at, b, (long) paired * rank, d, c, rank, columns, to);
      }
    }
    for (int c = tiled; c < columns; c += Lanes.COUNT) {
      rest(from, b, d, c, rank, columns, rows, to);
    }
  }

  /// A tile of an even number of rows, two at a time: a direction is loaded once for both.
  private static void pairs(long from, long b, long d, int rank, int columns, int rows, long to) {
    for (int row = 0; row < rows; row += 2) {
      long at = (long) row * columns;
      long below = at + columns;
      long first = (long) row * rank;
      FloatVector r0 = Lanes.load(from, at);
      FloatVector r1 = Lanes.load(from, at + Lanes.COUNT);
      FloatVector r2 = Lanes.load(from, at + 2L * Lanes.COUNT);
      FloatVector r3 = Lanes.load(from, at + 3L * Lanes.COUNT);
      FloatVector s0 = Lanes.load(from, below);
      FloatVector s1 = Lanes.load(from, below + Lanes.COUNT);
      FloatVector s2 = Lanes.load(from, below + 2L * Lanes.COUNT);
      FloatVector s3 = Lanes.load(from, below + 3L * Lanes.COUNT);
      long place = 0;
      for (int j = 0; j < rank; j++) {
        FloatVector f = FloatVector.broadcast(Lanes.FLOATS, -Lanes.get(b, first + j));
        FloatVector g = FloatVector.broadcast(Lanes.FLOATS, -Lanes.get(b, first + rank + j));
        FloatVector d0 = Lanes.load(d, place);
        FloatVector d1 = Lanes.load(d, place + Lanes.COUNT);
        FloatVector d2 = Lanes.load(d, place + 2L * Lanes.COUNT);
        FloatVector d3 = Lanes.load(d, place + 3L * Lanes.COUNT);
        r0 = d0.fma(f, r0);
        r1 = d1.fma(f, r1);
        r2 = d2.fma(f, r2);
        r3 = d3.fma(f, r3);
        s0 = d0.fma(g, s0);
        s1 = d1.fma(g, s1);
        s2 = d2.fma(g, s2);
        s3 = d3.fma(g, s3);
        place += columns;
      }
      Lanes.store(r0, to, at);
      Lanes.store(r1, to, at + Lanes.COUNT);
      Lanes.store(r2, to, at + 2L * Lanes.COUNT);
      Lanes.store(r3, to, at + 3L * Lanes.COUNT);
      Lanes.store(s0, to, below);
      Lanes.store(s1, to, below + Lanes.COUNT);
      Lanes.store(s2, to, below + 2L * Lanes.COUNT);
      Lanes.store(s3, to, below + 3L * Lanes.COUNT);
    }
  }

  private static void row(
      long from, long at, long b, long first, long d, int c, int rank, int columns, long to) {
    FloatVector r0 = Lanes.load(from, at);
    FloatVector r1 = Lanes.load(from, at + Lanes.COUNT);
    FloatVector r2 = Lanes.load(from, at + 2L * Lanes.COUNT);
    FloatVector r3 = Lanes.load(from, at + 3L * Lanes.COUNT);
    long place = c;
    for (int j = 0; j < rank; j++) {
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, -Lanes.get(b, first + j));
      r0 = Lanes.load(d, place).fma(factor, r0);
      r1 = Lanes.load(d, place + Lanes.COUNT).fma(factor, r1);
      r2 = Lanes.load(d, place + 2L * Lanes.COUNT).fma(factor, r2);
      r3 = Lanes.load(d, place + 3L * Lanes.COUNT).fma(factor, r3);
      place += columns;
    }
    Lanes.store(r0, to, at);
    Lanes.store(r1, to, at + Lanes.COUNT);
    Lanes.store(r2, to, at + 2L * Lanes.COUNT);
    Lanes.store(r3, to, at + 3L * Lanes.COUNT);
  }

  /// One vector of columns, the last of them masked.
  private static void rest(
      long from, long b, long d, int c, int rank, int columns, int rows, long to) {
    VectorMask<Float> mask = Lanes.tail(c, columns);
    for (int row = 0; row < rows; row++) {
      long at = (long) row * columns + c;
      FloatVector left = Lanes.load(from, at, mask);
      for (int j = 0; j < rank; j++) {
        FloatVector direction = Lanes.load(d, (long) j * columns + c, mask);
        FloatVector factor =
            FloatVector.broadcast(Lanes.FLOATS, -Lanes.get(b, (long) row * rank + j));
        left = direction.fma(factor, left);
      }
      Lanes.store(left, to, at, mask);
    }
  }

  /// Sets the last column to one: the coefficient of a direction that every row has alike.
  ///
  /// @param coefficients `[rows, r]`, changed in place
  public static void onesLast(Tensor coefficients) {
    int rank = coefficients.length(1);
    long base = Operands.address("coefficients", coefficients);
    for (long i = rank - 1L; i < coefficients.size(); i += rank) {
      Lanes.set(base, i, 1);
    }
  }
}
