package asymml.trusted.rank;

import asymml.model.AtomicFile;
import asymml.model.FileReason;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// `rank.json`: the analyses of a run, by epoch.
///
/// @param reports by rising epoch
public record RankFile(List<RankReport> reports) {
  /// What stands at the head of every file.
  public static final String NOTICE =
      "PRIVATE: computed from private images; not covered by any guarantee";

  private static final String FORMAT = "asymml-rank-1";

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /// The file's whole contents.
  ///
  /// @param format names this version of it
  /// @param analyses by rising epoch
  public record Contents(@Nullable String format, @Nullable List<RankReport> analyses) {}

  /// Copies the list.
  public RankFile {
    reports = List.copyOf(reports);
  }

  /// Reads what a run has so far.
  ///
  /// @param file its path
  /// @return its analyses; none if there is no file
  /// @throws IOException one line, if it cannot be read or holds something else
  public static RankFile read(Path file) throws IOException {
    if (!Files.exists(file)) {
      return new RankFile(List.of());
    }
    try {
      Contents contents = JSON.readValue(Files.readString(file), Contents.class);
      List<RankReport> analyses = contents == null ? null : contents.analyses();
      if (contents != null && FORMAT.equals(contents.format()) && analyses != null) {
        return new RankFile(analyses);
      }
    } catch (JacksonException e) {
      throw new IOException(file + " is no rank analysis of this program: move it away", e);
    } catch (IOException e) {
      throw new IOException("cannot read " + file + ": " + FileReason.of(e), e);
    }
    throw new IOException(file + " is no rank analysis of this program: move it away");
  }

  /// These analyses and another one, in place of those of its epoch and of later ones: a run that
  /// was resumed repeats them.
  ///
  /// @param report the new one
  /// @return a new value
  public RankFile with(RankReport report) {
    List<RankReport> all = new ArrayList<>(reports);
    all.removeIf(r -> r.epoch() >= report.epoch());
    all.add(report);
    return new RankFile(all);
  }

  /// Writes the file atomically.
  ///
  /// @param file its path; the directory must exist
  /// @throws IOException one line that names the file and the reason
  public void write(Path file) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", NOTICE);
    facts.put("format", FORMAT);
    facts.put("analyses", reports);
    ByteBuffer bytes =
        ByteBuffer.wrap((JSON.writeValueAsString(facts) + "\n").getBytes(StandardCharsets.UTF_8));
    AtomicFile.write(
        file,
        channel -> {
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
  }
}
