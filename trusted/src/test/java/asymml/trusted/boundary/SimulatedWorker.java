package asymml.trusted.boundary;

import asymml.wire.Codec;
import asymml.wire.Deadline;
import asymml.wire.Encoding;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Slot;
import asymml.wire.Transport;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.PublicKey;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Optional;
import java.util.Random;
import java.util.Set;

/// A connection to a worker that answers what it is asked as it should, until it does not: it then
/// answers wrongly, in another order, twice, ahead or not at all, or sends other bytes. A wait for
/// an answer that does not come ends at once, as if its time were over.
final class SimulatedWorker implements Transport {
  private static final int LONGEST_PIECE = 3000;

  private final Random random;
  private final boolean streamed;
  private final int faultOneIn;
  private final ByteArrayOutputStream received = new ByteArrayOutputStream();
  private final Set<Long> done = new HashSet<>();
  private ByteBuffer outgoing = ByteBuffer.allocate(0);
  private Encoding encoding = Encoding.FLOAT32;
  private long tensorBytes;
  private boolean faulty;
  private boolean left;
  private boolean closed;
  private int requests;

  /// @param faultOneIn one answer in so many is wrong, and those after it as they come; 0 if none
  ///   is
  SimulatedWorker(Random random, boolean streamed, int faultOneIn) {
    this.random = random;
    this.streamed = streamed;
    this.faultOneIn = faultOneIn;
  }

  /// Whether it has done anything wrong yet.
  boolean faulty() {
    return faulty;
  }

  /// Whether it has said that a request is done, after the request.
  boolean said(Ticket ticket) {
    return done.contains(ticket.sequence());
  }

  /// How many requests have come.
  int requests() {
    return requests;
  }

  @Override
  public boolean sharesMemory() {
    return !streamed;
  }

  @Override
  public Optional<PublicKey> peerKey() {
    return Optional.empty();
  }

  @Override
  public void share(Region region) {
    if (streamed) {
      throw new UnsupportedOperationException("tensors come in the stream");
    }
  }

  @Override
  public Region shared(long sizeBytes) throws IOException {
    throw new IOException("a worker hands over no memory");
  }

