package asymml.session;

import asymml.model.AtomicFile;
import asymml.model.TextFile;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainConfig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLWriteFeature;

/// Settings of a run by name, as YAML files hold them: scalars and lists of scalars. What is not
/// set has a default, which may follow from what is: [#spec] resolves it.
///
/// @param values in the order in which they are written
public record Settings(Map<String, Object> values) {
  /// The setting that names the run directory. It is no part of a [TrainingSpec].
  public static final String OUT = "out";

  private static final String EPOCHS = "epochs";

  /// Settings that a resumed run may change: they do not change what it computes, but for rounding.
  public static final List<String> FREE_ON_RESUME =
      List.of(
          "data",
          SpecReader.MAX_IMAGE_PIXELS,
          SpecReader.IMAGE_CACHE,
          "init",
          "analyze-every",
          "threads",
          "worker",
          "tls-trust",
          "tls-keystore",
          "tls-password-file",
          "tls-allow-expired",
          "wire",
          "chunks",
          "verify",
          "worker-timeout",
          OUT);

  private static final YAMLMapper YAML =
      YAMLMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(YAMLWriteFeature.WRITE_DOC_START_MARKER)
          .enable(YAMLWriteFeature.MINIMIZE_QUOTES)
          .enable(YAMLWriteFeature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
          .build();

  /// How Jackson says that a key is there already.
  private static final Pattern TWICE = Pattern.compile("^Duplicate Object property \"(.*?)\"");

  /// What belongs to a schedule of the learning rate.
  private static final List<String> OF_SCHEDULE = List.of("milestones", "step-factor");

  private static final List<String> NOISE =
      List.of(SpecReader.NOISE_MULTIPLIER, SpecReader.NOISE_RATIO);

  /// Copies the map.
  public Settings {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /// The names of all settings.
  ///
  /// @return in the order in which they are written
  public static List<String> known() {
    return SpecReader.KNOWN;
  }

  /// All settings of a specification.
  ///
  /// @param spec what a run is told
  /// @return settings from which [#spec] makes an equal specification, but for
  ///   [WorkerSpec#localArguments], which are no setting, and fractions of a second of
  ///   [WorkerSpec#timeout]
  public static Settings of(TrainingSpec spec) {
    return new Settings(SpecWriter.values(spec));
  }

  /// Reads a YAML file.
  ///
  /// @param file for example the configuration of a run directory
  /// @return what it sets
  /// @throws IOException one line, if it cannot be read
  /// @throws IllegalArgumentException one line, if it is not YAML or has an unknown key
  public static Settings read(Path file) throws IOException {
    return parse(file.toString(), TextFile.read(file));
  }

  /// Reads what a run was told.
  ///
  /// @param run its files
  /// @return its specification
  /// @throws IOException one line, if its settings cannot be read or used
  public static TrainingSpec ofRun(RunLayout run) throws IOException {
    try {
      return read(run.config()).spec();
    } catch (IllegalArgumentException e) {
      throw new IOException(run.config() + " has unusable settings: " + e.getMessage(), e);
    }
  }

  /// Parses YAML.
  ///
  /// @param name of the source, for errors
  /// @param text what it holds
  /// @return what it sets
  /// @throws IllegalArgumentException one line, if it is not YAML or has an unknown key
  public static Settings parse(String name, String text) {
    Map<String, Object> values;
    try {
      JsonNode root = YAML.readTree(text);
      values =
          root.isMissingNode() || root.isNull()
              ? Map.of()
              : YAML.convertValue(root, new TypeReference<Map<String, Object>>() {});
    } catch (JacksonException e) {
      Matcher twice = TWICE.matcher(String.valueOf(e.getOriginalMessage()));
      if (twice.find()) {
        throw new InvalidSpecException(
            Finding.of(
                Finding.Kind.CONTRADICTION,
                "%s sets '%s' twice%s".formatted(name, twice.group(1), line(e))));
      }
      throw new IllegalArgumentException(
          "%s is not a YAML mapping of settings: %s%s"
              .formatted(name, firstLine(e.getOriginalMessage()), line(e)),
          e);
    }
    values.forEach((key, value) -> {
      if (!known().contains(key)) {
        throw new InvalidSpecException(
            Finding.of(
                Finding.Kind.UNKNOWN_SETTING,
                "%s has an unknown setting '%s'; known are %s"
                    .formatted(name, key, String.join(", ", known()))));
      }
      if (value == null || value instanceof Map) {
        throw new IllegalArgumentException(
            "%s gives no usable value for '%s'".formatted(name, key));
      }
    });
    return new Settings(values);
  }

  private static String line(JacksonException e) {
    @Nullable TokenStreamLocation location = e.getLocation();
    return location == null || location.getLineNr() < 1
        ? ""
        : " (line " + location.getLineNr() + ")";
  }

  private static String firstLine(String text) {
    return text.lines().findFirst().orElse("");
  }

  /// The specification that these settings describe, with defaults for the rest.
  ///
  /// @return what a run is told
  /// @throws InvalidSpecException with what is wrong
  public TrainingSpec spec() {
    return new SpecReader(this).spec();
  }

  /// These settings with others taking precedence. Noise counts as one setting, whichever way it is
  /// given, and milestones and factor go with the schedule that they were given for.
  ///
  /// @param others which win
  /// @return new settings
  public Settings overriddenBy(Settings others) {
    Map<String, Object> merged = new LinkedHashMap<>(values);
    if (NOISE.stream().anyMatch(others.values::containsKey)) {
      merged.keySet().removeAll(NOISE);
    }
    if (others.values.containsKey("schedule")
        && !text("schedule").equals(others.text("schedule"))) {
      merged.keySet().removeAll(OF_SCHEDULE);
    }
    merged.putAll(others.values);
    return new Settings(merged);
  }

  /// The settings that have no effect on a run, because of its mode or because it accounts for
  /// nothing. A file may hold them all the same; who sets one for this run expects something of it.
  ///
  /// @param spec what the run is told
  /// @return keys with the reason in a few words, such as "in mode trusted-only"
  public static Map<String, String> withoutEffect(TrainingSpec spec) {
    Map<String, String> found = new LinkedHashMap<>();
    TrainConfig training = spec.training();
    String mode = "in mode " + training.mode().label();
    List<String> ofMode =
        switch (training.mode()) {
          case ASYMML -> List.of();
          case DP_ONLY -> List.of("rank", "decomposer", "update");
          case UNTRUSTED_ONLY ->
              List.of(
                  "rank",
                  "decomposer",
                  "update",
                  "trusted-layers",
                  SpecReader.NOISE_RATIO,
                  SpecReader.NOISE_MULTIPLIER);
          case TRUSTED_ONLY ->
              List.of(
                  "rank",
                  "decomposer",
                  "update",
                  "trusted-layers",
                  SpecReader.NOISE_RATIO,
                  SpecReader.NOISE_MULTIPLIER,
                  "gradient-noise-ratio",
                  "shield",
                  "weight-gradient",
                  "worker",
                  "tls-trust",
                  "tls-keystore",
                  "tls-password-file",
                  "tls-allow-expired",
                  "wire",
                  "chunks",
                  "verify",
                  "worker-timeout");
        };
    ofMode.forEach(key -> found.put(key, mode));
    if (training.mode() == Mode.TRUSTED_ONLY && spec.analyzeEvery() > 0) {
      // Ranks are analysed as a split run with these would have them.
      found.keySet().removeAll(List.of("rank", "decomposer"));
    }
    if (training.privacy().dpSgd() != null) {
      // Noise on the summed gradients, in any mode.
      found.remove(SpecReader.NOISE_MULTIPLIER);
      if (training.mode() == Mode.TRUSTED_ONLY) {
        found.put(SpecReader.MASKS_SHARE, mode);
        // There are no clip bounds and no bases to be found.
        found.put("public-data", mode);
      }
    }
    if (!training.privacy().accounted()) {
      found.put("public-data", "in a run that accounts for nothing");
    }
    if (training.optimizer().schedule() != TrainConfig.Schedule.STEP) {
      found.put("step-factor", "but with the schedule step");
    }
    return Collections.unmodifiableMap(found);
  }

  /// These settings without some.
  ///
  /// @param keys of those to leave out
  /// @return new settings
  public Settings without(Collection<String> keys) {
    Map<String, Object> rest = new LinkedHashMap<>(values);
    rest.keySet().removeAll(keys);
    return new Settings(rest);
  }

  /// Where two sets of settings differ.
  ///
  /// @param other settings that came later
  /// @return one phrase each
  public List<String> differences(Settings other) {
    List<String> found = new ArrayList<>();
    for (String key : known()) {
      String here = text(key);
      String there = other.text(key);
      if (!here.equals(there)) {
        found.add("%s was %s and is %s".formatted(key, orNothing(here), orNothing(there)));
      }
    }
    return found;
  }

  /// Checks that a run with these settings may be resumed with a specification. It may be given
  /// more epochs than it had, unless it is accounted for: then its noise was chosen for their
  /// number.
  ///
  /// @param resumed what it is told now
  /// @throws InvalidSpecException if it would compute something else
  public void requireUnchangedBy(TrainingSpec resumed) {
    TrainingSpec begun = spec();
    List<String> free = new ArrayList<>(FREE_ON_RESUME);
    if (resumed.training().epochs() > begun.training().epochs()
        && !begun.training().privacy().accounted()) {
      free.add(EPOCHS);
    }
    List<String> changed = of(begun).without(free).differences(of(resumed).without(free));
    if (!changed.isEmpty()) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.CHANGED_ON_RESUME,
              "a resumed run has the settings that it started with, but "
                  + String.join(", ", changed)
                  + ": leave them out, or start a new run"));
    }
  }

  private static String orNothing(String text) {
    return text.isEmpty() ? "not given" : text;
  }

  /// A setting as it is written on one line: the elements of a list with commas.
  ///
  /// @param key of the setting
  /// @return empty if it is not set
  public String text(String key) {
    return text(values.get(key));
  }

  private static String text(@Nullable Object value) {
    return switch (value) {
      case null -> "";
      case List<?> list -> list.stream().map(String::valueOf).collect(Collectors.joining(","));
      default -> value.toString();
    };
  }

  /// The settings as YAML.
  ///
  /// @return a line each, or several for a list
  public String yaml() {
    return YAML.writeValueAsString(values);
  }

  /// Writes the settings as a YAML file.
  ///
  /// @param file replaced if it exists
  /// @throws IOException if it cannot be written
  public void write(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(yaml().getBytes(StandardCharsets.UTF_8));
    AtomicFile.write(
        file,
        channel -> {
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
  }
}
