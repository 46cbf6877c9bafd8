package asymml.untrusted;

import asymml.wire.RecordingWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Whether a worker records what it receives and computes.
final class RecordOptions {
  @Option(
      names = "--record",
      paramLabel = "FILE",
      description =
          "Record all that this worker receives and computes in FILE, which must not exist: the"
              + " adversary's view, for attacks.")
  private @Nullable Path file;

  @Option(
      names = "--record-limit",
      paramLabel = "SIZE",
      defaultValue = "1G",
      converter = SizeConverter.class,
      description =
          "Largest size of the recording in bytes, with K, M or G for powers of 1024; at the limit"
              + " it ends with a mark (default: ${DEFAULT-VALUE}).")
  private long limitBytes;

  RecordOptions() {}

  /// Whether a recording was asked for.
  boolean asked() {
    return file != null;
  }

  /// The backend, recorded if that was asked for.
  ///
  /// @param backend closed here if this fails
  /// @throws IllegalArgumentException if the limit is too small for any event
  /// @throws UncheckedIOException one line, if the file cannot be written
  Backend around(Backend backend) {
    if (file == null) {
      return backend;
    }
    boolean begun = false;
    try {
      RecordingWriter recording =
          RecordingWriter.create(file, limitBytes, backend.name(), backend.precision());
      begun = true;
      return new RecordingBackend(backend, recording, System::nanoTime);
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    } finally {
      if (!begun) {
        backend.close();
      }
    }
  }
}
