package asymml.trusted.decompose;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.Gemm;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.EnumSet;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The trusted part over a [SharedDecomposer]: the directions are folded into the kernel once for
/// all examples, `(W.D^T) * B`, and its gradient is unfolded, `(dY (x) B).D`.
public final class SharedLowRankLayer implements LowRankLayer {
  private static final EnumSet<Pass> PASSES = EnumSet.of(Pass.FORWARD, Pass.BACKWARD_WEIGHTS);

  private final SharedDecomposer owner;
  private final ConvShape shape;
  private final Arena arena = Arena.ofShared(); // read by worker threads of the kernels
  private final Tensor foldedMemory; // [O kH kW (cap + 1)]
  private @Nullable Folded folded;
  private long loadedBasis = -1; // which one the layer has in its kernel
  private boolean closed;

  /// The directions folded into the kernel, for one rank.
  ///
  /// @param layer for the whole batch
  /// @param weights its folded kernel
  /// @param parts for gradients of some examples, by their number
  private record Folded(Convolution layer, Tensor weights, Map<Integer, Convolution> parts) {
    void close() {
      layer.close();
      parts.values().forEach(Convolution::close);
    }
  }

  SharedLowRankLayer(SharedDecomposer owner, ConvShape shape) {
    this.owner = owner;
    this.shape = shape;
    foldedMemory =
        Tensor.allocate(arena, shape.withInChannels(owner.largestRank() + 1).weightAxes());
  }

  @Override
  public void forward(Tensor weights, boolean changed, Tensor y) {
    Folded now = folded();
    if (changed || loadedBasis != owner.renewals()) {
      Gemm.multiply(
          false, true, 1, byOutput(weights), owner.directions(), 0, byOutput(now.weights));
      now.layer.loadWeights(now.weights);
      loadedBasis = owner.renewals();
    }
    now.layer.forward(coefficients(now), y);
  }

  /// The folded kernel, to be written before [#forwardFolded], where the weights are elsewhere.
  ///
  /// @return `[O, kH, kW, m]`, valid until the basis changes
  public Tensor kernel() {
    return folded().weights;
  }

  /// Forward with the kernel that [#kernel] holds, `(W.D^T) * B`.
  ///
  /// @param y `[N, OH, OW, O]`, overwritten with `W * X_T`
  public void forwardFolded(Tensor y) {
    Folded now = folded();
    now.layer.loadWeights(now.weights);
    now.layer.forward(coefficients(now), y);
  }

  /// The weight gradient before it is unfolded, `dY (x) B`.
  ///
  /// @param dy `[N, OH, OW, O]`
  /// @return `[O, kH, kW, m]`, in the memory of [#kernel]
  public Tensor factor(Tensor dy) {
    Folded now = folded();
    now.layer.backwardWeights(coefficients(now), dy, now.weights);
    return now.weights;
  }

  /// The directions that kernels are folded with: the basis, and the part of the channel mean
  /// outside of it.
  ///
  /// @return D `[m, C]`, a view that the next refresh changes
  public Tensor directions() {
    return owner.directions();
  }

  /// How often the directions were written.
  ///
  /// @return rises with each change
  public long renewals() {
    return owner.renewals();
  }

  @Override
  public int largestRank() {
    return owner.largestRank();
  }

  @Override
  public void backwardWeights(Tensor dy, int from, int count, Tensor dw) {
    Folded now = folded();
    Tensor some = coefficients(now).examples(from, count);
    gradient(now, count).backwardWeights(some, dy.examples(from, count), now.weights);
    Gemm.multiply(false, false, 1, byOutput(now.weights), owner.directions(), 0, byOutput(dw));
  }

  /// For all examples, or for some.
  private Convolution gradient(Folded now, int count) {
    return count == shape.batch()
        ? now.layer
        : now.parts.computeIfAbsent(
            count,
            _ ->
                new Convolution(
                    now.layer.shape().withBatch(count), EnumSet.of(Pass.BACKWARD_WEIGHTS)));
  }

  private Folded folded() {
    Folded now = folded;
    int channels = owner.rank() + 1;
    if (now == null || now.layer.shape().inChannels() != channels) {
      if (now != null) {
        now.close();
      }
      ConvShape narrow = shape.withInChannels(channels);
      int[] axes = narrow.weightAxes();
      long bytes = Tensor.sizeOf(axes) * Float.BYTES;
      Tensor weights = Tensor.of(foldedMemory.segment().asSlice(0, bytes), axes);
      now = new Folded(new Convolution(narrow, PASSES), weights, new TreeMap<>());
      folded = now;
    }
    return now;
  }

  private Tensor coefficients(Folded now) {
    return owner.coefficients().reshape(now.layer.shape().inputAxes());
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
      if (folded != null) {
        folded.close();
      }
      foldedMemory.fill(0);
      arena.close();
    }
  }
}
