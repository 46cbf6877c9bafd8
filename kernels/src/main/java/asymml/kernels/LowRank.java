package asymml.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// What is left of a matrix when a low-rank one is taken off. On the calling thread alone, so that
/// examples can be shared out among threads while each stays in one core's cache.
public final class LowRank {
  /// Columns held in registers while all directions pass: 4 vectors hide the latency of a
  /// multiply-add.
  private static final int TILE = 4;

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
    for (long row = 0; row < rows; row++) {
      long at = row * columns;
      for (int c = 0; c < tiled; c += step) {
        tile(from, at + c, b, row * rank, d, c, rank, columns, to);
      }
      for (int c = tiled; c < columns; c += Lanes.COUNT) {
        VectorMask<Float> mask = Lanes.tail(c, columns);
        FloatVector rest = Lanes.load(from, at + c, mask);
        for (int j = 0; j < rank; j++) {
          FloatVector direction = Lanes.load(d, (long) j * columns + c, mask);
          rest =
              direction.fma(
                  FloatVector.broadcast(Lanes.FLOATS, -Lanes.get(b, row * rank + j)), rest);
        }
        Lanes.store(rest, to, at + c, mask);
      }
    }
  }

  private static void tile(
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
