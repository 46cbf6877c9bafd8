package asymml.trusted.decompose;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.Elementwise;
import asymml.kernels.Gemm;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.EnumSet;
import org.jspecify.annotations.Nullable;

/// The trusted part over a [SharedDecomposer]: the basis is folded into the kernel once for all
/// examples, `(W.A) * B`, and the mean is one example more: the same map for every example, made
/// from a map of ones, `(W.m) * 1`, exact at the borders too since zero padding treats it like any
/// channel.
final class SharedLowRankLayer implements LowRankLayer {
  private static final EnumSet<Pass> PASSES = EnumSet.of(Pass.FORWARD, Pass.BACKWARD_WEIGHTS);

  private final SharedDecomposer owner;
  private final ConvShape shape;
  private final Arena arena = Arena.ofShared(); // read by worker threads of the kernels
  private final Convolution offsetLayer;
  private final Tensor foldedMemory; // [O kH kW cap]
  private final Tensor ones; // [1, H, W, 1]
  private final Tensor offsetWeights; // [O, kH, kW, 1]
  private final Tensor offsetMap; // [1, OH, OW, O]
  private @Nullable Folded folded;
  private boolean closed;

  /// The basis folded into the kernel, for one rank.
  private record Folded(Convolution layer, Tensor weights) {}

  SharedLowRankLayer(SharedDecomposer owner, ConvShape shape) {
    this.owner = owner;
    this.shape = shape;
    foldedMemory = Tensor.allocate(arena, shape.withInChannels(owner.largestRank()).weightAxes());
    ConvShape one = shape.withBatch(1).withInChannels(1);
    offsetLayer = new Convolution(one, PASSES);
    ones = Tensor.allocate(arena, one.inputAxes());
    ones.fill(1);
    offsetWeights = Tensor.allocate(arena, one.weightAxes());
    offsetMap = Tensor.allocate(arena, one.outputAxes());
  }

  @Override
  public void forward(Tensor weights, Tensor y) {
    Folded now = folded();
    Gemm.multiply(false, false, 1, byOutput(weights), owner.basis(), 0, byOutput(now.weights));
    now.layer.loadWeights(now.weights);
    now.layer.forward(coefficients(), y);

    Tensor m = owner.offset().reshape(shape.inChannels(), 1);
    Gemm.multiply(false, false, 1, byOutput(weights), m, 0, byOutput(offsetWeights));
    offsetLayer.loadWeights(offsetWeights);
    offsetLayer.forward(ones, offsetMap);
    Elementwise.addRow(flat(offsetMap).reshape((int) offsetMap.size()), flat(y));
  }

  @Override
  public void backwardWeights(Tensor dy, Tensor dw) {
    Folded now = folded();
    now.layer.backwardWeights(coefficients(), dy, now.weights);
    Gemm.multiply(false, true, 1, byOutput(now.weights), owner.basis(), 0, byOutput(dw));

    Elementwise.columnSums(flat(dy), offsetMap.reshape((int) offsetMap.size()));
    offsetLayer.backwardWeights(ones, offsetMap, offsetWeights);
    Tensor m = owner.offset().reshape(1, shape.inChannels());
    Gemm.multiply(false, false, 1, byOutput(offsetWeights), m, 1, byOutput(dw));
  }

  private Folded folded() {
    Folded now = folded;
    if (now == null || now.layer.shape().inChannels() != owner.rank()) {
      if (now != null) {
        now.layer.close();
      }
      ConvShape narrow = shape.withInChannels(owner.rank());
      int[] axes = narrow.weightAxes();
      long bytes = Tensor.sizeOf(axes) * Float.BYTES;
      Tensor weights = Tensor.of(foldedMemory.segment().asSlice(0, bytes), axes);
      now = new Folded(new Convolution(narrow, PASSES), weights);
      folded = now;
    }
    return now;
  }

  private Tensor coefficients() {
    return owner.coefficients().reshape(shape.withInChannels(owner.rank()).inputAxes());
  }

  /// `[O, kH, kW, c]` as the matrix `[O kH kW, c]`.
  private static Tensor byOutput(Tensor weights) {
    int last = weights.length(3);
    return weights.reshape((int) (weights.size() / last), last);
  }

  private static Tensor flat(Tensor map) {
    int n = map.length(0);
    return map.reshape(n, (int) (map.size() / n));
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      offsetLayer.close();
      if (folded != null) {
        folded.layer.close();
      }
      foldedMemory.fill(0);
      offsetWeights.fill(0);
      offsetMap.fill(0);
      arena.close();
    }
  }
}
