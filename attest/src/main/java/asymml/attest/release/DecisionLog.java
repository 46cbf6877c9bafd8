package asymml.attest.release;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The owner's log: a file with one line of JSON for each decision, which only its owner can read.
/// It is only ever appended to.
public final class DecisionLog implements AutoCloseable {
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

  private final OwnerFile file;

  private DecisionLog(OwnerFile file) {
    this.file = file;
  }

  /// Opens a log to append to it.
  ///
  /// @param file is made if need be
  /// @return the log, which the caller closes
  /// @throws IOException one line, if it cannot be written, or another process writes to it
  public static DecisionLog open(Path file) throws IOException {
    return new DecisionLog(OwnerFile.open(file));
  }

  /// Appends a decision; returns when it is on the disk.
  ///
  /// @param decision to write
  /// @throws IOException one line, if it cannot be written
  public synchronized void append(Decision decision) throws IOException {
    ObjectNode line = JSON.createObjectNode();
    line.put("at", decision.at().toString());
    line.put("peer", decision.peer());
    line.put("verdict", decision.granted() ? "granted" : "refused");
    if (decision.simulation()) {
      line.put("simulation", Decision.SIMULATION);
    }
    line.put("evidence", decision.evidence());
    line.put("tcbStatus", decision.tcbStatus());
    line.put("configurationDigest", decision.configurationDigest());
    line.put("keyId", decision.keyId());
    decision.reasons().forEach(line.putArray("reasons")::add);
    file.append(JSON.writeValueAsString(line));
  }

  /// Reads a log.
  ///
  /// @param file as written by [#append]
  /// @param each gets the decisions in order
  /// @return numbers of the lines that are no decisions, from 1; empty if the log is whole
  /// @throws IOException one line, if it cannot be read
  public static List<Integer> read(Path file, Consumer<Decision> each) throws IOException {
    List<Integer> damaged = new ArrayList<>();
    try (BufferedReader lines = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
      int number = 0;
      for (@Nullable String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        @Nullable Decision decision = parse(line);
        if (decision == null) {
          damaged.add(number);
        } else {
          each.accept(decision);
        }
      }
    } catch (NoSuchFileException e) {
      throw new ReleaseException("no such file: " + file, e);
    }
    return damaged;
  }

  private static @Nullable Decision parse(String line) {
    try {
      JsonNode node = JSON.readTree(line);
      String verdict = node.required("verdict").stringValue();
      if (!verdict.equals("granted") && !verdict.equals("refused")) {
        return null;
      }
      return new Decision(
          Instant.parse(node.required("at").stringValue()),
          node.required("peer").stringValue(),
          verdict.equals("granted"),
          node.has("simulation"),
          node.required("evidence").stringValue(),
          node.required("tcbStatus").stringValue(),
          node.required("configurationDigest").stringValue(),
          node.required("keyId").stringValue(),
          node.required("reasons").valueStream().map(JsonNode::stringValue).toList());
    } catch (JacksonException | DateTimeException | IllegalArgumentException e) {
      return null;
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
