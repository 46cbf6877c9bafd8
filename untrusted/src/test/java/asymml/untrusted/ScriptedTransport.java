package asymml.untrusted;

import asymml.wire.Deadline;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Transport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.PublicKey;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;

/// A connection whose peer has written all its bytes already, and then leaves. They arrive in
/// pieces of any length.
class ScriptedTransport implements Transport {
  private static final int LONGEST_PIECE = 3000;

  private final ByteBuffer input;
  private final long sharedBytes;
  private final Random random;
  private final Consumer<ByteBuffer> output;
  private volatile boolean closed;

  /// @param sharedBytes size of the memory that the peer hands over, 0 if the two share none
  /// @param output given what each call writes
  ScriptedTransport(byte[] input, long sharedBytes, Random random, Consumer<ByteBuffer> output) {
    this.input = ByteBuffer.wrap(input);
    this.sharedBytes = sharedBytes;
    this.random = random;
    this.output = output;
  }

  @Override
  public boolean sharesMemory() {
    return sharedBytes > 0;
  }

  @Override
  public void share(Region region) {
    throw new UnsupportedOperationException("a worker hands over no memory");
  }

  @Override
  public Region shared(long sizeBytes) throws IOException {
    if (sizeBytes != sharedBytes) {
      throw new IOException("memory of another size");
    }
    return Region.create(sizeBytes);
  }

  @Override
  public Optional<PublicKey> peerKey() {
    return Optional.empty();
  }

  @Override
  public void write(ByteBuffer bytes, Deadline deadline) throws ProtocolException {
    requireOpen();
    output.accept(bytes.slice());
    bytes.position(bytes.limit());
  }

  @Override
  public int read(ByteBuffer into, Deadline deadline) throws ProtocolException {
    requireOpen();
    if (!input.hasRemaining()) {
      return -1;
    }
    int count =
        Math.min(Math.min(input.remaining(), into.remaining()), 1 + random.nextInt(LONGEST_PIECE));
    into.put(input.slice(input.position(), count));
    input.position(input.position() + count);
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
