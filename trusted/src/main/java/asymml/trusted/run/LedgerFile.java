package asymml.trusted.run;

import asymml.model.ClearStore;
import asymml.model.PrivateStore;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// `ledger.json`: what a run has released, enough to compute its cost from. It is written before a
/// step is begun, so that a run that is killed has spent at most what it lists.
public final class LedgerFile {
  private static final String FORMAT = "asymml-ledger-2";

  private LedgerFile() {}

  /// Writes a ledger atomically, and to the disk.
  ///
  /// @param file its path; the directory must exist
  /// @param ledger what has been, or is about to be, released
  /// @throws IOException one line that names the file and the reason; the old file is unchanged
  public static void write(Path file, Ledger ledger) throws IOException {
    write(ClearStore.CLEAR, file, ledger);
  }

  /// Writes the ledger of a run as the run's files are stored.
  ///
  /// @param layout of the run
  /// @param ledger what has been, or is about to be, released
  /// @throws IOException one line that names the file and the reason; the old file is unchanged
  public static void write(RunLayout layout, Ledger ledger) throws IOException {
    write(layout.store(), layout.ledger(), ledger);
  }

  private static void write(PrivateStore store, Path file, Ledger ledger) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("format", FORMAT);
    facts.put("delta", ledger.delta().value());
    facts.put("workers", ledger.workers());
    facts.put("sampling", sampling(ledger.sampling()));
    List<Object> entries = new ArrayList<>();
    for (Ledger.Entry entry : ledger.entries()) {
      entries.add(
          ordered(
              "steps",
              entry.steps(),
              "releases",
              entry.releases().stream().map(LedgerFile::release).toList()));
    }
    facts.put("entries", entries);
    RunFile.write(store, file, facts);
  }

  private static Map<String, Object> sampling(Sampling sampling) {
    return switch (sampling) {
      case Sampling.Poisson(long examples, int batchSize, int slots) ->
          ordered("kind", "poisson", "examples", examples, "batchSize", batchSize, "slots", slots);
      case Sampling.Shuffled(long examples, int batchSize) ->
          ordered("kind", "shuffle", "examples", examples, "batchSize", batchSize);
    };
  }

  private static Map<String, Object> release(Release release) {
    Map<String, Object> facts =
        ordered(
            "channel",
            release.channel().label(),
            "layer",
            release.layer(),
            "values",
            release.values());
    switch (release.mechanism()) {
      case Release.Gaussian(var clip, var noise) -> {
        facts.put("clipNorm", clip.value());
        facts.put("noiseMultiplier", noise.value());
      }
      case Release.PostProcessing(var of) -> facts.put("postProcessing", of);
      case Release.Uncovered(var reason) -> facts.put("uncovered", reason);
    }
    return facts;
  }

  private static Map<String, Object> ordered(Object... pairs) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      map.put((String) pairs[i], pairs[i + 1]);
    }
    return map;
  }

  /// Reads a ledger where there is one: a run that releases nothing has none.
  ///
  /// @param file source
  /// @return the ledger, or null
  /// @throws IOException one line that names the file, if it cannot be read or is no ledger
  public static @Nullable Ledger readIfAny(Path file) throws IOException {
    return Files.exists(file) ? read(file) : null;
  }

  /// Reads the ledger of a run where there is one.
  ///
  /// @param layout of the run
  /// @return the ledger, or null
  /// @throws IOException one line that names the file, if it cannot be read or is no ledger
  public static @Nullable Ledger readIfAny(RunLayout layout) throws IOException {
    return Files.exists(layout.ledger()) ? read(layout) : null;
  }

  /// Reads the ledger of a run.
  ///
  /// @param layout of the run
  /// @return what it says
  /// @throws IOException one line that names the file, if it cannot be read or is no ledger
  public static Ledger read(RunLayout layout) throws IOException {
    return read(layout.store(), layout.ledger());
  }

  /// Reads a ledger back.
  ///
  /// @param file a file that [#write] wrote
  /// @return what it says
  /// @throws IOException one line that names the file, if it cannot be read or is no ledger
  public static Ledger read(Path file) throws IOException {
    return read(ClearStore.CLEAR, file);
  }

  private static Ledger read(PrivateStore store, Path file) throws IOException {
    Fields facts = new Fields(RunFile.read(store, file));
    try {
      if (!facts.text("format").equals(FORMAT)) {
        throw new IllegalArgumentException("another format than " + FORMAT);
      }
      List<Ledger.Entry> entries = new ArrayList<>();
      for (Fields entry : facts.list("entries")) {
        entries.add(
            new Ledger.Entry(
                entry.list("releases").stream().map(LedgerFile::release).toList(),
                entry.whole("steps")));
      }
      return new Ledger(
          sampling(facts.map("sampling")),
          new Delta(facts.real("delta")),
          entries,
          Math.toIntExact(facts.whole("workers")));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new IOException(file + " is no ledger of this program: " + e.getMessage(), e);
    }
  }

  private static Sampling sampling(Fields facts) {
    long examples = facts.whole("examples");
    int batchSize = Math.toIntExact(facts.whole("batchSize"));
    return switch (facts.text("kind")) {
      case "poisson" ->
          new Sampling.Poisson(examples, batchSize, Math.toIntExact(facts.whole("slots")));
      case "shuffle" -> new Sampling.Shuffled(examples, batchSize);
      default -> throw new IllegalArgumentException("unknown sampling");
    };
  }

  private static Release release(Fields facts) {
    String label = facts.text("channel");
    Channel channel =
        Arrays.stream(Channel.values())
            .filter(c -> c.label().equals(label))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException("unknown channel"));
    long mechanisms =
        Stream.of("noiseMultiplier", "postProcessing", "uncovered").filter(facts::has).count();
    if (mechanisms != 1) {
      throw new IllegalArgumentException("a release has one mechanism, not " + mechanisms);
    }
    Release.Mechanism mechanism;
    if (facts.has("noiseMultiplier")) {
      mechanism =
          new Release.Gaussian(
              new ClipNorm(facts.real("clipNorm")),
              new NoiseMultiplier(facts.real("noiseMultiplier")));
    } else if (facts.has("postProcessing")) {
      mechanism = new Release.PostProcessing(facts.text("postProcessing"));
    } else {
      mechanism = new Release.Uncovered(facts.text("uncovered"));
    }
    return new Release(channel, facts.text("layer"), facts.whole("values"), mechanism);
  }

  /// A JSON object, read with errors that name the field.
  private record Fields(Map<?, ?> values) {
    boolean has(String key) {
      return values.containsKey(key);
    }

    private <T> T value(String key, Class<T> type) {
      Object value = values.get(key);
      if (!type.isInstance(value)) {
        throw new IllegalArgumentException("no usable '" + key + "'");
      }
      return type.cast(value);
    }

    String text(String key) {
      return value(key, String.class);
    }

    double real(String key) {
      return value(key, Number.class).doubleValue();
    }

    long whole(String key) {
      Number number = value(key, Number.class);
      if (number.doubleValue() != number.longValue()) {
        throw new IllegalArgumentException("no whole number in '" + key + "'");
      }
      return number.longValue();
    }

    Fields map(String key) {
      return new Fields(value(key, Map.class));
    }

    List<Fields> list(String key) {
      List<Fields> found = new ArrayList<>();
      for (Object item : value(key, List.class)) {
        if (!(item instanceof Map<?, ?> map)) {
          throw new IllegalArgumentException("'" + key + "' holds no objects");
        }
        found.add(new Fields(map));
      }
      return found;
    }
  }
}
