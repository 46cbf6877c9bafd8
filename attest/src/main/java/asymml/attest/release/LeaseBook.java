package asymml.attest.release;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// How many steps of each run the owner has consented to: a file with a line of JSON for each
/// change, of which the last of a run counts. It must never be put back to an older state: it is
/// what makes old copies of a run noticeable.
public final class LeaseBook implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();

  private final Path file;
  private final FileChannel channel;
  private final Map<String, Long> steps = new HashMap<>();

  private LeaseBook(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /// Opens a book.
  ///
  /// @param file is made if need be
  /// @return the book, which the caller closes
  /// @throws IOException one line, if it cannot be used, another process uses it, or it is damaged
  public static LeaseBook open(Path file) throws IOException {
    FileChannel channel;
    try {
      channel =
          FileChannel.open(
              file,
              Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    } catch (NoSuchFileException e) {
      throw new ReleaseException("no such folder: " + file.toAbsolutePath().getParent(), e);
    } catch (IOException e) {
      throw new ReleaseException("cannot write " + file + ": " + e.getMessage(), e);
    }
    boolean complete = false;
    try {
      if (channel.tryLock() == null) {
        throw new ReleaseException(file + " is in use by another process: name another file");
      }
      LeaseBook book = new LeaseBook(file, channel);
      book.load();
      complete = true;
      return book;
    } catch (OverlappingFileLockException e) {
      throw new ReleaseException(file + " is in use already: name another file", e);
    } finally {
      if (!complete) {
        channel.close();
      }
    }
  }

  private void load() throws IOException {
    ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(channel.size()));
    while (all.hasRemaining() && channel.read(all) >= 0) {
      // Until all is read.
    }
    String text = new String(all.array(), StandardCharsets.US_ASCII);
    int whole = text.lastIndexOf('\n') + 1;
    // What was cut short was not answered.
    channel.truncate(whole);
    channel.position(whole);
    List<String> lines = text.substring(0, whole).lines().toList();
    for (int i = 0; i < lines.size(); i++) {
      try {
        JsonNode line = JSON.readTree(lines.get(i));
        Instant.parse(line.required("at").stringValue());
        steps.put(line.required("run").stringValue(), line.required("steps").longValue());
      } catch (JacksonException | java.time.DateTimeException e) {
        throw new ReleaseException(
            "%s: line %s is no lease: without it steps would not be counted".formatted(file, i + 1),
            e);
      }
    }
  }

  /// The answer to a request.
  ///
  /// @param granted whether the run may go to the number of steps that it asked for
  /// @param steps how many are counted now
  public record Answer(boolean granted, long steps) {}

  /// Changes the number of steps of a run, if it is what the run takes it for; returns when that is
  /// on the disk.
  ///
  /// @param run its id
  /// @param expected how many steps the run knows of
  /// @param wanted how many it wants to be counted; fewer if it has not used all
  /// @param at now
  /// @return granted if the run's knowledge is right
  /// @throws IOException one line, if it cannot be written; nothing is granted then
  synchronized Answer change(byte[] run, long expected, long wanted, Instant at)
      throws IOException {
    String id = HexFormat.of().formatHex(run);
    long counted = steps.getOrDefault(id, 0L);
    if (expected != counted) {
      return new Answer(false, counted);
    }
    if (wanted != counted) {
      ObjectNode line = JSON.createObjectNode();
      line.put("at", at.toString()).put("run", id).put("steps", wanted);
      ByteBuffer bytes =
          ByteBuffer.wrap(
              (JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.US_ASCII));
      long before = channel.position();
      try {
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(false);
      } catch (IOException e) {
        channel.truncate(before);
        throw new ReleaseException("%s: %s".formatted(file, e.getMessage()), e);
      }
      steps.put(id, wanted);
    }
    return new Answer(true, wanted);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
