package asymml.trusted.execute;

import asymml.kernels.Tensor;
import asymml.trusted.boundary.RegionLayout;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Places in the region that all split layers of a network use in turn, which saves memory and
/// keeps what crosses the boundary in nearer caches.
///
/// There is one place for results: a layer takes its output, or the gradient of its input, before
/// anything else is asked for. There are two for output gradients: the worker reads a layer's until
/// its weight gradient is done, and that is computed while the next layer goes on.
final class TurnSlots {
  private final RemoteWorker worker;
  private final Slot result;
  private final List<Slot> gradients;
  private final @Nullable Ticket[] readers = new Ticket[2];
  private int turn;

  /// Reserves the places.
  ///
  /// @param layout of the region
  /// @param worker who reads and writes there
  /// @param largestResult values of the largest output or input gradient
  /// @param largestGradient values of the largest output gradient
  TurnSlots(RegionLayout layout, RemoteWorker worker, int largestResult, int largestGradient) {
    this.worker = worker;
    this.result = layout.reserve(largestResult);
    this.gradients = List.of(layout.reserve(largestGradient), layout.reserve(largestGradient));
  }

  /// The place for a result of a size.
  Slot result(int... shape) {
    return first(result, shape);
  }

  /// The next place for an output gradient, once nobody reads it any more.
  Slot gradient(int... shape) throws ProtocolException {
    turn = 1 - turn;
    Ticket reader = readers[turn];
    if (reader != null) {
      worker.await(reader);
      readers[turn] = null;
    }
    return first(gradients.get(turn), shape);
  }

  /// Says which request is the last to read the output gradient that was just released.
  void readUntil(Ticket last) {
    readers[turn] = last;
  }

  private static Slot first(Slot slot, int... shape) {
    return new Slot(slot.offset(), Tensor.sizeOf(shape));
  }
}
