package asymml.cli;

import asymml.model.AtomicFile;
import asymml.model.FileReason;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import tools.jackson.core.JacksonException;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLWriteFeature;

/// Settings of `train` by the names of its flags, as YAML holds them: scalars and lists of scalars.
///
/// @param values in the order in which they are written
record Settings(Map<String, Object> values) implements IDefaultValueProvider {
  private static final YAMLMapper YAML =
      YAMLMapper.builder()
          .disable(YAMLWriteFeature.WRITE_DOC_START_MARKER)
          .enable(YAMLWriteFeature.MINIMIZE_QUOTES)
          .enable(YAMLWriteFeature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
          .build();

  Settings {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /// The options that are settings, by name.
  static Map<String, OptionSpec> known() {
    CommandSpec spec = CommandSpec.forAnnotatedObject(new TrainOptions());
    return spec.options().stream()
        .collect(
            Collectors.toMap(Settings::key, option -> option, (a, _) -> a, LinkedHashMap::new));
  }

  private static String key(OptionSpec option) {
    return option.longestName().replaceFirst("^--(no-)?", "");
  }

  /// Reads a YAML file.
  ///
  /// @throws IOException one line, if it cannot be read
  /// @throws IllegalArgumentException one line, if it is not YAML or has an unknown key
  static Settings read(Path file) throws IOException {
    String text;
    try {
      text = Files.readString(file);
    } catch (IOException e) {
      throw new IOException("cannot read " + file + ": " + FileReason.of(e), e);
    }
    return parse(file.toString(), text);
  }

  /// Parses YAML.
  ///
  /// @param name of the source, for errors
  static Settings parse(String name, String text) {
    Map<String, Object> values;
    try {
      JsonNode root = YAML.readTree(text);
      values =
          root.isMissingNode() || root.isNull()
              ? Map.of()
              : YAML.convertValue(root, new TypeReference<Map<String, Object>>() {});
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          name + " is not a YAML mapping of settings: " + firstLine(e.getOriginalMessage()), e);
    }
    Map<String, Object> settings = new LinkedHashMap<>();
    values.forEach((key, value) -> {
      if (!known().containsKey(key)) {
        throw new IllegalArgumentException(
            "%s has an unknown setting '%s'; known are %s"
                .formatted(name, key, String.join(", ", known().keySet())));
      }
      if (value == null || value instanceof Map) {
        throw new IllegalArgumentException(
            "%s gives no usable value for '%s'".formatted(name, key));
      }
      settings.put(key, value);
    });
    return new Settings(settings);
  }

  private static String firstLine(String text) {
    return text.lines().findFirst().orElse("");
  }

  /// The resolved settings of a parsed command line: every one that has a value.
  static Settings of(TrainOptions options) {
    CommandSpec spec = CommandSpec.forAnnotatedObject(options);
    Map<String, Object> values = new LinkedHashMap<>();
    for (OptionSpec option : spec.options()) {
      Object value =
          switch (key(option)) {
            case "threads" -> options.threads();
            case "milestones" -> options.milestones();
            case "rank" -> options.rank();
            case TrainOptions.NOISE_RATIO -> options.noiseRatio();
            case TrainOptions.NOISE_MULTIPLIER -> options.noiseMultiplier();
            case PrivacyOptions.PROTECT -> options.privacy.protectedChannels();
            case PrivacyOptions.SAMPLING -> options.privacy.sampling();
            case PrivacyOptions.BASIS -> options.privacy.basis();
            case PrivacyOptions.CLIP -> options.privacy.clip();
            default -> option.getValue();
          };
      if (value != null) {
        values.put(key(option), Labels.of(value));
      }
    }
    return new Settings(values);
  }

  /// These settings with others taking precedence. Noise counts as one setting, whichever way it is
  /// given.
  Settings overriddenBy(Settings others) {
    Map<String, Object> merged = new LinkedHashMap<>(values);
    merged.keySet().removeAll(others.hidden());
    merged.putAll(others.values);
    return new Settings(merged);
  }

  /// These settings without some.
  Settings without(List<String> keys) {
    Map<String, Object> rest = new LinkedHashMap<>(values);
    rest.keySet().removeAll(keys);
    return new Settings(rest);
  }

  private List<String> hidden() {
    List<String> noise = List.of(TrainOptions.NOISE_MULTIPLIER, TrainOptions.NOISE_RATIO);
    return noise.stream().anyMatch(values::containsKey) ? noise : List.of();
  }

  /// Where two sets of settings differ, one phrase each.
  List<String> differences(Settings other) {
    List<String> found = new ArrayList<>();
    for (String key : known().keySet()) {
      String here = text(values.get(key));
      String there = text(other.values.get(key));
      if (!here.equals(there)) {
        found.add("%s was %s and is %s".formatted(key, orNothing(here), orNothing(there)));
      }
    }
    return found;
  }

  private static String orNothing(String text) {
    return text.isEmpty() ? "not given" : text;
  }

  /// The settings as YAML.
  String yaml() {
    return YAML.writeValueAsString(values);
  }

  /// Writes the settings as a YAML file.
  void write(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(yaml().getBytes(StandardCharsets.UTF_8));
    AtomicFile.write(
        file,
        channel -> {
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
  }

  /// What picocli takes for an option that the command line does not name.
  @Override
  public @Nullable String defaultValue(ArgSpec arg) {
    if (!(arg instanceof OptionSpec option)) {
      return null;
    }
    String value = text(values.get(key(option)));
    return value.isEmpty() ? null : value;
  }

  private static String text(@Nullable Object value) {
    return switch (value) {
      case null -> "";
      case List<?> list -> list.stream().map(String::valueOf).collect(Collectors.joining(","));
      default -> value.toString();
    };
  }
}
