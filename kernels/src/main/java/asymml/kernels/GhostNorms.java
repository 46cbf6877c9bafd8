package asymml.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorOperators;

/// The norms of the weight gradients of the single examples of a batch, without the gradients: of
/// `dW = U^T dY`, with the windows U `[P, K]` and output gradients dY `[P, O]` of P positions, the
/// squared norm is the inner product of the Gram matrices `U U^T` and `dY dY^T` (Bu et al. 2022,
/// arXiv 2205.10683, after Goodfellow 2015, arXiv 1510.01799).
///
/// It is a difference of large numbers where the gradients of positions cancel each other, so all
/// of it is in float64: products of two float32 values are exact there.
///
/// Examples run in parallel; results do not depend on the number of threads. Not safe for use by
/// several threads.
public final class GhostNorms implements AutoCloseable {
  private static final int ROWS = 4;
  private static final int COLUMNS = 2;

  private final ConvShape shape;
  private final int views;
  private final int positions; // of one view
  private final int window;
  private final Arena arena = Arena.ofShared(); // used by worker threads of the kernels
  private final MemorySegment[] lanes;
  private boolean closed;

  /// Plans the windows of as many examples as there are threads.
  ///
  /// @param shape the layer's, on the whole batch
  /// @param views how many consecutive places an example has, whose gradients are added; at least 1
  public GhostNorms(ConvShape shape, int views) {
    this.shape = shape;
    this.views = Operands.atLeastOne("views", views);
    positions = Math.multiplyExact(shape.outHeight(), shape.outWidth());
    window = Windows.size(shape);
    lanes = new MemorySegment[Math.min(Kernels.threads(), shape.batch() / views)];
    for (int i = 0; i < lanes.length; i++) {
      lanes[i] =
          arena.allocate((long) views * positions * window * Float.BYTES, Tensor.ALIGNMENT_BYTES);
    }
  }

  /// Computes them.
  ///
  /// @param x `[N, H, W, C]`, the places of an example together
  /// @param dy `[N, OH, OW, O]`
  /// @param squares for each example its squared norm, at least the true one, and off by at most
  ///   `(K + O + P P + 16) 2^-52` times its squared magnitude, with P the positions of all of its
  ///   places; not finite where values are not; overwritten
  /// @param magnitudes for each example the norm of U times the norm of dY, which bounds the norm
  ///   of the magnitudes of the terms of its gradient; overwritten
  /// @throws IllegalArgumentException if a shape differs
  public void compute(Tensor x, Tensor dy, double[] squares, double[] magnitudes) {
    Operands.address("x", x, shape.inputAxes());
    long gradients = Operands.address("dy", dy, shape.outputAxes());
    int batch = shape.batch() / views;
    int all = views * positions;
    int channels = shape.outChannels();
    Parallel.run(
        lanes.length,
        lane -> {
          Gram gram = new Gram(window, channels);
          int end = (int) ((long) (lane + 1) * batch / lanes.length);
          for (int i = (int) ((long) lane * batch / lanes.length); i < end; i++) {
            for (int p = 0; p < all; p++) {
              Windows.gather(
                  shape,
                  x.segment(),
                  i * views + p / positions,
                  p % positions,
                  lanes[lane],
                  (long) p * window);
            }
            gram.compute(
                lanes[lane].address(), gradients + (long) i * all * channels * Float.BYTES, all);
            double product = gram.inputs * gram.outputs;
            double unsure = ((double) all * all + window + channels + 16) * 0x1p-53;
            squares[i] = Math.max(0, gram.product) + unsure * product;
            magnitudes[i] = Math.sqrt(product);
          }
        });
  }

  /// The two Gram matrices of one example, a tile at a time.
  private static final class Gram {
    private final int window;
    private final int channels;
    private final double[] left = new double[ROWS * COLUMNS];
    private final double[] right = new double[ROWS * COLUMNS];

    /// The inner product of the two.
    private double product;

    /// The trace of the inputs'.
    private double inputs;

    /// The trace of the output gradients'.
    private double outputs;

