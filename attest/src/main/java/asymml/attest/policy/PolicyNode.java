package asymml.attest.policy;

import asymml.attest.EvidenceException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// A part of a policy with its place, which errors name.
record PolicyNode(String path, JsonNode node) {
  EvidenceException error(String message) {
    return new EvidenceException(
        path.isEmpty() ? "the policy " + message : "policy key %s %s".formatted(path, message));
  }

  /// Checks that it is a mapping with known keys.
  PolicyNode mapping(Set<String> known) throws EvidenceException {
    if (!node.isObject()) {
      throw error("must be a mapping of " + known.stream().sorted().toList());
    }
    for (String key : node.propertyNames()) {
      if (!known.contains(key)) {
        throw new EvidenceException(
            "policy key %s is unknown; known here: %s"
                .formatted(child(key), String.join(", ", known.stream().sorted().toList())));
      }
    }
    return this;
  }

  private String child(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  Optional<PolicyNode> optional(String key) {
    @Nullable JsonNode value = node.get(key);
    return value == null || value.isNull()
        ? Optional.empty()
        : Optional.of(new PolicyNode(child(key), value));
  }

  PolicyNode required(String key, String remedy) throws EvidenceException {
    return optional(key)
        .orElseThrow(() ->
            new EvidenceException("policy key %s is missing: %s".formatted(child(key), remedy)));
  }

  List<PolicyNode> list() throws EvidenceException {
    if (!node.isArray()) {
      throw error("must be a list");
    }
    List<PolicyNode> all = new ArrayList<>();
    for (JsonNode each : node.values()) {
      all.add(new PolicyNode("%s[%s]".formatted(path, all.size()), each));
    }
    return all;
  }

  String text() throws EvidenceException {
    if (!node.isString()) {
      throw error("must be text (digits alone need quotes): " + node);
    }
    return node.stringValue();
  }

  int integer(int least, int most) throws EvidenceException {
    if (!node.isInt() || node.intValue() < least || node.intValue() > most) {
      throw error("must be a whole number from %s to %s: %s".formatted(least, most, node));
    }
    return node.intValue();
  }

  double number(double least, double most) throws EvidenceException {
    double value = node.isNumber() ? node.doubleValue() : Double.NaN;
    if (!(value >= least && value <= most)) {
      throw error("must be a number from %s to %s: %s".formatted(least, most, node));
    }
    return value;
  }

  boolean truth() throws EvidenceException {
    if (!node.isBoolean()) {
      throw error("must be true or false: " + node);
    }
    return node.booleanValue();
  }

  String hex(int sizeBytes) throws EvidenceException {
    String text = text().toLowerCase(Locale.ROOT);
    if (!text.matches("[0-9a-f]{" + 2 * sizeBytes + "}")) {
      throw error("must be %s hexadecimal digits: '%s'".formatted(2 * sizeBytes, text));
    }
    return text;
  }

  /// A digest, or `any` in words.
  Optional<String> hexOrAny(int sizeBytes) throws EvidenceException {
    return isAny() ? Optional.empty() : Optional.of(hex(sizeBytes));
  }

  boolean isAny() {
    return node.isString() && node.stringValue().equals("any");
  }
}
