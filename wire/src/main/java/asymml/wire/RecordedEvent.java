package asymml.wire;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// One thing that a worker was asked to do, with all that it received for it and computed from it.
/// Tensors are dense float32 in the axis order of [OpDescriptor].
public sealed interface RecordedEvent {
  /// When it was done.
  ///
  /// @return nanoseconds since recording began, at least 0
  long nanos();

  /// The operation.
  ///
  /// @return its number, 0 to [Message#MAX_OP_ID]
  int opId();

  /// The tensors in the order of the record's components.
  ///
  /// @return none for a definition
  List<MemorySegment> tensors();

  /// An operation was prepared.
  ///
  /// @param nanos when
  /// @param opId its number, not defined before
  /// @param op its shape
  record DefineOp(long nanos, int opId, OpDescriptor op) implements RecordedEvent {
    @Override
    public List<MemorySegment> tensors() {
      return List.of();
    }
  }

  /// Weights came.
  ///
  /// @param nanos when
  /// @param opId the operation
  /// @param weights W `[O, kH, kW, C]`
  record LoadWeights(long nanos, int opId, MemorySegment weights) implements RecordedEvent {
    @Override
    public List<MemorySegment> tensors() {
      return List.of(weights);
    }
  }

  /// `Y = W * X` was computed.
  ///
  /// @param nanos when
  /// @param opId the operation
  /// @param x X `[N, H, W, C]`, as it was received: a noised residual where the plan splits
  /// @param y Y `[N, OH, OW, O]`
  record Forward(long nanos, int opId, MemorySegment x, MemorySegment y) implements RecordedEvent {
    @Override
    public List<MemorySegment> tensors() {
      return List.of(x, y);
    }
  }

  /// The gradient of the input was computed.
  ///
  /// @param nanos when
  /// @param opId the operation
  /// @param dy dY `[N, OH, OW, O]`, as it was received
  /// @param dx dX `[N, H, W, C]`
  record BackwardData(long nanos, int opId, MemorySegment dy, MemorySegment dx)
      implements RecordedEvent {
    @Override
    public List<MemorySegment> tensors() {
      return List.of(dy, dx);
    }
  }

  /// The gradient of the weights was computed.
  ///
  /// @param nanos when
  /// @param opId the operation
  /// @param x X `[N, H, W, C]`, as it was received
  /// @param dy dY `[N, OH, OW, O]`, as it was received
  /// @param dw dW `[O, kH, kW, C]`
  record BackwardWeights(long nanos, int opId, MemorySegment x, MemorySegment dy, MemorySegment dw)
      implements RecordedEvent {
    @Override
    public List<MemorySegment> tensors() {
      return List.of(x, dy, dw);
    }
  }

  /// What comes for weights that a worker holds and updates, beside the weights.
  enum Held {
    /// Their momentum, `[O, kH, kW, C]`.
    MOMENTUM,
    /// The directions D that they are folded with, `[m, C]`.
    DIRECTIONS,
    /// The factor G of the trusted side's part of their gradient, `[O, kH, kW, m]`.
    FACTOR
  }

  /// Something came for weights that are held.
  ///
  /// @param nanos when
  /// @param opId the operation that they are held under
  /// @param what it is
  /// @param values its values
  record Received(long nanos, int opId, Held what, MemorySegment values) implements RecordedEvent {
    @Override
    public List<MemorySegment> tensors() {
      return List.of(values);
    }
  }
}
