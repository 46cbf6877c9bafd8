package asymml.kernels;

import java.util.Arrays;
import jdk.incubator.vector.DoubleVector;

/// A sum of float32 tensors of one size, kept in double precision. Not safe for use by several
/// threads.
public final class DoubleSum {
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
