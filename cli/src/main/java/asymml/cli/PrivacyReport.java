package asymml.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/// The answer of a `privacy` command: facts in order, for people a line each, for programs one JSON
/// object. A fact may be for one of them only.
final class PrivacyReport {
  private static final JsonMapper JSON = JsonMapper.shared();

  private final Map<String, Object> facts = new LinkedHashMap<>();
  private final List<String> lines = new ArrayList<>();

  /// Adds a fact to the JSON object.
  ///
  /// @param key its name, `camelCase`
  /// @param value a string, a number or a boolean
  PrivacyReport fact(String key, Object value) {
    facts.put(key, value);
    return this;
  }

  /// Adds a line for people.
  ///
  /// @param name what the line is about, at most 16 characters
  /// @param text what is said about it
  PrivacyReport line(String name, String text) {
    lines.add("%-16s  %s".formatted(name, text));
    return this;
  }

  /// Prints the lines or the object, and nothing else.
  void print(PrintWriter out, boolean json) {
    if (json) {
      out.println(JSON.writeValueAsString(facts));
    } else {
      lines.forEach(out::println);
    }
    out.flush();
  }
}
