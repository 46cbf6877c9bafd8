package asymml.untrusted;

import asymml.kernels.Elementwise;
import asymml.kernels.Gemm;
import asymml.kernels.Tensor;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Weights that this side holds and updates, with their momentum, in host memory: what a device
/// computes with is a copy ([Backend#loadWeights]). Folding and update run on the CPU, whatever the
/// device.
final class HeldWeights implements AutoCloseable {
  private final OpDescriptor shape;
  private final Arena arena = Arena.ofShared(); // used by worker threads of the kernels and devices
  private final int rows; // O kH kW
  private final Tensor weights;
  private final Tensor velocity;
  private final Tensor gradient; // dY (x) X
  private final Tensor sum; // of both parts of the gradient
  private final Tensor directionMemory; // [C + 1, C]
  private @Nullable Tensor directions; // [m, C]
  private @Nullable Completion kept; // of the gradient
  private boolean closed;

  /// @param shape of an operation with such weights
  HeldWeights(OpDescriptor shape) {
    this.shape = shape;
    this.rows = Math.toIntExact(shape.weightFloats() / shape.inChannels());
    try {
      this.weights = Tensor.allocate(arena, rows, shape.inChannels());
      this.velocity = Tensor.allocate(arena, rows, shape.inChannels());
      this.gradient = Tensor.allocate(arena, rows, shape.inChannels());
      this.sum = Tensor.allocate(arena, rows, shape.inChannels());
      this.directionMemory = Tensor.allocate(arena, shape.inChannels() + 1, shape.inChannels());
    } catch (OutOfMemoryError e) {
      arena.close(); // also what it has already
      throw e;
    }
  }

  /// The memory that it takes.
  static long bytes(OpDescriptor shape) {
    long channels = shape.inChannels();
    return Float.BYTES * (4 * shape.weightFloats() + (channels + 1) * channels);
  }

  boolean fits(OpDescriptor op) {
    return op.outChannels() == shape.outChannels()
        && op.inChannels() == shape.inChannels()
        && op.kernelHeight() == shape.kernelHeight()
        && op.kernelWidth() == shape.kernelWidth();
  }

  OpDescriptor shape() {
    return shape;
  }

  /// Takes copies, and forgets a gradient that was kept.
  void hold(MemorySegment newWeights, MemorySegment newVelocity) {
    Completion before = kept;
    if (before != null) {
      kept = null; // also if it failed
      before.await();
    }
    weights().copyFrom(newWeights);
    velocity().copyFrom(newVelocity);
  }

  MemorySegment weights() {
    return weights.segment();
  }

  MemorySegment velocity() {
    return velocity.segment();
  }

  /// Where the gradient goes until [#keep].
  MemorySegment gradient() {
    return gradient.segment();
  }

  void keep(Completion end) {
    kept = end;
  }

  boolean hasGradient() {
    return kept != null;
  }

  /// @param values as many rows of C values as it is to have
  void directions(MemorySegment values) {
    int count = Math.toIntExact(values.byteSize() / Float.BYTES / shape.inChannels());
    MemorySegment own = directionMemory.segment().asSlice(0, values.byteSize());
    own.copyFrom(values);
    directions = Tensor.of(own, count, shape.inChannels());
  }

  /// The number of values of the folded weights, and of the factor of a gradient.
  ///
  /// @return 0 as long as there are no directions
  long foldedFloats() {
    return directions == null ? 0 : (long) rows * directions.length(0);
  }

  void fold(MemorySegment folded) {
    Tensor basis = requireDirections();
    Gemm.multiply(false, true, 1, weights, basis, 0, Tensor.of(folded, rows, basis.length(0)));
  }

  /// One step. The sum is that of the trusted side, in its order: to the bit the same update.
  void update(MemorySegment factor, Message.UpdateWeights terms) {
    Tensor basis = requireDirections();
    Completion end = kept;
    if (end == null) {
      throw new IllegalStateException("there is no gradient");
    }
    kept = null; // also if it failed
    end.await();
    Gemm.multiply(false, false, 1, Tensor.of(factor, rows, basis.length(0)), basis, 0, sum);
    // What is not finite shows in what is computed with the weights.
    Elementwise.axpy(1, gradient, sum);
    Elementwise.sgd(weights, velocity, sum, terms.rate(), terms.momentum(), terms.weightDecay());
  }

  private Tensor requireDirections() {
    if (directions == null) {
      throw new IllegalStateException("there are no directions");
    }
    return directions;
  }

  /// Frees it. Nothing is under way.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      arena.close();
    }
  }
}
