package asymml.trusted.ops;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.DoubleSum;
import asymml.kernels.Elementwise;
import asymml.kernels.ExampleGradients;
import asymml.kernels.GhostNorms;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The gradients of single examples by one layer's weight that are not kept: their norms come out
/// of the backward pass, and their weighted sum is formed afterwards, from input and output
/// gradient, which must stay until then.
sealed interface LayerGradients extends AutoCloseable {
  /// Takes up a batch.
  ///
  /// @param x `[N K, H, W, C]`, of N examples with K views each
  /// @param dy `[N K, OH, OW, O]`
  /// @param squares each example's squared norm, at least the true one; overwritten
  /// @param limits what an example's norm must at least be taken for, so that rounding stays within
  ///   [#rounding]; left alone where it does in any case
  void measure(Tensor x, Tensor dy, double[] squares, double[] limits);

  /// Adds the weighted gradients of the batch. Examples of weight 0 may hold values that are not
  /// finite; they are zeroed.
  ///
  /// @param x as it was
  /// @param dy as it was
  /// @param weights one for each example
  /// @param sum to which they are added
  /// @param at where the layer's part begins
  void addTo(Tensor x, Tensor dy, double[] weights, DoubleSum sum, int at);

  /// By how much one example can change the sum beyond its weighted gradient.
  ///
  /// @return as a share of the clip norm
  double rounding();

  @Override
  void close();

  /// The weights of examples, for each of their places.
  private static double[] ofPlaces(double[] weights, int views) {
    double[] places = new double[weights.length * views];
    Arrays.setAll(places, i -> weights[i / views]);
    return places;
  }

  /// Of a fully connected layer: outer products, in float64. The norm of a sum of several comes
  /// from Gram matrices.
  ///
  /// @param shape the layer's, on all places
  /// @param views of an example
  /// @param norms of sums of outer products; null for single ones
  record Product(ConvShape shape, int views, @Nullable GhostNorms norms) implements LayerGradients {
    static Product of(ConvShape shape, int views) {
      return new Product(shape, views, views == 1 ? null : new GhostNorms(shape, views));
    }

    @Override
    public void measure(Tensor x, Tensor dy, double[] squares, double[] limits) {
      if (norms != null) {
        norms.compute(x, dy, squares, new double[limits.length]);
        return;
      }
      for (int i = 0; i < squares.length; i++) {
        squares[i] =
            Elementwise.sumOfSquares(x.examples(i, 1))
                * Elementwise.sumOfSquares(dy.examples(i, 1));
      }
    }

    @Override
    public void addTo(Tensor x, Tensor dy, double[] weights, DoubleSum sum, int at) {
      sum.addProducts(
          dy.reshape(shape.batch(), shape.outChannels()),
          x.reshape(shape.batch(), shape.inChannels()),
          ofPlaces(weights, views),
          at);
    }

    @Override
    public double rounding() {
      return 0;
    }

    @Override
    public void close() {
      if (norms != null) {
        norms.close();
      }
    }
  }

  /// Each example by itself, twice. The second time gives the same values as the first, to the bit,
  /// so that norms are those of what is added.
  final class Recomputed implements LayerGradients {
    /// Examples at a time.
    private static final int BLOCK = 8;

    private final Arena arena = Arena.ofShared(); // written by worker threads of the kernels
    private final ExampleGradients gradients;
    private final int views;
    private final int[] axes;
    private final Tensor rows;
    private boolean closed;

    Recomputed(ConvShape shape, int views) {
      this.views = views;
      axes = shape.weightAxes();
      int count = Math.min(BLOCK, shape.batch() / views);
      gradients = new ExampleGradients(shape.withBatch(count * views), views);
      rows = Tensor.allocate(arena, count, PerExampleGradients.aligned(Tensor.sizeOf(axes)));
    }

    /// The gradients of the examples from `from` on, as many as there is room for.
    private Tensor compute(Tensor x, Tensor dy, int from) {
      int count = Math.min(rows.length(0), x.length(0) / views - from);
      gradients.compute(
          x.examples(from * views, count * views),
          dy.examples(from * views, count * views),
          this::row);
      return rows.examples(0, count);
    }