  @Override
  public void write(ByteBuffer bytes, Deadline deadline) throws ProtocolException {
    requireOpen();
    while (bytes.hasRemaining()) {
      received.write(bytes.get());
    }
    ByteBuffer in = ByteBuffer.wrap(received.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
    while (true) {
      int skipped = (int) Math.min(tensorBytes, in.remaining());
      tensorBytes -= skipped;
      in.position(in.position() + skipped);
      int length = Codec.frameLength(in);
      if (length < 0 || length > in.remaining()) {
        break;
      }
      ByteBuffer frame = in.slice(in.position(), length).order(ByteOrder.LITTLE_ENDIAN);
      in.position(in.position() + length);
      receive(Codec.decode(frame));
    }
    received.reset();
    received.write(in.array(), in.position(), in.remaining());
  }

  private void receive(Message message) {
    switch (message) {
      case Message.Payload m -> tensorBytes = encoding.bytes(m.slot().floats());
      case Message.Hello m -> {
        requests++;
        reply(new Message.Welcome(m.sequence(), Message.PROTOCOL_VERSION, "b", "float32", 1));
      }
      case Message.MapRegion m -> {
        done(m);
        encoding = m.encoding();
      }
      case Message.DefineOp m -> done(m);
      case Message.LoadWeights m -> done(m);
      case Message.ExpandMask m -> done(m);
      case Message.Forward m -> result(m, m.y());
      case Message.BackwardData m -> result(m, m.dx());
      case Message.BackwardWeights m -> result(m, m.dw());
      case Message.HoldWeights m -> done(m);
      case Message.LoadHeld m -> done(m);
      case Message.KeepDirections m -> done(m);
      case Message.KeepGradient m -> done(m);
      case Message.UpdateWeights m -> done(m);
      case Message.FoldWeights m -> result(m, m.folded());
      case Message.FetchHeld m -> result(m, m.values());
      case Message.Bye _ -> left = true;
      case Message.Reply m -> throw new AssertionError("the trusted side sent a reply: " + m);
    }
  }

  private void result(Message.Request request, Slot slot) {
    if (streamed) {
      byte[] tensor = new byte[Math.toIntExact(encoding.bytes(slot.floats()))];
      random.nextBytes(tensor);
      boolean wrong = fault(4);
      Slot place = wrong && random.nextBoolean() ? new Slot(slot.offset(), 1L << 33) : slot;
      send(new Message.Payload(request.sequence() + (wrong ? random.nextInt(2) : 0), place));
      append(fault(4) ? Arrays.copyOf(tensor, random.nextInt(2 * tensor.length)) : tensor);
    }
    done(request);
  }

  private void done(Message.Request request) {
    requests++;
    done.add(request.sequence());
    reply(new Message.Done(request.sequence(), 5));
  }

  // One answer in faultOneIn is a fault, of which this is one place in so many.
  private boolean fault(int places) {
    boolean now = faultOneIn > 0 && random.nextInt(faultOneIn * places) == 0;
    faulty |= now;
    return now;
  }

  private void reply(Message.Reply right) {
    if (!fault(1)) {
      send(right);
      return;
    }
    long sequence = right.sequence();
    switch (random.nextInt(12)) {
      case 0 -> left = true;
      case 1 -> {} // silence
      case 2 -> send(new Message.Failed(sequence, "no"));
      case 3 -> send(new Message.Done(sequence + 1, 5));
      case 4 -> send(new Message.Done(random.nextLong() >>> 1, 5));
      case 5 -> {
        send(right);
        send(right);
      }
      case 6 -> {
        for (int i = 0; i < 1000; i++) {
          send(new Message.Done(sequence + i, Long.MAX_VALUE));
        }
      }
      case 7 -> send(new Message.Payload(sequence, new Slot(0, 1L << 33)));
      case 8 -> send(new Message.Welcome(sequence, 1, "b", "p", 1));
      case 9 -> {
        byte[] noise = new byte[random.nextInt(5000)];
        random.nextBytes(noise);
        append(noise);
      }
      case 10 -> append(Arrays.copyOf(bytes(right), random.nextInt(24)));
      default -> {
        byte[] bent = bytes(right);
        bent[random.nextInt(bent.length)] ^= (byte) (1 << random.nextInt(8));
        append(bent);
      }
    }
  }

  private static byte[] bytes(Message message) {
    ByteBuffer frame = ByteBuffer.allocate(Codec.MAX_FRAME_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    Codec.encode(message, frame);
    return Arrays.copyOf(frame.array(), frame.position());
  }

  private void send(Message message) {
    append(bytes(message));
  }

  private void append(byte[] bytes) {
    ByteBuffer next = ByteBuffer.allocate(outgoing.remaining() + bytes.length);
    outgoing = next.put(outgoing).put(bytes).flip();
  }

  @Override
  public int read(ByteBuffer into, Deadline deadline) throws ProtocolException {
    requireOpen();
    if (!outgoing.hasRemaining()) {
      if (left) {
        return -1;
      }
      throw new ProtocolException(ProtocolException.Reason.TIMED_OUT, "the peer does not answer");
    }
    int count =
        Math.min(
            Math.min(outgoing.remaining(), into.remaining()), 1 + random.nextInt(LONGEST_PIECE));
    into.put(outgoing.slice(outgoing.position(), count));
    outgoing.position(outgoing.position() + count);
    return count;
  }

  private void requireOpen() throws ProtocolException {
    if (closed) {
      throw new ProtocolException(ProtocolException.Reason.CLOSED, "this side has left");
    }
  }

  @Override
  public void close() {
    closed = true;
  }
}
