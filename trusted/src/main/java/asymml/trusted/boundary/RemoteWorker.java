package asymml.trusted.boundary;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.wire.Deadline;
import asymml.wire.Encoding;
import asymml.wire.Link;
import asymml.wire.MaskKey;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Slot;
import asymml.wire.TlsTransport;
import asymml.wire.Transport;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The connection to one untrusted worker. Requests are sent without waiting and answered in order;
/// [#await] waits for one. An operand's slot must not be written again before the requests that
/// read it were awaited.
///
/// After the first [ProtocolException] the connection is closed and every call throws it again.
/// Confined to one thread at a time.
public final class RemoteWorker implements AutoCloseable {
  private final Conversation conversation;
  private final Message.Welcome welcome;
  private final Optional<PublicKey> key;
  private final WeightUpdates updates;
  private final Map<Integer, ConvShape> ops = new HashMap<>();
  private @Nullable Region region;
  private Encoding encoding = Encoding.FLOAT32;
  private long bytesToWorker;

  private RemoteWorker(
      Conversation conversation, Message.Welcome welcome, Optional<PublicKey> key) {
    this.conversation = conversation;
    this.welcome = welcome;
    this.key = key;
    this.updates = new WeightUpdates(this, conversation);
  }

  /// Connects to a worker that somebody else has started.
  ///
  /// @param address where it listens
  /// @param trust which certificates to accept; needed with `tls:`, null otherwise
  /// @param timeout by when it must have answered
  /// @return the connection; the caller closes it
  /// @throws ProtocolException if there is no worker, or none that speaks this protocol
  public static RemoteWorker connect(
      WorkerAddress address, @Nullable TlsTrust trust, Duration timeout) throws ProtocolException {
    Transport transport =
        switch (address) {
          case WorkerAddress.Unix(var path) -> UnixTransport.connect(path);
          case WorkerAddress.Tls tls -> {
            if (trust == null) {
              throw new IllegalArgumentException(
                  "a tls: worker needs the certificate to accept: " + address);
            }
            yield TlsTransport.connect(tls, trust.context(), Deadline.in(timeout));
          }
        };
    return greet(transport, null, timeout);
  }

  /// Connects to a worker process of this side's own, whose end then explains a failure.
  ///
  /// @param process a process that listens; the caller still closes it, after the connection
  /// @param timeout by when it must have answered
  /// @return the connection; the caller closes it
  /// @throws ProtocolException if it does not speak this protocol
  public static RemoteWorker connect(WorkerProcess process, Duration timeout)
      throws ProtocolException {
    Transport transport = UnixTransport.connect(process.address().path());
    process.connected();
    return greet(transport, process, timeout);
  }

  /// Greets a worker over a connection that is there.
  static RemoteWorker greet(Transport transport, @Nullable WorkerProcess process, Duration timeout)
      throws ProtocolException {
    Conversation conversation = new Conversation(new Link(transport), process, new SecureRandom());
    // A greeting that fails closes the connection.
    return new RemoteWorker(conversation, conversation.greet(timeout), transport.peerKey());
  }

  /// The key that the worker has proved to hold.
  ///
  /// @return empty on this machine, where none is asked for
  public Optional<PublicKey> key() {
    return key;
  }

  /// Limits the wait for each answer from now on; it is 60 s before.
  ///
  /// @param limit positive, at most a year
  public void requestLimit(Duration limit) {
    conversation.limit(limit);
  }

  /// Says how tensors cross the stream once a region is mapped; float32 before.
  ///
  /// @param next the encoding
  /// @throws IllegalArgumentException if memory is shared, and nothing crosses
  public void encode(Encoding next) {
    if (!conversation.streamed() && next != Encoding.FLOAT32) {
      throw new IllegalArgumentException("shared memory is not encoded: " + next);
    }
    encoding = next;
  }

  /// Says what lines for the user call this worker, where there are several.
  ///
  /// @param text such as `worker 2 of 3`
  public void name(String text) {
    conversation.name(text);
  }

  /// What lines for the user call this worker.
  ///
  /// @return `the worker`, or the name it was given
  public String name() {
    return conversation.name();
  }

  /// What computes, in the worker's own words.
  ///
  /// @return one line of printable ASCII
  public String backend() {
    return welcome.backend();
  }

