package asymml.trusted.execute;

import asymml.kernels.Tensor;
import asymml.trusted.boundary.RegionLayout;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.util.ArrayList;
import java.util.List;

/// Places in the region that all split layers of a network use in turn, which saves memory and
/// keeps what crosses the boundary in nearer caches.
///
/// There is one place for results: a layer takes its output, or the gradient of its input, before
/// anything else is asked for. There are two for output gradients: the worker reads a layer's until
/// its weight gradient is done, and that is computed while the next layer goes on.
final class TurnSlots {
  private final Slot result;
  private final List<Slot> gradients;
  private final List<List<Reader>> readers = List.of(new ArrayList<>(), new ArrayList<>());
  private int turn;

  /// A worker, and its last request that reads a place.
  record Reader(RemoteWorker worker, Ticket last) {}

  /// Reserves the places.
  ///
  /// @param layout of the region
  /// @param largestResult values of the largest output or input gradient
  /// @param largestGradient values of the largest output gradient
  TurnSlots(RegionLayout layout, int largestResult, int largestGradient) {
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
    List<Reader> reading = readers.get(turn);
    for (Reader reader : reading) {
      reader.worker().await(reader.last());
    }
    reading.clear();
    return first(gradients.get(turn), shape);
  }

  /// Says which request of a worker is its last to read the output gradient that was just released.
  void readUntil(RemoteWorker worker, Ticket last) {
    readers.get(turn).add(new Reader(worker, last));
  }

  private static Slot first(Slot slot, int... shape) {
    return new Slot(slot.offset(), Tensor.sizeOf(shape));
  }
}
