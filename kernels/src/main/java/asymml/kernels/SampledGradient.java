package asymml.kernels;

import java.lang.foreign.MemorySegment;
import java.util.random.RandomGenerator;

/// An unbiased estimate of a linear layer's weight gradient from a sample of its output positions:
/// the rows of dY at those positions and the windows of X under them are gathered, and one matrix
/// product does the rest.
///
/// The positions of a batch, `P = N OH OW`, are cut into p runs of equal length (to within one),
/// and one position is drawn uniformly from each; its term stands for its run and is multiplied by
/// the run's length. Every position is thus drawn with the probability that its weight undoes. Not
/// safe for use by several threads.
public final class SampledGradient {
  private final ConvShape shape;
  private final int samples;
  private final Tensor windows;
  private final Tensor rows;

  /// Plans the estimate.
  ///
  /// @param shape the layer's
  /// @param samples p, 1 to the number of positions
  /// @param memory of at least [#floats] values, used in each call; may be shared by several
  /// @throws IllegalArgumentException if the number is out of range
  public SampledGradient(ConvShape shape, int samples, Tensor memory) {
    if (samples < 1 || samples > positions(shape)) {
      throw new IllegalArgumentException(
          "of %s positions 1 to all can be drawn: %s".formatted(positions(shape), samples));
    }
    this.shape = shape;
    this.samples = samples;
    int window = window(shape);
    MemorySegment segment = memory.segment();
    long split = (long) samples * window * Float.BYTES;
    this.windows = Tensor.of(segment.asSlice(0, split), samples, window);
    this.rows =
        Tensor.of(
            segment.asSlice(split, (long) samples * shape.outChannels() * Float.BYTES),
            samples,
            shape.outChannels());
  }

  /// The number of output positions of a batch.
  ///
  /// @param shape a layer's
  /// @return `P = N OH OW`
  public static int positions(ConvShape shape) {
    return Math.multiplyExact(shape.batch(), shape.outHeight() * shape.outWidth());
  }

  /// How much memory an estimate needs.
  ///
  /// @param shape the layer's
  /// @param samples p
  /// @return float32 values
  public static int floats(ConvShape shape, int samples) {
    return Math.multiplyExact(samples, window(shape) + shape.outChannels());
  }

  private static int window(ConvShape shape) {
    return Windows.size(shape);
  }

  /// Draws a sample and estimates the gradient.
  ///
  /// @param x X `[N, H, W, C]`
  /// @param dy dY `[N, OH, OW, O]`
  /// @param random chooses the positions
  /// @param dw dW `[O, kH, kW, C]`, overwritten
  public void estimate(Tensor x, Tensor dy, RandomGenerator random, Tensor dw) {
    Operands.address("x", x, shape.inputAxes());
    Operands.address("dy", dy, shape.outputAxes());
    int[] positions = draw(random);
    Parallel.overRows(
        samples,
        windows.length(1),
        (from, to) -> {
          for (int j = (int) from; j < to; j++) {
            int perExample = shape.outHeight() * shape.outWidth();
            Windows.gather(
                shape,
                x.segment(),
                positions[j] / perExample,
                positions[j] % perExample,
                windows.segment(),
                (long) j * windows.length(1));
            gatherRow(dy, positions[j], j);
          }
        });
    Gemm.multiply(
        true, false, 1, rows, windows, 0, dw.reshape(shape.outChannels(), windows.length(1)));
  }

  private int[] draw(RandomGenerator random) {
    int[] positions = new int[samples];
    for (int j = 0; j < samples; j++) {
      positions[j] = start(j) + random.nextInt(run(j));
    }
    return positions;
  }

  private int start(int j) {
    return (int) ((long) j * positions(shape) / samples);
  }

  private int run(int j) {
    return start(j + 1) - start(j);
  }

  private void gatherRow(Tensor dy, int position, int j) {
    long from = Operands.address("dy", dy);
    long to = Operands.address("rows", rows);
    int channels = shape.outChannels();
    float weight = run(j);
    for (int c = 0; c < channels; c++) {
      Lanes.set(
          to, (long) j * channels + c, weight * Lanes.get(from, (long) position * channels + c));
    }
  }
}
