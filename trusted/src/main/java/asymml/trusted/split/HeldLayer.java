package asymml.trusted.split;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.Released;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.trusted.boundary.WeightUpdates;
import asymml.trusted.decompose.SharedLowRankLayer;
import asymml.trusted.memory.SplitRegion.HeldPlaces;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A split layer's weights that its worker holds and updates, for networks of all batch sizes. The
/// worker is sent weights and momentum once, the directions D when they change, and in each step
/// the trusted part of the weight gradient as its factor G, `dY (x) X_T = G D`; it returns the
/// weights folded, `W D^T`. The weights themselves come back between steps, when they are asked
/// for.
final class HeldLayer {
  /// How weights are updated.
  record Sgd(float rate, float momentum, float weightDecay) {}

  private final String name;
  private final int[] axes; // [O, kH, kW, C]
  private final Release weightRelease;
  private final SplitLayer.Held parts;
  private final RemoteWorker worker;
  private final ReleaseDoor door;
  private final int holder;
  private final HeldPlaces firstPlaces;
  private boolean sent;
  private long renewals = -1; // of the directions that the worker has
  private int count; // of these
  private @Nullable Ticket fold;
  private @Nullable Ticket update;

  /// @param layer in one of the networks
  /// @param parts of it
  /// @param party its only worker
  /// @param holder an operation that is defined there
  /// @param firstPlaces in that network's region
  HeldLayer(
      SplitLayer layer,
      SplitLayer.Held parts,
      Workers.Party party,
      int holder,
      HeldPlaces firstPlaces) {
    this.name = layer.name();
    this.axes = layer.shape().weightAxes();
    this.weightRelease = layer.weights();
    this.parts = parts;
    this.worker = party.worker();
    this.door = party.door();
    this.holder = holder;
    this.firstPlaces = firstPlaces;
  }

  /// Begins a step: operations get the weights as they are now, and where the directions stay, the
  /// folded kernel is asked for.
  ///
  /// @param operations that compute with the weights
  /// @param places in the region of this step
  /// @param basisStays whether the step renews no directions
  void begin(List<Integer> operations, HeldPlaces places, boolean basisStays)
      throws ProtocolException {
    WeightUpdates updates = worker.updates();
    if (update != null) {
      // The next step writes to other places.
      worker.await(update);
      update = null;
    }
    if (sent) {
      door.implied(weightRelease);
      door.implied(parts.momentum());
    } else {
      hold(places);
      sent = true;
    }
    for (int operation : operations) {
      updates.load(operation, holder);
    }
    fold = basisStays && renewals >= 0 ? askFold(places) : null;
  }

  private void hold(HeldPlaces places) throws ProtocolException {
    try (Arena scratch = Arena.ofShared()) { // read by the door's threads
      Tensor momentum = parts.values().velocity();
      Released weights = door.exact(weightRelease, parts.values().weights(), places.weights());
      Released velocity =
          door.exact(
              parts.momentum(),
              momentum == null ? Tensor.allocate(scratch, axes) : momentum,
              places.velocity());
      worker.await(worker.updates().hold(holder, weights, velocity));
    }
  }

  private Ticket askFold(HeldPlaces places) throws ProtocolException {
    return worker.updates().fold(holder, count, factorPlace(places));
  }

  /// The place of the present number of directions.
  private Slot factorPlace(HeldPlaces places) {
    long rows = Tensor.sizeOf(axes) / axes[3];
    return new Slot(places.factor().offset(), rows * count);
  }

  /// Takes the folded kernel, with the directions of this step.
  ///
  /// @param layer gets it
  /// @param input releases the directions, if the worker needs them
  /// @return false if a value is not finite
  boolean takeFolded(SharedLowRankLayer layer, SplitInput input, HeldPlaces places)
      throws ProtocolException {
    if (renewals != layer.renewals()) {
      Released directions = input.directions(layer.directions(), places.directions());
      worker.updates().keepDirections(holder, directions);
      renewals = layer.renewals();
      count = layer.directions().length(0);
      fold = null;
    }
    Ticket asked = fold == null ? askFold(places) : fold;
    worker.await(asked);
    fold = null;
    Tensor kernel = layer.kernel();
    return Elementwise.copyFinite(worker.result(factorPlace(places), kernel.shape()), kernel);
  }

  /// Has the worker compute its part of the gradient.
  ///
  /// @return the last request to read x and dy
  Ticket keepGradient(int opId, Released x, Released dy) throws ProtocolException {
    return worker.updates().keepGradient(opId, holder, x, dy);
  }

  /// Sends the trusted part of the gradient, and has the worker update the weights.
  ///
  /// @param factor G `[O, kH, kW, m]`
  void update(Tensor factor, HeldPlaces places, Sgd sgd) throws ProtocolException {
    Released g = door.exact(parts.factor(), factor, factorPlace(places));
    update =
        worker.updates().update(holder, count, g, sgd.rate(), sgd.momentum(), sgd.weightDecay());
  }

  /// Fetches weights and momentum, if the worker has others. No step is under way.
  void fetch() throws ProtocolException {
    if (sent) {
      SplitLayer.Values values = parts.values();
      values.renew();
      fetch(false, firstPlaces.weights(), values.weights());
      fetch(true, firstPlaces.velocity(), Objects.requireNonNull(values.velocity()));
    }
  }

  private void fetch(boolean momentum, Slot place, Tensor target) throws ProtocolException {
    worker.await(worker.updates().fetch(holder, momentum, place));
    if (!Elementwise.copyFinite(worker.result(place, target.shape()), target)) {
      throw new ProtocolException(
          "%s returned %s of layer %s that are not finite: it is faulty or hostile, or training diverged; the last checkpoint is intact"
              .formatted(worker.name(), momentum ? "momenta" : "weights", name));
    }
  }
}
