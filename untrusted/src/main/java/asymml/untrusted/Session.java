package asymml.untrusted;

import asymml.kernels.GaussianMasks;
import asymml.kernels.Kernels;
import asymml.kernels.MemoryBudget;
import asymml.kernels.MemoryLimitException;
import asymml.wire.Deadline;
import asymml.wire.Encoding;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Slot;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Serves one trusted side: answers its requests strictly in order until it disconnects. Numbers,
/// places and sizes are checked before the backend sees them, memory before it is taken; a request
/// that does not pass is refused with a reason, and the session continues.
final class Session {
  private static final Duration HELLO_LIMIT = Duration.ofSeconds(30);
  private static final Duration GREETING_LIMIT = Duration.ofMinutes(10);

  // What this side keeps of a definition: its objects on the Java heap, at most.
  private static final long DEFINITION_BYTES = 1 << 10;

  private final Link link;
  private final Backend backend;
  private final MemoryBudget budget;
  private final RequestReader requests;
  private final Replies replies;
  private final Updates updates;
  private final Map<Integer, Op> ops = new HashMap<>();
  private final GaussianMasks masks = new GaussianMasks(Kernels.threads());
  private @Nullable Region region;
  private long regionBytes; // of the budget
  private long definitionBytes;

  private static final class Op {
    private final OpDescriptor shape;
    private boolean weightsLoaded;

    private Op(OpDescriptor shape) {
      this.shape = shape;
    }
  }

  /// @param link the connection; the caller closes it, and this does where tensors come in a stream
  /// @param backend what computes; the caller closes it
  /// @param budget what the trusted side can make this process take
  /// @param cpuNanos processor time of this process so far
  Session(Link link, Backend backend, MemoryBudget budget, LongSupplier cpuNanos) {
    this.link = link;
    this.backend = backend;
    this.budget = budget;
    this.requests = new RequestReader(link);
    this.replies = new Replies(link, cpuNanos);
    this.updates = new Updates(backend, budget, replies);
  }

  /// Serves until the peer says goodbye.
  ///
  /// @throws ProtocolException if it left without a word or broke the protocol
  void run() throws ProtocolException, InterruptedException {
    try {
      greet();
      Message.Request request = requests.next();
      while (!(request instanceof Message.Bye)) {
        answer(request);
        request = requests.next();
      }
      replies.drain();
    } finally {
      replies.close();
      requests.close();
      updates.close();
      closeRegion();
      masks.close();
      budget.giveBack(definitionBytes);
      definitionBytes = 0;
    }
  }

  private void greet() throws ProtocolException {
    Message.Request first = requests.first(Deadline.in(HELLO_LIMIT));
    if (!(first instanceof Message.Hello hello)) {
      throw new ProtocolException("the trainer did not say hello first");
    }
    if (hello.protocolVersion() != Message.PROTOCOL_VERSION) {
      String reason =
          "this worker speaks protocol "
              + Message.PROTOCOL_VERSION
              + ", the trainer "
              + hello.protocolVersion()
              + ": run the same version on both sides";
      send(Message.Failed.because(hello.sequence(), reason));
      throw new ProtocolException(reason);
    }
    send(
        new Message.Welcome(
            hello.sequence(),
            Message.PROTOCOL_VERSION,
            backend.name(),
            backend.precision(),
            ProcessHandle.current().pid()));
  }

  private void answer(Message.Request request) throws ProtocolException, InterruptedException {
    try {
      serve(request);
    } catch (RefusedException | DeviceException e) {
      replies.refused(request.sequence(), String.valueOf(e.getMessage()));
    }
  }

  private void send(Message message) throws ProtocolException {
    link.send(message, Deadline.in(GREETING_LIMIT));
  }

  /// Does what is asked, or has it begun, and hands it to the replies.
  private void serve(Message.Request request)
      throws RefusedException, ProtocolException, InterruptedException {
    switch (request) {
      case Message.Hello _ -> throw new RefusedException("hello was said already");
      case Message.Bye _ -> throw new IllegalStateException("a goodbye is not served");
      case Message.MapRegion m -> mapRegion(m);
      case Message.DefineOp m -> define(m);
      case Message.LoadWeights m -> loadWeights(m);
      case Message.Forward m -> forward(m);
      case Message.BackwardData m -> backwardData(m);
      case Message.BackwardWeights m -> backwardWeights(m);
      case Message.ExpandMask m -> expandMask(m);
      case Message.HoldWeights m -> updates.hold(m, op(m.opId()).shape, region());
      case Message.LoadHeld m -> {
        Op op = op(m.opId());
        updates.load(m, op.shape);
        op.weightsLoaded = true;
      }
      case Message.KeepDirections m -> updates.directions(m, region());
      case Message.FoldWeights m -> updates.fold(m, region());
      case Message.KeepGradient m -> updates.gradient(m, op(m.opId()).shape, region());
      case Message.UpdateWeights m -> updates.update(m, region());
      case Message.FetchHeld m -> updates.fetch(m, region());
    }
  }

  private void mapRegion(Message.MapRegion m)
      throws RefusedException, ProtocolException, InterruptedException {
    try {
      if (!link.streamed() && m.encoding() != Encoding.FLOAT32) {
        throw new RefusedException("shared memory is not encoded: " + m.encoding());
      }
      replies.drain();
      Region next = link.streamed() ? allocate(m.sizeBytes()) : open(m);
      closeRegion();
      region = next;
      regionBytes = link.streamed() ? m.sizeBytes() : 0;
      link.encode(m.encoding());
      backend.attach(next.memory());
    } finally {
      requests.deliverTo(region);
    }
    replies.done(m.sequence(), Completion.DONE, null, List.of());
  }

