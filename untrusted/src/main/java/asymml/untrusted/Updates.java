package asymml.untrusted;

import asymml.kernels.MemoryBudget;
import asymml.kernels.MemoryLimitException;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.ProtocolException;
import asymml.wire.RecordedEvent;
import asymml.wire.Region;
import asymml.wire.Slot;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Serves the requests about weights that this side holds and updates. Like [Session] it checks
/// numbers, places and sizes first.
final class Updates implements AutoCloseable {
  private final Backend backend;
  private final MemoryBudget budget;
  private final Replies replies;
  private final Map<Integer, HeldWeights> held = new HashMap<>();

  Updates(Backend backend, MemoryBudget budget, Replies replies) {
    this.backend = backend;
    this.budget = budget;
    this.replies = replies;
  }

  void hold(Message.HoldWeights m, OpDescriptor op, Region region)
      throws RefusedException, ProtocolException, InterruptedException {
    Places.check(region, "weights", m.weights(), op.weightFloats());
    Places.check(region, "momentum", m.velocity(), op.weightFloats());
    replies.awaitTurn(null, List.of(m.weights(), m.velocity()));
    HeldWeights own = held.get(m.opId());
    if (own == null) {
      own = allocate(op);
      held.put(m.opId(), own);
    }
    MemorySegment velocity = region.at(m.velocity());
    own.hold(region.at(m.weights()), velocity);
    backend.received(m.opId(), RecordedEvent.Held.MOMENTUM, velocity);
    done(m);
  }

  private HeldWeights allocate(OpDescriptor op) throws RefusedException {
    long bytes = HeldWeights.bytes(op);
    try {
      budget.take(bytes);
    } catch (MemoryLimitException e) {
      throw new RefusedException(
          e.getMessage() + ": raise it with " + MemoryOptions.FLAG + " at the worker", e);
    }
    boolean allocated = false;
    try {
      HeldWeights next = new HeldWeights(op);
      allocated = true;
      return next;
    } catch (OutOfMemoryError e) {
      throw new RefusedException("this machine has no " + bytes + " bytes of memory", e);
    } finally {
      budget.giveBack(allocated ? 0 : bytes);
    }
  }

  /// The copy is complete when this returns: the next update writes what it is taken from.
  void load(Message.LoadHeld m, OpDescriptor op)
      throws RefusedException, ProtocolException, InterruptedException {
    backend.loadWeights(m.opId(), fitting(m.holder(), op).weights()).await();
    done(m);
  }

  void directions(Message.KeepDirections m, Region region)
      throws RefusedException, ProtocolException, InterruptedException {
    HeldWeights own = find(m.holder());
    long channels = own.shape().inChannels();
    long floats = m.directions().floats();
    if (floats % channels != 0 || floats / channels > channels + 1) {
      throw new RefusedException(
          "directions of %s channels do not have %s values".formatted(channels, floats));
    }
    Places.check(region, "directions", m.directions(), floats);
    replies.awaitTurn(null, List.of(m.directions()));
    MemorySegment values = region.at(m.directions());
    own.directions(values);
    backend.received(m.holder(), RecordedEvent.Held.DIRECTIONS, values);
    done(m);
  }

  void fold(Message.FoldWeights m, Region region)
      throws RefusedException, ProtocolException, InterruptedException {
    HeldWeights own = withDirections(m.holder());
    Places.check(region, "folded weights", m.folded(), own.foldedFloats());
    replies.awaitTurn(m.folded(), List.of());
    MemorySegment folded = region.at(m.folded());
    own.fold(folded);
    replies.done(m.sequence(), Completion.DONE, new Replies.Result(m.folded(), folded), List.of());
  }

  void gradient(Message.KeepGradient m, OpDescriptor op, Region region)
      throws RefusedException, ProtocolException, InterruptedException {
    HeldWeights own = fitting(m.holder(), op);
    Places.check(region, "x", m.x(), op.inputFloats());
    Places.check(region, "dy", m.dy(), op.outputFloats());
    if (own.hasGradient()) {
      throw new RefusedException("the weights of op " + m.holder() + " have a gradient already");
    }
    List<Slot> operands = List.of(m.x(), m.dy());
    replies.awaitTurn(null, operands);
    Completion end =
        backend.backwardWeights(m.opId(), region.at(m.x()), region.at(m.dy()), own.gradient());
    own.keep(end);
    replies.done(m.sequence(), end, null, operands);
  }

  void update(Message.UpdateWeights m, Region region)
      throws RefusedException, ProtocolException, InterruptedException {
    HeldWeights own = withDirections(m.holder());
    if (!own.hasGradient()) {
      throw new RefusedException("the weights of op " + m.holder() + " have no gradient");
    }
    Places.check(region, "the gradient's factor", m.factor(), own.foldedFloats());
    replies.awaitTurn(null, List.of(m.factor()));
    MemorySegment factor = region.at(m.factor());
    own.update(factor, m);
    backend.received(m.holder(), RecordedEvent.Held.FACTOR, factor);
    done(m);
  }

  void fetch(Message.FetchHeld m, Region region)
      throws RefusedException, ProtocolException, InterruptedException {
    HeldWeights own = find(m.holder());
    Places.check(region, "the result", m.values(), own.shape().weightFloats());
    replies.awaitTurn(m.values(), List.of());
    MemorySegment values = region.at(m.values());
    values.copyFrom(m.momentum() ? own.velocity() : own.weights());
    replies.done(m.sequence(), Completion.DONE, new Replies.Result(m.values(), values), List.of());
  }

  private void done(Message.Request m) throws ProtocolException, InterruptedException {
    replies.done(m.sequence(), Completion.DONE, null, List.of());
  }

  private HeldWeights find(int holder) throws RefusedException {
    HeldWeights own = held.get(holder);
    if (own == null) {
      throw new RefusedException("no weights are held under op " + holder);
    }
    return own;
  }

  private HeldWeights withDirections(int holder) throws RefusedException {
    HeldWeights own = find(holder);
    if (own.foldedFloats() == 0) {
      throw new RefusedException("the weights of op " + holder + " have no directions");
    }
    return own;
  }

  private HeldWeights fitting(int holder, OpDescriptor op) throws RefusedException {
    HeldWeights own = find(holder);
    if (!own.fits(op)) {
      throw new RefusedException("the weights held under op " + holder + " are of another shape");
    }
    return own;
  }

  /// Frees all of them. Nothing is under way.
  @Override
  public void close() {
    for (HeldWeights own : held.values()) {
      own.close();
      budget.giveBack(HeldWeights.bytes(own.shape()));
    }
    held.clear();
  }
}
