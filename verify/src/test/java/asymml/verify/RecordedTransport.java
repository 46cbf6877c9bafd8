package asymml.verify;

import asymml.wire.Deadline;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import asymml.wire.Transport;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.PublicKey;
import java.util.Optional;

/// Passes everything on and keeps the bytes of both directions; tensors can be made to go through
/// the stream where the two sides could share memory.
final class RecordedTransport implements Transport {
  private final Transport to;
  private final boolean streamed;
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final ByteArrayOutputStream read = new ByteArrayOutputStream();
  private long sharedBytes;

  RecordedTransport(Transport to, boolean streamed) {
    this.to = to;
    this.streamed = streamed;
  }

  byte[] written() {
    return written.toByteArray();
  }

  byte[] read() {
    return read.toByteArray();
  }

  /// The size of the region that was handed over, 0 if none was.
  long sharedBytes() {
    return sharedBytes;
  }

  @Override
  public boolean sharesMemory() {
    return !streamed && to.sharesMemory();
  }

  @Override
  public Optional<PublicKey> peerKey() {
    return to.peerKey();
  }

  @Override
  public void share(Region region) {
    sharedBytes = region.sizeBytes();
    to.share(region);
  }

  @Override
  public Region shared(long sizeBytes) throws IOException {
    return to.shared(sizeBytes);
  }

  @Override
  public void write(ByteBuffer bytes, Deadline deadline) throws ProtocolException {
    keep(bytes.duplicate(), written);
    to.write(bytes, deadline);
  }

  @Override
  public int read(ByteBuffer into, Deadline deadline) throws ProtocolException {
    ByteBuffer target = into.duplicate();
    int count = to.read(into, deadline);
    if (count > 0) {
      keep(target.limit(target.position() + count), read);
    }
    return count;
  }

  private static void keep(ByteBuffer bytes, ByteArrayOutputStream in) {
    byte[] copy = new byte[bytes.remaining()];
    bytes.get(copy);
    in.writeBytes(copy);
  }

  @Override
  public void close() {
    to.close();
  }
}
