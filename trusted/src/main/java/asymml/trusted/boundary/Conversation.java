package asymml.trusted.boundary;

import asymml.wire.Deadline;
import asymml.wire.Encoding;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Slot;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/// Requests to a worker and its answers, in order. Whatever goes wrong ends it: the link is closed,
/// one line says what happened during which request, and every later call throws that again.
final class Conversation implements AutoCloseable {
  /// Requests in flight at most; the next one first waits for the oldest. Far below what fills a
  /// socket's buffer, so that two sides that both send never wait for each other.
  static final int MAX_IN_FLIGHT = 64;

  private static final String THE_WORKER = "the worker";
  private static final Duration DEFAULT_LIMIT = Duration.ofSeconds(60);
  private static final Duration GOODBYE_LIMIT = Duration.ofSeconds(1);

  /// Where a result goes.
  private record Result(Slot slot, MemorySegment memory) {}

  /// A request that is not answered yet.
  private record Pending(Message.Request request, @Nullable Result result) {}

  private final Link link;
  private final @Nullable WorkerProcess process;
  private final SecureRandom random;
  private final Deque<Pending> pending = new ArrayDeque<>(MAX_IN_FLIGHT);
  private Duration limit = DEFAULT_LIMIT;
  private String name = THE_WORKER;
  private @Nullable ProtocolException failure;
  private boolean closed;
  private long nextSequence;
  private long lastSequence;
  private long resultBytes;
  private long workerCpuNanos;

  /// @param link the connection, closed with this
  /// @param process the worker, if it was started here
  /// @param random draws the numbers of requests
  Conversation(Link link, @Nullable WorkerProcess process, SecureRandom random) {
    this.link = link;
    this.process = process;
    this.random = random;
  }

  /// Exchanges greetings and checks that both sides speak the same protocol.
  Message.Welcome greet(Duration timeout) throws ProtocolException {
    Deadline deadline = Deadline.in(timeout);
    Message.Hello hello = new Message.Hello(nextSequence, Message.PROTOCOL_VERSION);
    drawNextSequence();
    Message reply;
    try {
      link.send(hello, deadline);
      reply = link.receive(deadline);
    } catch (ProtocolException e) {
      throw fail(e, hello, timeout);
    }
    return switch (reply) {
      case Message.Welcome w when w.sequence() != hello.sequence() ->
          throw fail("the worker answered out of turn during the greeting");
      case Message.Welcome w when w.protocolVersion() != Message.PROTOCOL_VERSION ->
          throw fail(
              "the worker speaks protocol "
                  + w.protocolVersion()
                  + ", this side "
                  + Message.PROTOCOL_VERSION
                  + ": run the same version on both sides");
      case Message.Welcome w -> w;
      case Message.Failed f -> throw fail("the worker refused the connection: " + f.reason());
      case Message _ -> throw fail("the worker answered out of turn during the greeting");
    };
  }

  void limit(Duration perAnswer) {
    limit = Deadline.requireLimit(perAnswer);
  }

  boolean streamed() {
    return link.streamed();
  }

  boolean idle() {
    return pending.isEmpty();
  }

  // A worker that answers before it has been asked would have to guess it.
  private void drawNextSequence() {
    lastSequence = nextSequence;
    nextSequence += 1 + random.nextInt(Message.MAX_SEQUENCE_STEP);
  }

  /// The number that the next request must carry.
  long nextSequence() {
    return nextSequence;
  }

  /// Hands shared memory to the worker, with the next request.
  void share(Region region) {
    link.share(region);
  }

  /// Says how tensors of the region that was just mapped cross a stream.
  void encode(Encoding encoding) {
    link.encode(encoding);
  }

  /// The bytes of a tensor on its way.
  long crossing(Slot slot) {
    return link.encoding().bytes(slot.floats());
  }

  long resultBytes() {
    return resultBytes;
  }

  long workerCpuNanos() {
    return workerCpuNanos;
  }

  /// Sends a request that has no result in the region.
  Ticket send(Message.Request request) throws ProtocolException {
    return send(new Pending(request, null));
  }

  /// Sends a request whose result goes into a slot.
  Ticket send(Message.Request request, Slot result, Region region) throws ProtocolException {
    return send(new Pending(request, new Result(result, region.at(result))));
  }

  private Ticket send(Pending next) throws ProtocolException {
    requireOpen();
    if (pending.size() == MAX_IN_FLIGHT) {
      receiveAnswer();
    }
    Deadline deadline = Deadline.in(limit);
    try {
      link.queue(next.request(), deadline);
      if (!isFollowed(next.request())) {
        link.flush(deadline);
      }
    } catch (ProtocolException e) {
      throw fail(e, next.request(), limit);
    }
    drawNextSequence();
    pending.add(next);
    return new Ticket(next.request().sequence());
  }

  /// Whether more requests come at once: they go together.
  private static boolean isFollowed(Message.Request request) {
    return request instanceof Message.LoadWeights
        || request instanceof Message.BackwardData
        || request instanceof Message.HoldWeights
        || request instanceof Message.LoadHeld
        || request instanceof Message.KeepDirections
        || request instanceof Message.FoldWeights;
  }

  /// Sends requests that still wait for others to go with them.
  void flush() throws ProtocolException {
    requireOpen();
    Pending newest = pending.peekLast();
    if (newest != null) {
      flush(newest.request());
    }
  }

