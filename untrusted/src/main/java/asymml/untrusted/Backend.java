package asymml.untrusted;

import asymml.wire.OpDescriptor;
import asymml.wire.RecordedEvent;
import java.lang.foreign.MemorySegment;
import java.util.OptionalDouble;

/// What computes: the CPU, or a GPU. [Session] has checked every number and size before a call, and
/// one thread makes all calls.
///
/// Tensors are dense float32 in host memory in the axis order of [OpDescriptor], 64-byte aligned;
/// outputs never overlap inputs. A call may return before its end: until its [Completion] has been
/// awaited its operands stay as they are, its result is written by nobody else, and no later call
/// reads its result. Calls take effect in order. They throw [DeviceException] if the device fails.
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

  /// Says that the tensors of the calls to come lie in this memory, until [#detach], but for
  /// weights and their gradients that are held here ([HeldWeights]). A device that copies can have
  /// its pages kept in place.
  default void attach(MemorySegment region) {}

  /// Ends [#attach]. All calls have been awaited.
  default void detach(MemorySegment region) {}

  /// Takes a copy of an operation's weights.
  Completion loadWeights(int opId, MemorySegment weights);

  /// Computes `Y = W * X` with the weights loaded last.
  Completion forward(int opId, MemorySegment x, MemorySegment y);

  /// Computes `dX = W^T * dY` with the weights loaded last.
  Completion backwardData(int opId, MemorySegment dy, MemorySegment dx);

  /// Computes `dW = dY (x) X`, summed over the batch.
  Completion backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw);

  /// Says what was received for weights that are held and updated here: for those that record.
  default void received(int opId, RecordedEvent.Held what, MemorySegment values) {}

  /// Seconds that the device computed in the call that was awaited last, without copies, if it
  /// copies.
  default OptionalDouble kernelSeconds() {
    return OptionalDouble.empty();
  }

  @Override
  void close();
}
