package asymml.trusted.run;

import asymml.model.ClearStore;
import asymml.model.FileReason;
import asymml.model.PrivateStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// `run.json`: a JSON object of facts about a run, for people and tools.
public final class RunFile {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  private RunFile() {}

  /// Writes the object atomically, pretty printed, in the map's order.
  ///
  /// @param file its path; the directory must exist
  /// @param facts strings, numbers, booleans, lists, maps and records of public packages
  /// @throws IOException one line that names the file and the reason; the old file is unchanged
  /// @throws IllegalArgumentException if a value cannot be written as JSON
  public static void write(Path file, Map<String, Object> facts) throws IOException {
    write(ClearStore.CLEAR, file, facts);
  }

  /// The same in a store.
  ///
  /// @param store how it is stored
  /// @param file its path; the directory must exist
  /// @param facts strings, numbers, booleans, lists, maps and records of public packages
  /// @throws IOException one line that names the file and the reason; the old file is unchanged
  /// @throws IllegalArgumentException if a value cannot be written as JSON
  public static void write(PrivateStore store, Path file, Map<String, Object> facts)
      throws IOException {
    byte[] json;
    try {
      json = (JSON.writeValueAsString(facts) + "\n").getBytes(StandardCharsets.UTF_8);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("the facts of a run cannot be written as JSON", e);
    }
    store.replace(file, json);
  }

  /// Reads the object back.
  ///
  /// @param file a file that [#write] wrote
  /// @return its facts; records have become maps
  /// @throws IOException one line that names the file, if it cannot be read or is not a JSON object
  public static Map<String, Object> read(Path file) throws IOException {
    return read(ClearStore.CLEAR, file);
  }

  /// The same from a store.
  ///
  /// @param store how it is stored
  /// @param file a file that [#write] wrote
  /// @return its facts; records have become maps
  /// @throws IOException one line that names the file, if it cannot be read or is not a JSON object
  public static Map<String, Object> read(PrivateStore store, Path file) throws IOException {
    byte[] content = store.content(file);
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
    } catch (CharacterCodingException e) {
      throw new IOException("cannot read " + file + ": " + FileReason.of(e), e);
    }
    @Nullable Map<String, Object> facts;
    try {
      facts = JSON.readValue(text, new TypeReference<Map<String, Object>>() {});
    } catch (JacksonException e) {
      throw new IOException(file + " is not a JSON object", e);
    }
    if (facts == null) { // the file says `null`
      throw new IOException(file + " is not a JSON object");
    }
    return facts;
  }
}
