package asymml.model;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// The keys of one mapping of a [ModelDescription]; each is read once, and what was not read is not
/// known.
final class DescribedLayer {
  /// A key at fault, in words.
  static final class WrongException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    WrongException(String message) {
      super(message);
    }
  }

  private final String what;
  private final JsonNode node;
  private final Set<String> read;

  /// Reads a mapping.
  ///
  /// @param what it describes, for messages
  /// @param node the mapping
  /// @throws WrongException if it is none
  DescribedLayer(String what, JsonNode node) {
    this(what, node, new HashSet<>());
    if (!node.isObject()) {
      throw wrong("is no mapping of keys to values");
    }
  }

  private DescribedLayer(String what, JsonNode node, Set<String> read) {
    this.what = what;
    this.node = node;
    this.read = read;
  }

  /// The same with another name.
  DescribedLayer called(String name) {
    return new DescribedLayer(name, node, read);
  }

  WrongException wrong(String how) {
    return new WrongException(what + ": " + how);
  }

  private @Nullable JsonNode optional(String key) {
    read.add(key);
    return node.get(key);
  }

  private JsonNode required(String key) {
    JsonNode value = optional(key);
    if (value == null) {
      throw wrong("needs '%s'".formatted(key));
    }
    return value;
  }

  /// A text; what YAML takes for a number must be in quotes.
  String text(String key) {
    return text(key, required(key));
  }

  private String text(String key, JsonNode value) {
    if (!value.isString()) {
      throw wrong("'%s' must be a text (in quotes, if it looks like a number)".formatted(key));
    }
    String text = value.stringValue();
    if (!ModelDescription.NAME.matcher(text).matches()) {
      throw wrong("'%s' has characters that names do not have".formatted(key));
    }
    return text;
  }

  /// A list of one entry or more.
  JsonNode list(String key) {
    JsonNode value = required(key);
    if (!value.isArray() || value.isEmpty()) {
      throw wrong("'%s' must be a list of one entry or more".formatted(key));
    }
    return value;
  }

  /// A list of texts.
  ///
  /// @return empty if the key is absent
  List<String> names(String key) {
    List<String> names = new ArrayList<>();
    if (optional(key) != null) {
      for (JsonNode each : list(key)) {
        names.add(text(key, each));
      }
    }
    return names;
  }

  int integer(String key) {
    JsonNode value = required(key);
    if (!value.isInt()) {
      throw wrong("'%s' must be a whole number".formatted(key));
    }
    return value.intValue();
  }

  int integer(String key, int absent) {
    return optional(key) == null ? absent : integer(key);
  }

  /// A whole number, or a word that stands for one.
  int integerOr(String key, String word, int meaning) {
    JsonNode value = optional(key);
    boolean stands = value == null || (value.isString() && value.stringValue().equals(word));
    return stands ? meaning : integer(key);
  }

  float number(String key, float absent) {
    JsonNode value = optional(key);
    if (value == null) {
      return absent;
    }
    if (!value.isNumber()) {
      throw wrong("'%s' must be a number".formatted(key));
    }
    return (float) value.doubleValue();
  }

  boolean flag(String key, boolean absent) {
    JsonNode value = optional(key);
    if (value == null) {
      return absent;
    }
    if (!value.isBoolean()) {
      throw wrong("'%s' must be true or false".formatted(key));
    }
    return value.booleanValue();
  }

  /// Refuses keys that were not asked for.
  void requireNothingElse() {
    for (String key : node.propertyNames()) {
      if (!read.contains(key)) {
        throw wrong("has the key '%s', which is not known there".formatted(key));
      }
    }
  }
}
