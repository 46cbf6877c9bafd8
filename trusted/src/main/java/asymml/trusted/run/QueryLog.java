package asymml.trusted.run;

import asymml.model.FileReason;
import asymml.model.PrivateFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `queries.jsonl`: the ledger of inference through the split. A line is written, and is on the
/// disk, before the images that it counts are sent.
public final class QueryLog {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String QUERIES = "queries";

  private QueryLog() {}

  /// Adds a line.
  ///
  /// @param file its path; the directory must exist; mode 0600
  /// @param facts with the number of images as `queries`
  /// @throws IOException one line that names the file and the reason
  public static void append(Path file, Map<String, Object> facts) throws IOException {
    if (!(facts.get(QUERIES) instanceof Number)) {
      throw new IllegalArgumentException("a line of the query log counts queries: " + facts);
    }
    byte[] line = (JSON.writeValueAsString(facts) + "\n").getBytes(StandardCharsets.UTF_8);
    try (FileChannel channel =
        PrivateFiles.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      channel.position(endOfLines(channel));
      ByteBuffer bytes = ByteBuffer.wrap(line);
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.truncate(channel.position());
      channel.force(true);
    } catch (IOException e) {
      throw new IOException("cannot write " + file + ": " + FileReason.of(e), e);
    }
  }

  /// Behind the last whole line: what a killed process began to write was not sent.
  private static long endOfLines(FileChannel channel) throws IOException {
    ByteBuffer one = ByteBuffer.allocate(1);
    for (long end = channel.size(); end > 0; end--) {
      one.clear();
      if (channel.read(one, end - 1) == 1 && one.get(0) == '\n') {
        return end;
      }
    }
    return 0;
  }

  /// Counts the queries of all lines.
  ///
  /// @param file may be absent
  /// @return their sum
  /// @throws IOException one line that names the file, if it cannot be read or is damaged
  public static long queries(Path file) throws IOException {
    if (!Files.exists(file)) {
      return 0;
    }
    long sum = 0;
    int number = 0;
    for (String line : Files.readAllLines(file)) {
      number++;
      try {
        JsonNode count = JSON.readTree(line).path(QUERIES);
        if (!count.isIntegralNumber() || count.asLong() < 0) {
          throw new IOException("%s is damaged: line %s counts no queries".formatted(file, number));
        }
        sum = Math.addExact(sum, count.asLong());
      } catch (JacksonException | ArithmeticException e) {
        throw new IOException("%s is damaged: line %s".formatted(file, number), e);
      }
    }
    return sum;
  }
}