  private Region allocate(long sizeBytes) throws RefusedException {
    take(sizeBytes);
    boolean allocated = false;
    try {
      Region next = Region.allocate(sizeBytes);
      allocated = true;
      return next;
    } catch (OutOfMemoryError e) {
      throw new RefusedException("this machine has no " + sizeBytes + " bytes of memory", e);
    } finally {
      budget.giveBack(allocated ? 0 : sizeBytes);
    }
  }

  private Region open(Message.MapRegion m) throws RefusedException {
    try {
      return link.shared(m.sizeBytes());
    } catch (IOException e) {
      throw new RefusedException("cannot map the shared memory: " + e.getMessage(), e);
    }
  }

  private void take(long bytes) throws RefusedException {
    try {
      budget.take(bytes);
    } catch (MemoryLimitException e) {
      throw new RefusedException(
          e.getMessage() + ": raise it with " + MemoryOptions.FLAG + " at the worker", e);
    }
  }

  private void closeRegion() {
    if (region != null) {
      try {
        backend.detach(region.memory());
      } finally {
        region.close();
        region = null;
        budget.giveBack(regionBytes);
        regionBytes = 0;
      }
    }
  }

  private void define(Message.DefineOp m)
      throws RefusedException, ProtocolException, InterruptedException {
    if (ops.containsKey(m.opId())) {
      throw new RefusedException("op " + m.opId() + " is defined already");
    }
    take(DEFINITION_BYTES);
    definitionBytes += DEFINITION_BYTES;
    // A backend may plan its memory anew.
    replies.drain();
    backend.define(m.opId(), m.op());
    ops.put(m.opId(), new Op(m.op()));
    replies.done(m.sequence(), Completion.DONE, null, List.of());
  }

  private void loadWeights(Message.LoadWeights m)
      throws RefusedException, ProtocolException, InterruptedException {
    Op op = op(m.opId());
    Places.check(region(), "weights", m.weights(), op.shape.weightFloats());
    List<Slot> operands = List.of(m.weights());
    replies.awaitTurn(null, operands);
    Completion end = backend.loadWeights(m.opId(), region().at(m.weights()));
    op.weightsLoaded = true;
    replies.done(m.sequence(), end, null, operands);
  }

  private void forward(Message.Forward m)
      throws RefusedException, ProtocolException, InterruptedException {
    Op op = opWithWeights(m.opId());
    Places.check(region(), "x", m.x(), op.shape.inputFloats());
    Places.check(region(), "y", m.y(), op.shape.outputFloats());
    checkApart(m.y(), m.x());
    List<Slot> operands = List.of(m.x());
    replies.awaitTurn(m.y(), operands);
    MemorySegment y = region().at(m.y());
    Completion end = backend.forward(m.opId(), region().at(m.x()), y);
    replies.done(m.sequence(), end, new Replies.Result(m.y(), y), operands);
  }

  private void backwardData(Message.BackwardData m)
      throws RefusedException, ProtocolException, InterruptedException {
    Op op = opWithWeights(m.opId());
    Places.check(region(), "dy", m.dy(), op.shape.outputFloats());
    Places.check(region(), "dx", m.dx(), op.shape.inputFloats());
    checkApart(m.dx(), m.dy());
    List<Slot> operands = List.of(m.dy());
    replies.awaitTurn(m.dx(), operands);
    MemorySegment dx = region().at(m.dx());
    Completion end = backend.backwardData(m.opId(), region().at(m.dy()), dx);
    replies.done(m.sequence(), end, new Replies.Result(m.dx(), dx), operands);
  }

  private void backwardWeights(Message.BackwardWeights m)
      throws RefusedException, ProtocolException, InterruptedException {
    Op op = op(m.opId());
    Places.check(region(), "x", m.x(), op.shape.inputFloats());
    Places.check(region(), "dy", m.dy(), op.shape.outputFloats());
    Places.check(region(), "dw", m.dw(), op.shape.weightFloats());
    checkApart(m.dw(), m.x());
    checkApart(m.dw(), m.dy());
    List<Slot> operands = List.of(m.x(), m.dy());
    replies.awaitTurn(m.dw(), operands);
    Region r = region();
    MemorySegment dw = r.at(m.dw());
    Completion end = backend.backwardWeights(m.opId(), r.at(m.x()), r.at(m.dy()), dw);
    replies.done(m.sequence(), end, new Replies.Result(m.dw(), dw), operands);
  }

  private void expandMask(Message.ExpandMask m)
      throws RefusedException, ProtocolException, InterruptedException {
    if (m.masks().floats() / m.examples() > OpDescriptor.MAX_VALUES) {
      throw new RefusedException(
          "masks of one example have at most " + OpDescriptor.MAX_VALUES + " values");
    }
    Places.check(region(), "masks", m.masks(), m.masks().floats());
    replies.awaitTurn(m.masks(), List.of());
    masks.write(m.key().bytes(), m.deviation(), m.examples(), region().at(m.masks()));
    replies.done(m.sequence(), Completion.DONE, null, List.of());
  }

  private Op op(int opId) throws RefusedException {
    Op op = ops.get(opId);
    if (op == null) {
      throw new RefusedException("op " + opId + " is not defined");
    }
    return op;
  }

  private Op opWithWeights(int opId) throws RefusedException {
    Op op = op(opId);
    if (!op.weightsLoaded) {
      throw new RefusedException("op " + opId + " has no weights");
    }
    return op;
  }

  private Region region() throws RefusedException {
    if (region == null) {
      throw new RefusedException("no tensor region is mapped");
    }
    return region;
  }

  private static void checkApart(Slot result, Slot operand) throws RefusedException {
    if (result.overlaps(operand)) {
      throw new RefusedException("the result overlaps an operand");
    }
  }
}