  /// The arithmetic, in the worker's own words.
  ///
  /// @return for example `float32`
  public String precision() {
    return welcome.precision();
  }

  /// How tensors travel to it and back.
  ///
  /// @return the encoding
  public Encoding encoding() {
    return encoding;
  }

  /// Whether it computes at all, or is there for benchmarks.
  ///
  /// @return false if its results mean nothing
  public boolean computes() {
    return !welcome.precision().equals(Message.Welcome.COMPUTES_NOTHING);
  }

  /// Gives both sides a tensor region, in place of the one before. What stood in that is lost, and
  /// reading a tensor that views it throws; operations keep their weights.
  ///
  /// @param sizeBytes its size in bytes
  /// @throws ProtocolException if there is no room for it, or the worker failed
  /// @throws IllegalStateException if a request is in flight
  public void mapRegion(long sizeBytes) throws ProtocolException {
    conversation.requireOpen();
    if (!conversation.idle()) {
      throw new IllegalStateException("await all requests before the region changes");
    }
    Region next = newRegion(sizeBytes);
    if (region != null) {
      region.close();
    }
    region = next;
    if (!conversation.streamed()) {
      conversation.share(next);
    }
    conversation.await(
        conversation.send(new Message.MapRegion(conversation.nextSequence(), sizeBytes, encoding)));
    conversation.encode(encoding);
  }

  private Region newRegion(long sizeBytes) throws ProtocolException {
    try {
      return conversation.streamed() ? Region.allocate(sizeBytes) : Region.create(sizeBytes);
    } catch (IOException e) {
      throw conversation.fail(String.valueOf(e.getMessage()));
    }
  }

  /// Has the worker prepare an operation, and waits until it has.
  ///
  /// @param opId a new number, 0 to [Message#MAX_OP_ID]
  /// @param shape what it computes
  /// @throws ProtocolException if the worker cannot, or failed
  public void define(int opId, ConvShape shape) throws ProtocolException {
    OpDescriptor op =
        new OpDescriptor(
            shape.batch(),
            shape.height(),
            shape.width(),
            shape.inChannels(),
            shape.outChannels(),
            shape.kernelHeight(),
            shape.kernelWidth(),
            shape.stride(),
            shape.padding());
    Message.DefineOp request = new Message.DefineOp(conversation.nextSequence(), opId, op);
    if (ops.putIfAbsent(opId, shape) != null) {
      throw new IllegalArgumentException("operation " + opId + " is defined already");
    }
    conversation.await(conversation.send(request));
  }

  /// Sends an operation's weights, together with the requests that follow.
  ///
  /// @param opId a defined operation
  /// @param weights W `[O, kH, kW, C]`
  /// @return what to await before the weights' slot is written again
  /// @throws ProtocolException if the worker failed
  public Ticket loadWeights(int opId, Released weights) throws ProtocolException {
    check("W", weights.slot(), op(opId).weightAxes());
    return conversation.send(
        new Message.LoadWeights(conversation.nextSequence(), opId, weights.slot()));
  }

  /// Sends what [#loadWeights] and [#backwardData] have asked for, without waiting for the next
  /// request or [#await].
  ///
  /// @throws ProtocolException if the worker failed
  public void flush() throws ProtocolException {
    conversation.flush();
  }

  /// Asks for `Y = W * X`.
  ///
  /// @param opId a defined operation with weights
  /// @param x X `[N, H, W, C]`
  /// @param y where Y `[N, OH, OW, O]` goes
  /// @return what to await before Y is read
  /// @throws ProtocolException if the worker failed
  public Ticket forward(int opId, Released x, Slot y) throws ProtocolException {
    check("X", x.slot(), op(opId).inputAxes());
    check("Y", y, op(opId).outputAxes());
    return conversation.send(
        new Message.Forward(conversation.nextSequence(), opId, x.slot(), y), y, region());
  }

  /// Asks for the gradient of the input, `dX = W^T * dY`, together with the request that follows.
  ///
  /// @param opId a defined operation with weights
  /// @param dy dY `[N, OH, OW, O]`
  /// @param dx where dX `[N, H, W, C]` goes
  /// @return what to await before dX is read
  /// @throws ProtocolException if the worker failed
  public Ticket backwardData(int opId, Released dy, Slot dx) throws ProtocolException {
    check("dY", dy.slot(), op(opId).outputAxes());
    check("dX", dx, op(opId).inputAxes());
    return conversation.send(
        new Message.BackwardData(conversation.nextSequence(), opId, dy.slot(), dx), dx, region());
  }

