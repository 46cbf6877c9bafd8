package asymml.trusted.decompose;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.Gemm;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.EnumSet;
import org.jspecify.annotations.Nullable;

/// The trusted part over a [PerExampleDecomposer]: the kernel is folded anew for every example,
/// `(W.U_i) * V_i`, and its gradient unfolded, `(dY_i (x) V_i).U_i^T`.
final class PerExampleLowRankLayer implements LowRankLayer {
  private final PerExampleDecomposer owner;
  private final ConvShape shape; // of one example
  private final int batch;
  private final Arena arena = Arena.ofShared(); // read by worker threads of the kernels
  private final Tensor foldedMemory; // [O kH kW cap]
  private @Nullable Convolution layer;
  private boolean closed;

  PerExampleLowRankLayer(PerExampleDecomposer owner, ConvShape shape) {
    this.owner = owner;
    this.shape = shape.withBatch(1);
    this.batch = shape.batch();
    this.foldedMemory =
        Tensor.allocate(arena, shape.withInChannels(owner.largestRank()).weightAxes());
  }

  @Override
  public void forward(Tensor weights, boolean changed, Tensor y) {
    Convolution narrow = layer();
    Tensor small = weights(narrow.shape());
    for (int i = 0; i < batch; i++) {
      Gemm.multiply(false, true, 1, byOutput(weights), owner.left(i), 0, byOutput(small));
      narrow.loadWeights(small);
      narrow.forward(coefficients(narrow, i), y.examples(i, 1));
    }
  }

  @Override
  public int largestRank() {
    return owner.largestRank();
  }

  @Override
  public void backwardWeights(Tensor dy, int from, int count, Tensor dw) {
    Convolution narrow = layer();
    Tensor small = weights(narrow.shape());
    for (int i = from; i < from + count; i++) {
      narrow.backwardWeights(coefficients(narrow, i), dy.examples(i, 1), small);
      Gemm.multiply(
          false, false, 1, byOutput(small), owner.left(i), i == from ? 0 : 1, byOutput(dw));
    }
  }

  private Tensor coefficients(Convolution narrow, int example) {
    return owner.right(example).reshape(narrow.shape().inputAxes());
  }

  private Convolution layer() {
    if (owner.batch() != batch) {
      throw new IllegalStateException(
          "a layer of " + batch + " examples follows a fit of " + owner.batch());
    }
    Convolution now = layer;
    if (now == null || now.shape().inChannels() != owner.rank()) {
      if (now != null) {
        now.close();
      }
      now =
          new Convolution(
              shape.withInChannels(owner.rank()), EnumSet.of(Pass.FORWARD, Pass.BACKWARD_WEIGHTS));
      layer = now;
    }
    return now;
  }

  private Tensor weights(ConvShape narrow) {
    int[] axes = narrow.weightAxes();
    long bytes = Tensor.sizeOf(axes) * Float.BYTES;
    return Tensor.of(foldedMemory.segment().asSlice(0, bytes), axes);
  }

  /// `[O, kH, kW, c]` as the matrix `[O kH kW, c]`.
  private static Tensor byOutput(Tensor weights) {
    int last = weights.length(3);
    return weights.reshape((int) (weights.size() / last), last);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      if (layer != null) {
        layer.close();
      }
      foldedMemory.fill(0);
      arena.close();
    }
  }
}
