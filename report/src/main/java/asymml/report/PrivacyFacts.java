package asymml.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/// The answer to a [PrivacyQuestion]: facts in order, for people a line each, for programs one JSON
/// object. A fact may be for one of them only.
public final class PrivacyFacts {
  private static final JsonMapper JSON = JsonMapper.shared();

  private final Map<String, Object> facts = new LinkedHashMap<>();
  private final List<String> lines = new ArrayList<>();

  PrivacyFacts() {}

  /// Adds a fact to the JSON object: a string, a number or a boolean.
  PrivacyFacts fact(String key, Object value) {
    facts.put(key, value);
    return this;
  }

  /// Adds a line for people, about something that is named in at most 16 characters.
  PrivacyFacts line(String name, String text) {
    lines.add("%-16s  %s".formatted(name, text));
    return this;
  }

  /// The facts for people.
  ///
  /// @return a line each
  public List<String> lines() {
    return List.copyOf(lines);
  }

  /// The facts for programs.
  ///
  /// @return one JSON object on one line, its keys in `camelCase`
  public String json() {
    return JSON.writeValueAsString(facts);
  }
}
