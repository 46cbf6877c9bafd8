package asymml.attest.seal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;

/// The plaintext of a sealed file as a channel, read-only. Closing it closes the reader.
public final class SealedChannel implements SeekableByteChannel {
  /// What is decrypted at a time for one call.
  private static final int MOST = 1 << 16;

  private final SealedReader reader;
  private long position;
  private boolean open = true;

  /// At the start.
  ///
  /// @param reader of the file; the channel's own from now on
  public SealedChannel(SealedReader reader) {
    this.reader = reader;
  }

  private void requireOpen() throws ClosedChannelException {
    if (!open) {
      throw new ClosedChannelException();
    }
  }

  @Override
  public int read(ByteBuffer target) throws IOException {
    requireOpen();
    long left = reader.length() - position;
    if (left <= 0) {
      return target.hasRemaining() ? -1 : 0;
    }
    int size = (int) Math.min(Math.min(left, MOST), target.remaining());
    target.put(reader.read(position, size));
    position += size;
    return size;
  }

  @Override
  public long position() throws IOException {
    requireOpen();
    return position;
  }

  @Override
  public SeekableByteChannel position(long newPosition) throws IOException {
    requireOpen();
    if (newPosition < 0) {
      throw new IllegalArgumentException("a position is at least 0: " + newPosition);
    }
    position = newPosition;
    return this;
  }

  @Override
  public long size() throws IOException {
    requireOpen();
    return reader.length();
  }

  @Override
  public int write(ByteBuffer source) {
    throw new NonWritableChannelException();
  }

  @Override
  public SeekableByteChannel truncate(long size) {
    throw new NonWritableChannelException();
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public void close() throws IOException {
    open = false;
    reader.close();
  }
}