  private void flush(Message.Request during) throws ProtocolException {
    try {
      link.flush(Deadline.in(limit));
    } catch (ProtocolException e) {
      throw fail(e, during, limit);
    }
  }

  /// Sends a slot's content, where the sides share no memory.
  void sendTensor(Slot slot, MemorySegment bytes) throws ProtocolException {
    requireOpen();
    Message.Payload payload = new Message.Payload(nextSequence, slot);
    Deadline deadline = Deadline.in(limit);
    try {
      link.send(payload, deadline);
      link.sendTensor(bytes, deadline);
    } catch (ProtocolException e) {
      throw fail(e, payload, limit);
    }
  }

  /// Receives answers until a request's own came.
  void await(Ticket ticket) throws ProtocolException {
    requireOpen();
    if (ticket.sequence() > lastSequence) {
      throw new IllegalArgumentException("not a request of this connection: " + ticket);
    }
    for (Pending oldest = pending.peek();
        oldest != null && oldest.request().sequence() <= ticket.sequence();
        oldest = pending.peek()) {
      receiveAnswer();
    }
  }

  private void receiveAnswer() throws ProtocolException {
    Pending oldest = pending.element();
    Message.Request request = oldest.request();
    flush(request);
    Deadline deadline = Deadline.in(limit);
    Message reply;
    try {
      if (link.streamed() && oldest.result() != null) {
        reply = receiveResult(request, oldest.result(), deadline);
      } else {
        reply = link.receive(deadline);
      }
    } catch (ProtocolException e) {
      throw fail(e, request, limit);
    }
    switch (reply) {
      case Message.Done done when done.sequence() == request.sequence() -> finish(oldest, done);
      case Message.Failed f when f.sequence() == request.sequence() ->
          throw fail("the worker refused " + name(request) + ": " + f.reason());
      case Message _ -> throw fail("the worker answered out of turn, during " + name(request));
    }
  }

  // A result comes before its answer, and only where it was asked for.
  private Message receiveResult(Message.Request request, Result result, Deadline deadline)
      throws ProtocolException {
    Message first = link.receive(deadline);
    if (first instanceof Message.Failed) {
      return first;
    }
    if (!first.equals(new Message.Payload(request.sequence(), result.slot()))) {
      throw new ProtocolException("the worker answered out of turn");
    }
    link.receiveTensor(result.memory(), deadline);
    return link.receive(deadline);
  }

  private void finish(Pending answered, Message.Done done) {
    pending.remove();
    if (answered.result() != null) {
      resultBytes += crossing(answered.result().slot());
    }
    // A statistic, and the worker's own claim: it may not run backwards, no more can be checked.
    workerCpuNanos = Math.max(workerCpuNanos, done.cpuNanos());
  }

  void requireOpen() throws ProtocolException {
    if (closed) {
      throw new IllegalStateException("the connection to the worker is closed");
    }
    if (failure != null) {
      throw failure;
    }
  }

  /// What lines for the user call the worker; "the worker" before.
  void name(String text) {
    name = text;
  }

  String name() {
    return name;
  }

  private String named(String line) {
    return line.startsWith(THE_WORKER) ? name + line.substring(THE_WORKER.length()) : line;
  }

  /// Ends the conversation with a line for the user.
  ProtocolException fail(String line) {
    return fail(new ProtocolException(named(line)));
  }

  private ProtocolException fail(ProtocolException e) {
    failure = e;
    link.close();
    return e;
  }

  private ProtocolException fail(ProtocolException cause, Message during, Duration waited) {
    String line =
        switch (cause.reason()) {
          case CLOSED -> "the worker went away" + (process == null ? "" : process.describeEnd());
          case TIMED_OUT -> "the worker did not answer within " + waited.toMillis() / 1000.0 + " s";
          case VIOLATION -> String.valueOf(cause.getMessage());
        };
    return fail(
        new ProtocolException(cause.reason(), named(line) + ", during " + name(during), cause));
  }

  private static String name(Message message) {
    return switch (message) {
      case Message.Hello _ -> "the greeting";
      case Message.MapRegion _ -> "the mapping of the tensor region";
      case Message.DefineOp m -> "the definition of op " + m.opId();
      case Message.LoadWeights m -> "the loading of weights of op " + m.opId();
      case Message.Forward m -> "forward of op " + m.opId();
      case Message.BackwardData m -> "backward data of op " + m.opId();
      case Message.BackwardWeights m -> "backward weights of op " + m.opId();
      case Message.Payload _ -> "the sending of a tensor";
      case Message.ExpandMask _ -> "the making of masks";
      case Message.HoldWeights m -> "the holding of weights of op " + m.opId();
      case Message.LoadHeld m -> "the loading of held weights of op " + m.opId();
      case Message.KeepDirections m -> "the keeping of directions of op " + m.holder();
      case Message.FoldWeights m -> "the folding of weights of op " + m.holder();
      case Message.KeepGradient m -> "backward weights of op " + m.opId();
      case Message.UpdateWeights m -> "the update of weights of op " + m.holder();
      case Message.FetchHeld m -> "the fetching of weights of op " + m.holder();
      case Message.Bye _ -> "the goodbye";
      case Message.Reply _ -> throw new IllegalStateException("this side sends no replies");
    };
  }

  /// Says goodbye and closes the link. Idempotent.
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (failure == null) {
      try {
        link.send(new Message.Bye(nextSequence), Deadline.in(GOODBYE_LIMIT));
      } catch (ProtocolException e) {
        // It has exited already, as intended.
      }
    }
    link.close();
  }
}
