package asymml.cli.options;

import java.io.PrintWriter;
import picocli.CommandLine.Option;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// Whether a command prints JSON in place of lines for people.
public final class JsonOption {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  @Option(names = "--json", description = "Print one JSON object and nothing else.")
  private boolean json;

  /// Made by picocli.
  public JsonOption() {}

  /// Whether JSON is asked for.
  ///
  /// @return false for lines
  public boolean isGiven() {
    return json;
  }

  /// Prints one JSON object.
  ///
  /// @param out where to
  /// @param facts a map or record, its values as JSON has them
  public void print(PrintWriter out, Object facts) {
    out.println(MAPPER.writeValueAsString(facts));
  }
}
