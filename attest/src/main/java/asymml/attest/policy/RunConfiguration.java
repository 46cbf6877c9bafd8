package asymml.attest.policy;

import asymml.attest.EvidenceException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.cfg.JsonNodeFeature;
import tools.jackson.databind.json.JsonMapper;

/// What a trainer declares that it will do: its settings as canonical JSON, whose digest stands in
/// its evidence. Canonical is one object with its keys in order, no white space, and each number as
/// Java writes it.
public final class RunConfiguration {
  /// The largest text.
  public static final int MOST_BYTES = 1 << 16;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(JsonNodeFeature.WRITE_PROPERTIES_SORTED)
          .build();

  private final byte[] text;
  private final JsonNode settings;

  private RunConfiguration(byte[] text, JsonNode settings) {
    this.text = text;
    this.settings = settings;
  }

  /// Reads what a trainer sent.
  ///
  /// @param text UTF-8
  /// @return the configuration
  /// @throws EvidenceException one line, if it is not the canonical form of settings
  public static RunConfiguration parse(byte[] text) throws EvidenceException {
    if (text.length > MOST_BYTES) {
      throw new EvidenceException(
          "a configuration has at most %s bytes: %s".formatted(MOST_BYTES, text.length));
    }
    JsonNode settings = tree(text);
    if (!Arrays.equals(text, JSON.writeValueAsBytes(settings))) {
      throw new EvidenceException(
          "the configuration is not canonical JSON: keys in order, no white space");
    }
    return new RunConfiguration(text.clone(), settings);
  }

  private static JsonNode tree(byte[] text) throws EvidenceException {
    JsonNode settings;
    try {
      settings = JSON.readTree(text);
    } catch (JacksonException e) {
      throw new EvidenceException(
          "the configuration is no JSON: "
              + String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse(""),
          e);
    }
    if (!settings.isObject()) {
      throw new EvidenceException("the configuration must be a JSON object");
    }
    for (Map.Entry<String, JsonNode> setting : settings.properties()) {
      JsonNode value = setting.getValue();
      boolean plain =
          value.isArray()
              ? value.valueStream().allMatch(RunConfiguration::isPlain)
              : isPlain(value);
      if (!plain) {
        throw new EvidenceException(
            "the configuration's values must be text, finite numbers, true, false, or lists of"
                + " these: "
                + RunBounds.shortened(setting.getKey()));
      }
    }
    return settings;
  }

  private static boolean isPlain(JsonNode value) {
    return value.isString()
        || value.isBoolean()
        || (value.isNumber() && Double.isFinite(value.doubleValue()));
  }

  /// The canonical form of settings.
  ///
  /// @param settings by name, values as JSON has them
  /// @return the configuration
  /// @throws EvidenceException one line, if a value is none that a configuration has, or there is
  ///   too much of it
  public static RunConfiguration of(Map<String, ?> settings) throws EvidenceException {
    return parse(JSON.writeValueAsBytes(tree(JSON.writeValueAsBytes(settings))));
  }

  /// The text.
  ///
  /// @return a copy, UTF-8
  public byte[] text() {
    return text.clone();
  }

  /// The configuration digest.
  ///
  /// @return SHA-256 of the text, 32 bytes
  public byte[] digest() {
    return digest(text);
  }

  /// The configuration digest of a text that may be no configuration.
  ///
  /// @param text any bytes
  /// @return SHA-256, 32 bytes
  public static byte[] digest(byte[] text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("this Java lacks SHA-256", e);
    }
  }

  /// A setting, if it is there and of the form.
  private Optional<JsonNode> get(String key) {
    @Nullable JsonNode value = settings.get(key);
    return Optional.ofNullable(value);
  }

  Optional<String> text(String key) {
    return get(key).filter(JsonNode::isString).map(JsonNode::stringValue);
  }

  Optional<Double> number(String key) {
    return get(key).filter(JsonNode::isNumber).map(JsonNode::doubleValue);
  }

  Optional<Boolean> truth(String key) {
    return get(key).filter(JsonNode::isBoolean).map(JsonNode::booleanValue);
  }

  /// A list's texts; empty if there is none.
  List<String> texts(String key) {
    return get(key)
        .filter(JsonNode::isArray)
        .map(list ->
            list.valueStream().filter(JsonNode::isString).map(JsonNode::stringValue).toList())
        .orElse(List.of());
  }

  /// What a setting says, for messages.
  String shown(String key) {
    return get(key).map(value -> RunBounds.shortened(value.toString())).orElse("nothing");
  }
}
