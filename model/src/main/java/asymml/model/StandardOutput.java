package asymml.model;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import org.jspecify.annotations.Nullable;

/// Standard output that remembers why it could not be written: print streams and writers swallow
/// exceptions, and a result on a full disk would be lost with exit code 0.
public final class StandardOutput extends OutputStream {
  private final OutputStream out;
  private @Nullable IOException failure;

  /// Output to a stream.
  ///
  /// @param out where it goes
  public StandardOutput(OutputStream out) {
    this.out = out;
  }

  /// A stream that writes here and flushes each line.
  ///
  /// @param charset of the text
  /// @return a new stream
  public PrintStream printStream(Charset charset) {
    return new PrintStream(this, true, charset);
  }

  /// Why the output is incomplete.
  ///
  /// @return null if all was written, or the reader has closed the pipe: it has seen enough
  public @Nullable String failure() {
    String reason = failure == null ? null : String.valueOf(failure.getMessage());
    return reason == null || reason.contains("Broken pipe") ? null : reason;
  }

  @Override
  public void write(int value) throws IOException {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int from, int count) throws IOException {
    try {
      out.write(bytes, from, count);
    } catch (IOException e) {
      throw kept(e);
    }
  }

  @Override
  public void flush() throws IOException {
    try {
      out.flush();
    } catch (IOException e) {
      throw kept(e);
    }
  }

  private IOException kept(IOException e) {
    if (failure == null) {
      failure = e;
    }
    return e;
  }
}
