package asymml.trusted.boundary;

import asymml.kernels.Tensor;
import asymml.wire.MaskKey;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;

/// The memory that one worker reads, as the release door writes it. Nothing else writes it, and
/// nothing else makes a [Released].
final class RegionWriter {
  private final RemoteWorker worker;

  RegionWriter(RemoteWorker worker) {
    this.worker = worker;
  }

  /// A place to write to. The worker may be watching.
  ///
  /// @return of the slot's size
  Tensor writable(Slot slot) {
    return Tensor.of(worker.writable(slot), Math.toIntExact(slot.floats()));
  }

  /// Lets the worker read what was written to a slot.
  ///
  /// @return the token for requests
  /// @throws ProtocolException if the worker went away
  Released publish(Slot slot) throws ProtocolException {
    worker.publish(slot);
    return new Released(slot);
  }

  /// The token for a slot whose parts were all published.
  Released published(Slot slot) {
    return new Released(slot);
  }

  /// Has the worker write masks itself.
  ///
  /// @param key of the masks
  /// @param examples of the slot
  /// @param deviation of the masks
  /// @return the token for requests
  /// @throws ProtocolException if the worker went away
  Released expandMask(MaskKey key, int examples, double deviation, Slot slot)
      throws ProtocolException {
    worker.expandMask(key, examples, deviation, slot);
    return new Released(slot);
  }
}
