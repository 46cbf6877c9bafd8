package asymml.untrusted;

import asymml.wire.OpDescriptor;
import java.lang.foreign.MemorySegment;

/// What computes: the CPU, or a GPU. [Session] has checked every number and size before a call, and
/// one thread makes all calls.
///
/// Tensors are dense float32 in host memory in the axis order of [OpDescriptor], 64-byte aligned;
/// outputs never overlap inputs and are complete when a call returns.
interface Backend extends AutoCloseable {
  /// What computes, for the ready line and the trusted side: `cpu (oneDNN 3.11.0)`.
  String name();

  /// The arithmetic, for example `float32`.
  String precision();

  /// Prepares an operation.
  ///
  /// @param opId a number not defined before
  /// @throws RefusedException if this backend cannot compute it
  void define(int opId, OpDescriptor op) throws RefusedException;

  /// Takes a copy of an operation's weights.
  void loadWeights(int opId, MemorySegment weights);

  /// Computes `Y = W * X` with the weights loaded last.
  void forward(int opId, MemorySegment x, MemorySegment y);

  /// Computes `dX = W^T * dY` with the weights loaded last.
  void backwardData(int opId, MemorySegment dy, MemorySegment dx);

  /// Computes `dW = dY (x) X`, summed over the batch.
  void backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw);

  @Override
  void close();
}
