package asymml.verify;

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
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// A connection whose peer sends what was recorded of another, in pieces of any length, and then
/// leaves.
///
/// A recorded trainer sends all at once. A recorded worker answers when the request has come that
/// its recorded answer belongs to, under the number of that request, and now and then before; a
/// wait for what does not come ends at once, as if its time were over.
final class ReplayedPeer implements Transport {
  private static final int LONGEST_PIECE = 3000;

  private final Transcript sent;
  private final List<Long> recordedRequests;
  private final long sharedBytes;
  private final Encoding encoding;
  private final Random random;
  private final List<Long> requests = new ArrayList<>();
  private final ByteArrayOutputStream received = new ByteArrayOutputStream();
  private int next;
  private ByteBuffer piece = ByteBuffer.allocate(0);
  private long tensorBytes;
  private @Nullable Region region;
  private volatile boolean closed;

  private ReplayedPeer(
      Transcript sent,
      List<Long> recordedRequests,
      long sharedBytes,
      Encoding encoding,
      Random random) {
    this.sent = sent;
    this.recordedRequests = recordedRequests;
    this.sharedBytes = sharedBytes;
    this.encoding = encoding;
    this.random = random;
  }

  /// @param sharedBytes size of the memory that it hands over, 0 if tensors come in the stream
  static ReplayedPeer trainer(Transcript sent, long sharedBytes, Random random) {
    return new ReplayedPeer(sent, List.of(), sharedBytes, Encoding.FLOAT32, random);
  }

  /// @param recordedRequests the numbers of the requests that were answered in the recording
  /// @param sharedBytes positive if it shares memory, 0 if tensors come in the stream
  /// @param encoding how tensors cross
  static ReplayedPeer worker(
      Transcript sent,
      List<Long> recordedRequests,
      long sharedBytes,
      Encoding encoding,
      Random random) {
    return new ReplayedPeer(sent, recordedRequests, sharedBytes, encoding, random);
  }

  @Override
  public boolean sharesMemory() {
    return sharedBytes > 0;
  }

  @Override
  public Optional<PublicKey> peerKey() {
    return Optional.empty();
  }

  @Override
  public void share(Region shared) {
    region = shared;
  }

  @Override
  public Region shared(long sizeBytes) throws IOException {
    if (sizeBytes != sharedBytes) {
      throw new IOException("memory of another size");
    }
    return Region.create(sizeBytes);
  }

  @Override
  public void write(ByteBuffer bytes, Deadline deadline) throws ProtocolException {
    requireOpen();
    if (recordedRequests.isEmpty()) {
      bytes.position(bytes.limit());
      return;
    }
    while (bytes.hasRemaining()) {
      if (tensorBytes > 0) {
        int skipped = (int) Math.min(tensorBytes, bytes.remaining());
        bytes.position(bytes.position() + skipped);
        tensorBytes -= skipped;
        continue;
      }
      received.write(bytes.get());
      ByteBuffer in = ByteBuffer.wrap(received.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
      if (Codec.frameLength(in) == in.remaining()) {
        received.reset();
        switch (Codec.decode(in)) {
          case Message.Payload m -> tensorBytes = encoding.bytes(m.slot().floats());
          case Message.Request m -> requests.add(m.sequence());
          case Message.Reply m -> throw new AssertionError("the trusted side sent a reply: " + m);
        }
      }
    }
  }

  @Override
  public int read(ByteBuffer into, Deadline deadline) throws ProtocolException {
    requireOpen();
    scribble();
    while (!piece.hasRemaining()) {
      if (next == sent.parts().size()) {
        return -1;
      }
      Transcript.Part part = sent.parts().get(next);
      int of = recordedRequests.indexOf(part.sequence());
      if (of >= requests.size() && random.nextInt(4) > 0) {
        throw new ProtocolException(ProtocolException.Reason.TIMED_OUT, "the peer does not answer");
      }
      next++;
      piece =
          ByteBuffer.wrap(
              of < 0 || of >= requests.size()
                  ? part.bytes()
                  : Transcript.renumbered(part, requests.get(of)));
    }
    int count =
        Math.min(Math.min(piece.remaining(), into.remaining()), 1 + random.nextInt(LONGEST_PIECE));
    into.put(piece.slice(piece.position(), count));
    piece.position(piece.position() + count);
    return count;
  }

  /// Who shares memory with the trusted side can change it at any time.
  private void scribble() {
    Region shared = region;
    if (shared == null || random.nextInt(100) > 0) {
      return;
    }
    MemorySegment memory = shared.at(new Slot(0, shared.sizeBytes() / Float.BYTES));
    long at = random.nextLong(memory.byteSize());
    for (long i = at; i < Math.min(memory.byteSize(), at + 500); i++) {
      memory.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
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