  /// Asks for the gradient of the weights, `dW = dY (x) X`, summed over the batch.
  ///
  /// @param opId a defined operation
  /// @param x X `[N, H, W, C]`
  /// @param dy dY `[N, OH, OW, O]`
  /// @param dw where dW `[O, kH, kW, C]` goes
  /// @return what to await before dW is read
  /// @throws ProtocolException if the worker failed
  public Ticket backwardWeights(int opId, Released x, Released dy, Slot dw)
      throws ProtocolException {
    check("X", x.slot(), op(opId).inputAxes());
    check("dY", dy.slot(), op(opId).outputAxes());
    check("dW", dw, op(opId).weightAxes());
    return conversation.send(
        new Message.BackwardWeights(conversation.nextSequence(), opId, x.slot(), dy.slot(), dw),
        dw,
        region());
  }

  /// Has the worker fill a slot with masks: for the release door and checks alone.
  void expandMask(MaskKey key, int examples, double deviation, Slot slot) throws ProtocolException {
    if (!region().holds(slot)) {
      throw new IllegalArgumentException("no place in the region for masks: " + slot);
    }
    conversation.send(
        new Message.ExpandMask(conversation.nextSequence(), slot, examples, deviation, key));
  }

  /// Requests about weights that the worker holds and updates.
  ///
  /// @return of this connection
  public WeightUpdates updates() {
    return updates;
  }

  ConvShape op(int opId) {
    ConvShape shape = ops.get(opId);
    if (shape == null) {
      throw new IllegalArgumentException("operation " + opId + " is not defined");
    }
    return shape;
  }

  void check(String what, Slot slot, int... axes) {
    if (slot.floats() != Tensor.sizeOf(axes) || !region().holds(slot)) {
      throw new IllegalArgumentException(
          "no place in the region for " + what + " of " + Tensor.sizeOf(axes) + " values: " + slot);
    }
  }

  /// Waits until a request is done. Those sent before it are then done as well.
  ///
  /// @param ticket a request of this connection
  /// @throws ProtocolException if the worker refused it or one before it, left, did not answer in
  ///   time, or sent something else
  public void await(Ticket ticket) throws ProtocolException {
    conversation.await(ticket);
  }

  /// Views a slot of the region. The memory is hostile: the worker can change it at any time, also
  /// between two reads, so that the caller reads each value once and refuses what is not finite.
  ///
  /// @param slot a result that was awaited
  /// @param shape axis lengths whose product is the slot's number of values
  /// @return a view
  public Tensor result(Slot slot, int... shape) {
    return Tensor.of(region().at(slot), shape);
  }

  /// Tensor bytes released to the worker on this connection.
  ///
  /// @return the sum over all releases, encoded where they went through a stream
  public long bytesToWorker() {
    return bytesToWorker;
  }

  /// Tensor bytes received from the worker on this connection.
  ///
  /// @return the sum over all results, encoded where they came through a stream
  public long bytesFromWorker() {
    return conversation.resultBytes();
  }

  /// Processor time of the worker's whole process so far, as it said in its last answer.
  ///
  /// @return nanoseconds; 0 before the first answer
  public long workerCpuNanos() {
    return conversation.workerCpuNanos();
  }

  /// The memory of a slot, for the release door alone. The worker may watch it while it is written:
  /// only final values, clipped and with their noise, are ever stored there, and none is read back.
  MemorySegment writable(Slot slot) {
    return region().at(slot);
  }

  /// Makes a slot's new content the worker's: for the release door alone, once per release.
  void publish(Slot slot) throws ProtocolException {
    MemorySegment bytes = region().at(slot);
    if (conversation.streamed()) {
      conversation.sendTensor(slot, bytes);
    } else {
      conversation.requireOpen();
    }
    bytesToWorker += conversation.crossing(slot);
  }

  Region region() {
    if (region == null) {
      throw new IllegalStateException("no tensor region is mapped");
    }
    return region;
  }

  /// Says goodbye and ends the connection; the worker then exits. Idempotent.
  @Override
  public void close() {
    conversation.close();
    if (region != null) {
      region.close();
    }
  }
}