    private Tensor row(int i) {
      return Tensor.of(
          rows.examples(i, 1).segment().asSlice(0, Tensor.sizeOf(axes) * Float.BYTES), axes);
    }

    @Override
    public void measure(Tensor x, Tensor dy, double[] squares, double[] limits) {
      for (int from = 0; from < squares.length; from += rows.length(0)) {
        Tensor some = compute(x, dy, from);
        for (int i = 0; i < some.length(0); i++) {
          squares[from + i] = Elementwise.sumOfSquares(some.examples(i, 1));
        }
      }
    }

    @Override
    public void addTo(Tensor x, Tensor dy, double[] weights, DoubleSum sum, int at) {
      for (int from = 0; from < weights.length; from += rows.length(0)) {
        Tensor some = compute(x, dy, from);
        sum.addRows(some, Arrays.copyOfRange(weights, from, from + some.length(0)), at);
      }
    }

    @Override
    public double rounding() {
      return 0;
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        gradients.close();
        rows.fill(0);
        arena.close();
      }
    }
  }

  /// Norms from Gram matrices, and sums of scaled output gradients in float32, in blocks of few
  /// examples: see [GradientBlocks]. The terms of a sum are larger than their sum where positions
  /// cancel each other; an example for which that is more than [#MAGNITUDE] times the clip norm is
  /// scaled down further, so that what it can change in the rounding of others is bounded.
  final class Ghost implements LayerGradients {
    /// The most that the magnitudes of an example's terms may be, over the clip norm.
    static final double MAGNITUDE = 32;

    private final ConvShape shape;
    private final int views;
    private final GhostNorms norms;
    private final int block;
    private final double rounding;
    private final Arena arena = Arena.ofShared(); // written by worker threads of the kernels
    private final Tensor scaled;
    private final Tensor part;
    private final Map<Integer, Convolution> layers = new TreeMap<>();
    private boolean closed;

    /// Plans it.
    ///
    /// @param shape the layer's, on all places
    /// @param views of an example
    /// @param most what rounding may add where that leaves blocks of several examples
    Ghost(ConvShape shape, int views, double most) {
      this.shape = shape;
      this.views = views;
      norms = new GhostNorms(shape, views);
      long positions = (long) views * shape.outHeight() * shape.outWidth();
      block = GradientBlocks.block(shape.batch() / views, positions, MAGNITUDE, most);
      rounding = GradientBlocks.inside(block, positions, MAGNITUDE);
      scaled = Tensor.allocate(arena, shape.withBatch(block * views).outputAxes());
      part = Tensor.allocate(arena, shape.weightAxes());
    }

    @Override
    public void measure(Tensor x, Tensor dy, double[] squares, double[] limits) {
      norms.compute(x, dy, squares, limits);
      for (int i = 0; i < limits.length; i++) {
        limits[i] /= MAGNITUDE;
      }
    }

    @Override
    public void addTo(Tensor x, Tensor dy, double[] weights, DoubleSum sum, int at) {
      for (int from = 0; from < weights.length; from += block) {
        int count = Math.min(block, weights.length - from);
        for (int i = 0; i < count; i++) {
          Tensor target = scaled.examples(i * views, views);
          if (weights[from + i] == 0) {
            target.fill(0);
            x.examples((from + i) * views, views).fill(0);
          } else {
            target.copyFrom(dy.examples((from + i) * views, views));
            Elementwise.scale((float) weights[from + i], target);
          }
        }
        layers
            .computeIfAbsent(
                count,
                _ ->
                    new Convolution(
                        shape.withBatch(count * views),
                        EnumSet.of(Convolution.Pass.BACKWARD_WEIGHTS)))
            .backwardWeights(
                x.examples(from * views, count * views), scaled.examples(0, count * views), part);
        sum.add(part, at);
      }
    }

    @Override
    public double rounding() {
      return rounding;
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        norms.close();
        layers.values().forEach(Convolution::close);
        scaled.fill(0);
        part.fill(0);
        arena.close();
      }
    }
  }
}