    Gram(int window, int channels) {
      this.window = window;
      this.channels = channels;
    }

    /// Both are symmetric: tiles above the diagonal are left out, entries below it count twice.
    void compute(long u, long dy, int positions) {
      product = 0;
      inputs = 0;
      outputs = 0;
      for (int p = 0; p < positions; p += ROWS) {
        int lastRow = Math.min(p + ROWS, positions) - 1;
        for (int q = 0; q <= lastRow; q += COLUMNS) {
          tile(u, window, p, q, positions, left);
          tile(dy, channels, p, q, positions, right);
          for (int k = 0; k < ROWS * COLUMNS; k++) {
            int row = p + k / COLUMNS;
            int column = q + k % COLUMNS;
            if (row < positions && column < row) {
              product += 2 * left[k] * right[k];
            } else if (row < positions && column == row) {
              product += left[k] * right[k];
              inputs += left[k];
              outputs += right[k];
            }
          }
        }
      }
    }

    /// The products of rows p to p + 3 with rows q and q + 1; of rows that are not there,
    /// something.
    private static void tile(long base, int length, int p, int q, int rows, double[] out) {
      int last = rows - 1;
      long p0 = (long) p * length;
      long p1 = (long) Math.min(p + 1, last) * length;
      long p2 = (long) Math.min(p + 2, last) * length;
      long p3 = (long) Math.min(p + 3, last) * length;
      long q0 = (long) q * length;
      long q1 = (long) Math.min(q + 1, last) * length;
      DoubleVector s00 = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector s01 = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector s10 = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector s11 = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector s20 = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector s21 = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector s30 = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector s31 = DoubleVector.zero(Lanes.DOUBLES);
      int step = Lanes.DOUBLES.length();
      int k = 0;
      for (; k + step <= length; k += step) {
        DoubleVector b0 = Lanes.loadDoubles(base, q0 + k);
        DoubleVector b1 = Lanes.loadDoubles(base, q1 + k);
        DoubleVector a = Lanes.loadDoubles(base, p0 + k);
        s00 = a.fma(b0, s00);
        s01 = a.fma(b1, s01);
        a = Lanes.loadDoubles(base, p1 + k);
        s10 = a.fma(b0, s10);
        s11 = a.fma(b1, s11);
        a = Lanes.loadDoubles(base, p2 + k);
        s20 = a.fma(b0, s20);
        s21 = a.fma(b1, s21);
        a = Lanes.loadDoubles(base, p3 + k);
        s30 = a.fma(b0, s30);
        s31 = a.fma(b1, s31);
      }
      out[0] = s00.reduceLanes(VectorOperators.ADD);
      out[1] = s01.reduceLanes(VectorOperators.ADD);
      out[2] = s10.reduceLanes(VectorOperators.ADD);
      out[3] = s11.reduceLanes(VectorOperators.ADD);
      out[4] = s20.reduceLanes(VectorOperators.ADD);
      out[5] = s21.reduceLanes(VectorOperators.ADD);
      out[6] = s30.reduceLanes(VectorOperators.ADD);
      out[7] = s31.reduceLanes(VectorOperators.ADD);
      for (; k < length; k++) {
        double b0 = Lanes.get(base, q0 + k);
        double b1 = Lanes.get(base, q1 + k);
        double a0 = Lanes.get(base, p0 + k);
        double a1 = Lanes.get(base, p1 + k);
        double a2 = Lanes.get(base, p2 + k);
        double a3 = Lanes.get(base, p3 + k);
        out[0] += a0 * b0;
        out[1] += a0 * b1;
        out[2] += a1 * b0;
        out[3] += a1 * b1;
        out[4] += a2 * b0;
        out[5] += a2 * b1;
        out[6] += a3 * b0;
        out[7] += a3 * b1;
      }
    }
  }

  /// Zeroes and frees the windows. Idempotent.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      for (MemorySegment lane : lanes) {
        lane.fill((byte) 0);
      }
      arena.close();
    }
  }
}
