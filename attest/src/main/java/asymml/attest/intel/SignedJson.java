package asymml.attest.intel;

import asymml.attest.EvidenceException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A reply of Intel's service: `{"NAME":{...},"signature":"HEX"}`. The signature is over the bytes
/// of the inner object as they came, which are cut out and parsed only after it holds.
///
/// @param object the exact bytes of the inner object
/// @param signature `r || s`
@SuppressWarnings("ArrayRecordComponent") // Not compared.
record SignedJson(byte[] object, byte[] signature) {
  private static final Pattern TAIL =
      Pattern.compile(",\\s*\"signature\"\\s*:\\s*\"([0-9A-Fa-f]{128})\"\\s*}\\s*$");

  /// Far more than any object of Intel's needs.
  private static final int DEPTH = 16;

  private static final JsonMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(DEPTH)
                          .maxNumberLength(20)
                          .build())
                  .build())
          .build();

  static SignedJson cut(byte[] reply, String name) throws EvidenceException {
    String text = new String(reply, StandardCharsets.ISO_8859_1);
    Matcher head = Pattern.compile("^\\s*\\{\\s*\"" + name + "\"\\s*:\\s*(?=\\{)").matcher(text);
    // The tail is short: what is before it need not be looked at.
    int from = Math.max(0, text.length() - 200);
    Matcher tail = TAIL.matcher(text).region(from, text.length());
    if (!head.find() || !tail.find() || tail.start() <= head.end()) {
      throw new EvidenceException(
          "not of the form {\"%s\":{...},\"signature\":\"128 hex digits\"}".formatted(name));
    }
    return new SignedJson(
        text.substring(head.end(), tail.start()).getBytes(StandardCharsets.ISO_8859_1),
        HexFormat.of().parseHex(tail.group(1)));
  }

  JsonNode parse() throws EvidenceException {
    try {
      JsonNode node = JSON.readTree(object);
      if (!node.isObject()) {
        throw new EvidenceException("no JSON object");
      }
      return node;
    } catch (JacksonException e) {
      throw new EvidenceException("not readable as JSON: " + e.getOriginalMessage(), e);
    }
  }

  static JsonNode field(JsonNode object, String name) throws EvidenceException {
    @Nullable JsonNode value = object.get(name);
    if (value == null || value.isNull()) {
      throw new EvidenceException("'" + name + "' is missing");
    }
    return value;
  }

  static String text(JsonNode object, String name) throws EvidenceException {
    JsonNode value = field(object, name);
    if (!value.isString()) {
      throw new EvidenceException("'" + name + "' is no text");
    }
    return value.stringValue();
  }

  static int integer(JsonNode object, String name, int most) throws EvidenceException {
    JsonNode value = field(object, name);
    if (!value.isInt() || value.intValue() < 0 || value.intValue() > most) {
      throw new EvidenceException("'%s' is not in 0..%s: %s".formatted(name, most, value));
    }
    return value.intValue();
  }

  static byte[] hex(JsonNode object, String name, int size) throws EvidenceException {
    String text = text(object, name);
    if (!text.matches("[0-9A-Fa-f]{" + 2 * size + "}")) {
      throw new EvidenceException("'%s' is not %s bytes in hexadecimal".formatted(name, size));
    }
    return HexFormat.of().parseHex(text);
  }

  static Instant time(JsonNode object, String name) throws EvidenceException {
    String text = text(object, name);
    try {
      return Instant.parse(text);
    } catch (DateTimeParseException e) {
      throw new EvidenceException("'%s' is no time: %s".formatted(name, text), e);
    }
  }

  static List<JsonNode> list(JsonNode object, String name) throws EvidenceException {
    JsonNode value = field(object, name);
    if (!value.isArray()) {
      throw new EvidenceException("'" + name + "' is no list");
    }
    return new ArrayList<>(value.values());
  }

  static TcbStatus status(JsonNode level) throws EvidenceException {
    String word = text(level, "tcbStatus");
    return TcbStatus.signed(word)
        .orElseThrow(() -> new EvidenceException("unknown tcbStatus '" + word + "'"));
  }

  static List<String> advisories(JsonNode level) throws EvidenceException {
    List<String> names = new ArrayList<>();
    if (level.has("advisoryIDs")) {
      for (JsonNode each : list(level, "advisoryIDs")) {
        if (!each.isString()) {
          throw new EvidenceException("'advisoryIDs' holds something that is no text");
        }
        names.add(each.stringValue());
      }
    }
    return names;
  }
}
