package asymml.trusted.run;

import asymml.model.FileReason;
import asymml.model.PrivateFiles;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Instant;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/// A TensorBoard event file with scalars.
///
/// The file is a sequence of TFRecords: length (uint64), masked CRC-32C of those 8 bytes, the data,
/// masked CRC-32C of the data, all little-endian; the mask is `rotateRight(crc, 15) + 0xa282ead8`
/// (TensorFlow, `core/lib/hash/crc32c.h`). Each record is a protocol buffer `Event` (TensorFlow,
/// `core/util/event.proto`), of which five fields are needed; encoding those by hand spares a
/// dependency and a generator:
///
/// | field | number | type | tag byte |
/// |---|---|---|---|
/// | `Event.wall_time`, seconds | 1 | double | 0x09 |
/// | `Event.step` | 2 | int64 | 0x10 |
/// | `Event.file_version` | 3 | string | 0x1a |
/// | `Event.summary` | 5 | message | 0x2a |
/// | `Event.session_log` | 7 | message | 0x3a |
/// | `SessionLog.status`, START is 1 | 1 | enum | 0x08 |
/// | `Summary.value` | 1 | message | 0x0a |
/// | `Summary.Value.tag` | 1 | string | 0x0a |
/// | `Summary.Value.simple_value` | 2 | float | 0x15 |
///
/// The first record holds the file version and no summary. Not for use by several threads.
public final class TensorBoardLog implements AutoCloseable {
  private static final int MASK_DELTA = 0xa282ead8;
  private static final byte[] SESSION_START = {0x3a, 2, 0x08, 1};
  private static final Pattern NAME =
      Pattern.compile("events\\.out\\.tfevents\\.(\\d{10,18})\\.asymml");
  private static final String FILE_VERSION = "brain.Event:2";
  // What the fields of an event need beside the tag: tags, lengths, a double, a varint, a float.
  private static final int FIXED_BYTES = 64;

  private final OutputStream out;
  private final Clock clock;
  private final Path file;
  private boolean closed;

  private TensorBoardLog(OutputStream out, Clock clock, Path file) {
    this.out = out;
    this.clock = clock;
    this.file = file;
  }

  /// Starts a new file `events.out.tfevents.<seconds>.asymml`. A resumed run adds a file to the
  /// directory; TensorBoard reads them all, in the order of their names. A clock that was set back
  /// does not change that order.
  ///
  /// @param directory an existing directory
  /// @param clock gives the time in the file's name and of each event
  /// @return an open log
  /// @throws IOException if the file cannot be created
  public static TensorBoardLog open(Path directory, Clock clock) throws IOException {
    long seconds = Math.max(clock.instant().getEpochSecond(), last(directory) + 1);
    while (true) {
      Path file =
          directory.resolve(
              String.format(Locale.ROOT, "events.out.tfevents.%010d.asymml", seconds));
      try {
        OutputStream stream =
            Channels.newOutputStream(
                PrivateFiles.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
        TensorBoardLog log = new TensorBoardLog(new BufferedOutputStream(stream), clock, file);
        byte[] version = FILE_VERSION.getBytes(StandardCharsets.UTF_8);
        ByteBuffer event = log.event(FIXED_BYTES).put((byte) 0x1a);
        log.record(varint(event, version.length).put(version));
        return log;
      } catch (FileAlreadyExistsException e) {
        // A run resumed within a second; the name's time only orders the files.
        seconds++;
      } catch (IOException e) {
        throw new IOException("cannot create " + file + ": " + FileReason.of(e), e);
      }
    }
  }

  /// The time in the name of the last file; -1 if there is none.
  private static long last(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .map(file -> NAME.matcher(file.getFileName().toString()))
          .filter(Matcher::matches)
          .mapToLong(name -> Long.parseLong(name.group(1)))
          .max()
          .orElse(-1);
    } catch (IOException e) {
      throw new IOException("cannot read " + directory + ": " + FileReason.of(e), e);
    }
  }

  /// Says that a run goes on from an earlier step: TensorBoard forgets the points of later ones,
  /// which the run comes to once more.
  ///
  /// @param step the last with a point that stays, at least 0
  /// @throws IOException if writing fails
  public void resumed(long step) throws IOException {
    ByteBuffer event = event(FIXED_BYTES).put((byte) 0x10);
    varint(event, step + 1).put(SESSION_START);
    record(event);
  }

  /// Adds one point of a curve. It reaches the file with [#flush] or [#close].
  ///
  /// @param tag the curve's name, `/` groups curves
  /// @param step its x, at least 0
  /// @param value its y, finite as a float
  /// @throws IOException if writing fails
  /// @throws IllegalArgumentException if the step or the value is out of range
  /// @throws IllegalStateException if the log is closed
  public void scalar(String tag, long step, double value) throws IOException {
    if (closed) {
      throw new IllegalStateException("the event log " + file + " is closed");
    }
    if (step < 0) {
      throw new IllegalArgumentException("steps count from 0, got " + step);
    }
    float simpleValue = (float) value;
    if (!Float.isFinite(simpleValue)) {
      throw new IllegalArgumentException("scalar " + tag + " must be finite as a float");
    }
    byte[] name = tag.getBytes(StandardCharsets.UTF_8);
    ByteBuffer inner = buffer(name.length + FIXED_BYTES).put((byte) 0x0a);
    varint(inner, name.length).put(name).put((byte) 0x15).putFloat(simpleValue).flip();
    ByteBuffer summary = buffer(name.length + FIXED_BYTES).put((byte) 0x0a);
    varint(summary, inner.remaining()).put(inner).flip();
    ByteBuffer event = event(name.length + FIXED_BYTES * 2).put((byte) 0x10);
    varint(event, step).put((byte) 0x2a);
    record(varint(event, summary.remaining()).put(summary));
  }

  /// The file that is written.
  ///
  /// @return its path
  public Path file() {
    return file;
  }

  /// Hands all events to the operating system, so that TensorBoard sees them.
  ///
  /// @throws IOException if writing fails
  public void flush() throws IOException {
    out.flush();
  }

  /// Flushes and closes the file. May be called more than once.
  ///
  /// @throws IOException if writing fails
  @Override
  public void close() throws IOException {
    closed = true;
    out.close();
  }

  /// The start of an event: its wall time.
  private ByteBuffer event(int capacity) {
    Instant now = clock.instant();
    return buffer(capacity).put((byte) 0x09).putDouble(now.getEpochSecond() + now.getNano() / 1e9);
  }

  private static ByteBuffer buffer(int capacity) {
    return ByteBuffer.allocate(capacity).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// Base 128, least significant group first, the high bit of a byte says that more follow.
  private static ByteBuffer varint(ByteBuffer to, long value) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      to.put((byte) ((rest & 0x7f) | 0x80));
      rest >>>= 7;
    }
    return to.put((byte) rest);
  }

  private void record(ByteBuffer event) throws IOException {
    byte[] data = new byte[event.flip().remaining()];
    event.get(data);
    byte[] length = buffer(Long.BYTES).putLong(data.length).array();
    out.write(length);
    out.write(buffer(Integer.BYTES).putInt(maskedCrc(length)).array());
    out.write(data);
    out.write(buffer(Integer.BYTES).putInt(maskedCrc(data)).array());
  }

  /// A CRC over data that holds CRCs is weak; the mask makes them look like other data.
  private static int maskedCrc(byte[] data) {
    CRC32C crc = new CRC32C();
    crc.update(data);
    return Integer.rotateRight((int) crc.getValue(), 15) + MASK_DELTA;
  }
}
