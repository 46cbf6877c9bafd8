package asymml.model;

import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Files in clear, for their owner alone: mode 0600, written by [AtomicFile].
public final class ClearStore implements PrivateStore {
  /// The only one.
  public static final ClearStore CLEAR = new ClearStore();

  private ClearStore() {}

  @Override
  public boolean isSealed() {
    return false;
  }

  @Override
  public void replace(Path file, long size, Body body) throws IOException {
    AtomicFile.write(file, body::writeTo);
  }

  @Override
  public SeekableByteChannel open(Path file) throws IOException {
    return Files.newByteChannel(file, StandardOpenOption.READ);
  }
}
