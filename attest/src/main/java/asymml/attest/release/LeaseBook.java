package asymml.attest.release;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// How many steps of each run the owner has consented to: a file with a line of JSON for each
/// change, of which the last of a run counts. It must never be put back to an older state: it is
/// what makes old copies of a run noticeable.
public final class LeaseBook implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();

  private final OwnerFile file;
  private final Map<String, Long> steps;

  private LeaseBook(OwnerFile file, Map<String, Long> steps) {
    this.file = file;
    this.steps = steps;
  }

  /// Opens a book.
  ///
  /// @param file is made if need be
  /// @return the book, which the caller closes
  /// @throws IOException one line, if it cannot be used, another process uses it, or it is damaged
  public static LeaseBook open(Path file) throws IOException {
    OwnerFile opened = OwnerFile.open(file);
    boolean complete = false;
    try {
      String text = opened.text();
      int whole = text.lastIndexOf('\n') + 1;
      LeaseBook book = new LeaseBook(opened, counted(file, text.substring(0, whole)));
      // What was cut short was not answered.
      opened.cut(whole);
      complete = true;
      return book;
    } finally {
      if (!complete) {
        opened.close();
      }
    }
  }

  /// How many steps of a run a book has counted, whoever writes to it.
  ///
  /// @param file as written by [#change]
  /// @param run its id
  /// @return 0 if it does not know the run
  /// @throws IOException one line, if it cannot be read, or is damaged
  public static long counted(Path file, byte[] run) throws IOException {
    String text;
    try {
      text = Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (NoSuchFileException e) {
      throw new ReleaseException("no such file: " + file, e);
    }
    return counted(file, text.substring(0, text.lastIndexOf('\n') + 1))
        .getOrDefault(HexFormat.of().formatHex(run), 0L);
  }

  /// The last number of each run.
  private static Map<String, Long> counted(Path file, String text) throws ReleaseException {
    Map<String, Long> steps = new HashMap<>();
    List<String> lines = text.lines().toList();
    for (int i = 0; i < lines.size(); i++) {
      try {
        JsonNode line = JSON.readTree(lines.get(i));
        Instant.parse(line.required("at").stringValue());
        steps.put(line.required("run").stringValue(), line.required("steps").longValue());
      } catch (JacksonException | DateTimeException e) {
        throw new ReleaseException(
            "%s: line %s is no lease: without it steps would not be counted".formatted(file, i + 1),
            e);
      }
    }
    return steps;
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
      file.append(JSON.writeValueAsString(line));
      steps.put(id, wanted);
    }
    return new Answer(true, wanted);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
