package asymml.wire;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// Messages over a [Transport]. At most one thread sends and one receives.
public final class Link implements AutoCloseable {
  // A message that has begun must end: a peer cannot hold a receiver without a limit by half a one.
  private static final Duration MESSAGE_LIMIT = Duration.ofSeconds(30);

  private static final int BUFFER_BYTES = 1 << 16;
  private static final int CHUNK_BYTES = 1 << 20;

  private final Transport transport;
  private final ByteBuffer out = buffer(BUFFER_BYTES); // what is queued
  // Between calls: what was read and not yet used, from position to limit.
  private final ByteBuffer in = buffer(BUFFER_BYTES).limit(0);
  private volatile Encoding encoding = Encoding.FLOAT32;
  // Encoded chunks on their way, made when first needed: one of the sender, one of the receiver.
  private @Nullable ByteBuffer packedOut;
  private @Nullable ByteBuffer packedIn;

  /// Creates a link.
  ///
  /// @param transport the connection, closed with the link
  public Link(Transport transport) {
    this.transport = transport;
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// Whether tensors go through the stream, because the two sides share no memory.
  ///
  /// @return true if they do
  public boolean streamed() {
    return !transport.sharesMemory();
  }

  /// Says how tensors cross the stream from now on, float32 before. Both sides say so while no
  /// tensor is under way.
  ///
  /// @param next the encoding
  public void encode(Encoding next) {
    encoding = next;
  }

  /// How tensors cross the stream.
  ///
  /// @return the encoding
  public Encoding encoding() {
    return encoding;
  }

  /// Hands memory to the peer with the next write; see [Transport#share].
  ///
  /// @param region memory that [Region#create] made
  public void share(Region region) {
    transport.share(region);
  }

  /// Maps the memory that the peer has handed over with the messages so far.
  ///
  /// @param sizeBytes the size that it must have
  /// @return a region; the caller closes it
  /// @throws IOException as [Transport#shared]
  public Region shared(long sizeBytes) throws IOException {
    return transport.shared(sizeBytes);
  }

  /// Sends a message, and those queued before it, with one write.
  ///
  /// @param message what to send
  /// @param deadline by when
  /// @throws ProtocolException if the peer is gone or does not take it in time
  public void send(Message message, Deadline deadline) throws ProtocolException {
    queue(message, deadline);
    flush(deadline);
  }

  /// Keeps a message for the next write: a call of the system costs more than what a message asks
  /// for.
  ///
  /// @param message what to send with the next [#flush] or [#send]
  /// @param deadline by when earlier ones must have gone, should there be too many
  /// @throws ProtocolException if the peer is gone or does not take those in time
  public void queue(Message message, Deadline deadline) throws ProtocolException {
    if (out.remaining() < Codec.MAX_FRAME_BYTES) {
      flush(deadline);
    }
    Codec.encode(message, out);
  }

  /// Sends what is queued.
  ///
  /// @param deadline by when
  /// @throws ProtocolException if the peer is gone or does not take it in time
  public void flush(Deadline deadline) throws ProtocolException {
    if (out.position() > 0) {
      try {
        transport.write(out.flip(), deadline);
      } finally {
        out.clear();
      }
    }
  }

  /// Sends a tensor, encoded, after its [Message.Payload].
  ///
  /// @param values float32
  /// @param deadline by when
  /// @throws ProtocolException if the peer is gone or does not take them in time
  public void sendTensor(MemorySegment values, Deadline deadline) throws ProtocolException {
    Encoding now = encoding;
    for (long at = 0; at < values.byteSize(); at += CHUNK_BYTES) {
      MemorySegment part = values.asSlice(at, Math.min(CHUNK_BYTES, values.byteSize() - at));
      ByteBuffer bytes = now == Encoding.FLOAT32 ? part.asByteBuffer() : packed(now, part);
      transport.write(bytes, deadline);
    }
  }

  private ByteBuffer packed(Encoding now, MemorySegment part) {
    if (packedOut == null) {
      packedOut = buffer(CHUNK_BYTES);
    }
    packedOut.clear().limit(Math.toIntExact(now.bytes(part.byteSize() / Float.BYTES)));
    now.pack(part, MemorySegment.ofBuffer(packedOut));
    return packedOut;
  }

  /// Receives the next message.
  ///
  /// @param deadline by when it must be there
  /// @return the message
  /// @throws ProtocolException if the peer is gone, does not send one in time, or sends rubbish
  public Message receive(Deadline deadline) throws ProtocolException {
    Deadline end = deadline;
    while (true) {
      int length = Codec.frameLength(in);
      if (length >= 0 && in.remaining() >= length) {
        int limit = in.limit();
        in.limit(in.position() + length);
        Message message = Codec.decode(in);
        in.limit(limit);
        return message;
      }
      if (in.hasRemaining()) {
        end = end.orSooner(Deadline.in(MESSAGE_LIMIT));
      }
      in.compact();
      try {
        fill(in, end, in.position() > 0);
      } finally {
        in.flip();
      }
    }
  }

  /// Receives a tensor, encoded, after its [Message.Payload].
  ///
  /// @param values where its float32 values go
  /// @param deadline by when they must be there
  /// @throws ProtocolException if the peer is gone or does not send them in time
  public void receiveTensor(MemorySegment values, Deadline deadline) throws ProtocolException {
    Encoding now = encoding;
    if (now == Encoding.FLOAT32) {
      receiveBytes(values, deadline);
      return;
    }
    if (packedIn == null) {
      packedIn = buffer(CHUNK_BYTES);
    }
    MemorySegment packed = MemorySegment.ofBuffer(packedIn.clear());
    for (long at = 0; at < values.byteSize(); at += CHUNK_BYTES) {
      MemorySegment part = values.asSlice(at, Math.min(CHUNK_BYTES, values.byteSize() - at));
      MemorySegment bytes = packed.asSlice(0, now.bytes(part.byteSize() / Float.BYTES));
      receiveBytes(bytes, deadline);
      now.unpack(bytes, part);
    }
  }

  private void receiveBytes(MemorySegment target, Deadline deadline) throws ProtocolException {
    long at = Math.min(in.remaining(), target.byteSize());
    MemorySegment.copy(MemorySegment.ofBuffer(in), 0, target, 0, at);
    in.position(in.position() + (int) at);
    while (at < target.byteSize()) {
      long count = Math.min(CHUNK_BYTES, target.byteSize() - at);
      ByteBuffer chunk = target.asSlice(at, count).asByteBuffer();
      while (chunk.hasRemaining()) {
        fill(chunk, deadline, true);
      }
      at += count;
    }
  }

  private void fill(ByteBuffer target, Deadline deadline, boolean begun) throws ProtocolException {
    if (transport.read(target, deadline) < 0) {
      throw new ProtocolException(
          ProtocolException.Reason.CLOSED,
          begun ? "the peer left in the middle of a message" : "the peer left");
    }
  }

  @Override
  public void close() {
    transport.close();
  }
}
