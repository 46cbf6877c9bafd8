package asymml.trusted.data;

import asymml.model.PrintableText;
import asymml.trusted.data.format.FileBytes;
import asymml.trusted.data.format.FormatException;
import asymml.trusted.data.format.TarArchive;
import asymml.trusted.data.format.TarArchive.Entry;
import asymml.trusted.data.format.TarArchive.Kind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The images of a tar archive: samples as WebDataset packs them, `key.jpg` or `key.png` with
/// `key.cls` or `key.json`, or a tree of `split/class/image` as in a folder.
final class TarSamples {
  /// A label is a word; what stands beside it in JSON may be long.
  private static final int MOST_LABEL_BYTES = 1 << 20;

  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final Path file;
  private final FileBytes bytes;
  private final @Nullable String split;
  private final Decoding.Columns columns;

  /// The files of a sample, by what follows their first dot.
  ///
  /// @param images its images
  /// @param labels what says its class
  private record Sample(Map<String, Entry> images, Map<String, Entry> labels) {
    Sample() {
      this(new LinkedHashMap<>(), new LinkedHashMap<>());
    }
  }

  private TarSamples(Path file, FileBytes bytes, @Nullable String split, Decoding.Columns columns) {
    this.file = file;
    this.bytes = bytes;
    this.split = split;
    this.columns = columns;
  }

  /// Adds the images of an archive.
  ///
  /// @param file the archive, for errors
  /// @param bytes its content; must stay open
  /// @param split of all its samples; null if their folders tell it
  /// @param columns keys of its JSON whose names do not tell
  /// @param images takes them
  static void add(
      Path file,
      FileBytes bytes,
      @Nullable String split,
      Decoding.Columns columns,
      ListedImages images)
      throws DataException {
    try {
      new TarSamples(file, bytes, split, columns).addAll(images);
    } catch (FormatException e) {
      throw new DataException(PrintableText.of(file.toString()) + " " + e.reason(), e);
    } catch (IOException e) {
      throw FileKind.unreadable(file, e);
    }
  }

  private void addAll(ListedImages images) throws DataException, FormatException, IOException {
    if (bytes.size() == 0) {
      throw new FormatException("is empty; replace or remove it");
    }
    byte[] head = bytes.read(0, (int) Math.min(bytes.size(), 512));
    if (head[0] != 0 && !TarArchive.begins(head)) {
      throw new FormatException(
          "is no tar archive, or a damaged one: it %s".formatted(FileKind.describe(head)));
    }
    // Under normal names, each once.
    TreeIndex<Entry> entries = new TreeIndex<>(file.toString());
    for (Entry entry : TarArchive.list(bytes, TreeNames::decode)) {
      boolean folder = entry.kind() == Kind.FOLDER && !entry.name().endsWith("/");
      entries.add(folder ? entry.name() + "/" : entry.name(), entry);
    }
    Map<String, Sample> samples = samples(entries);
    if (samples.values().stream().noneMatch(s -> !s.images.isEmpty() && !s.labels.isEmpty())) {
      addTree(entries, images);
      return;
    }
    for (var each : samples.entrySet()) {
      add(each.getKey(), each.getValue(), images);
    }
  }

  /// A tree of `split/class/image`; or of `class/image`, where the archive is a split.
  private void addTree(TreeIndex<Entry> entries, ListedImages images) throws DataException {
    if (!columns.isNone()) {
      throw new DataException(
          PrintableText.of(file.toString())
              + " has no .json beside its images, whose keys could be columns");
    }
    boolean splits =
        entries.paths().stream()
            .flatMap(path -> Stream.of(path.split("/", -1)))
            .anyMatch(ImageListing::isSplit);
    String folder = splits || split == null ? "" : split + "/";
    for (String path : entries.paths()) {
      Entry entry = entries.place(path);
      if (entry != null) {
        images.addFile(
            folder + path,
            PrintableText.of(file.toString()),
            (name, limits) -> read(entry, name, limits));
      }
    }
  }

  /// The samples by their keys: paths up to the first dot of the file's name.
  private static Map<String, Sample> samples(TreeIndex<Entry> entries) {
    Map<String, Sample> samples = new LinkedHashMap<>();
    for (String path : entries.paths()) {
      int name = path.lastIndexOf('/') + 1;
      int dot = path.indexOf('.', name);
      Entry entry = entries.place(path);
      if (dot < 0 || entry == null) {
        continue;
      }
      String ending = path.substring(dot + 1).toLowerCase(Locale.ROOT);
      boolean label = ending.equals("cls") || ending.equals("json");
      if (label || ImageListing.isImage(path)) {
        Sample sample = samples.computeIfAbsent(path.substring(0, dot), _ -> new Sample());
        (label ? sample.labels : sample.images).put(label ? ending : path.substring(name), entry);
      }
    }
    return samples;
  }

  private void add(String key, Sample sample, ListedImages images)
      throws DataException, FormatException, IOException {
    String where = PrintableText.of(file.toString());
    if (sample.images.isEmpty()) {
      return;
    }
    if (sample.images.size() > 1) {
      throw new DataException(
          "%s: the sample %s has several images (%s); keep one"
              .formatted(where, key, String.join(", ", sample.images.keySet())));
    }
    var image = sample.images.entrySet().iterator().next();
    Entry entry = image.getValue();
    int top = key.indexOf('/');
    String told =
        split != null ? split : top < 0 ? null : ListedImages.split(key.substring(0, top));
    if (told == null) {
      throw new DataException(
          "%s: the split of its images is not told; name the file after it, such as train-000000.tar and test-000000.tar, or put the samples into folders train/ and test/"
              .formatted(where));
    }
    String name = PrintableText.of(file + ": " + key);
    JsonNode json = json(name, sample);
    images.add(
        told,
        label(name, key, sample, json),
        image.getKey(),
        group(name, json),
        where,
        key.substring(0, key.lastIndexOf('/') + 1) + image.getKey(),
        (called, limits) -> read(entry, called, limits));
  }

  /// The class: from `key.cls`, or `key.json` where there is none or a column is asked for.
  private String label(String where, String key, Sample sample, @Nullable JsonNode json)
      throws DataException, FormatException, IOException {
    Entry cls = columns.label() == null ? sample.labels.get("cls") : null;
    if (cls != null) {
      String text = new String(label(cls, where + ".cls"), StandardCharsets.UTF_8).strip();
      if (text.isEmpty()) {
        throw new DataException(where + ".cls is empty; it holds the class of the image");
      }
      return text;
    }
    if (json == null) {
      throw new DataException(
          "%s has no class: neither %s.cls nor %s.json is there; add one, or remove the image"
              .formatted(where, key, key));
    }
    Set<String> names = new TreeSet<>(columns.labels());
    if (columns.label() == null) {
      names.add("cls");
    }
    return value(where, json, names, "class");
  }

  private @Nullable JsonNode json(String where, Sample sample)
      throws DataException, FormatException, IOException {
    Entry json = sample.labels.get("json");
    if (json == null) {
      return null;
    }
    try {
      return JSON.readTree(label(json, where + ".json"));
    } catch (JacksonException e) {
      throw new DataException(where + ".json is no JSON; pack it again", e);
    }
  }

  private static String value(String where, JsonNode json, Set<String> names, String what)
      throws DataException {
    String found = null;
    for (var property : json.properties()) {
      if (names.contains(property.getKey().toLowerCase(Locale.ROOT))) {
        JsonNode value = property.getValue();
        if (found != null || !(value.isString() || value.isIntegralNumber())) {
          throw new DataException(
              "%s.json: the %s is one text or whole number, under one of %s"
                  .formatted(where, what, String.join(", ", names)));
        }
        found = value.asString().strip();
      }
    }
    if (found == null || found.isEmpty()) {
      throw new DataException(
          "%s.json has no %s: add it under %s".formatted(where, what, String.join(", ", names)));
    }
    return found;
  }

  private @Nullable String group(String where, @Nullable JsonNode json) throws DataException {
    if (columns.group() == null) {
      return null;
    }
    if (json == null) {
      throw new DataException(where + " has no group: no .json is there that names it");
    }
    return value(where, json, columns.groups(), "group");
  }

  private byte[] label(Entry entry, String name)
      throws DataException, FormatException, IOException {
    requireFile(entry, name);
    if (entry.size() > MOST_LABEL_BYTES) {
      throw new DataException(
          "%s has %s bytes; a label has at most %s"
              .formatted(name, entry.size(), MOST_LABEL_BYTES));
    }
    return bytes.read(entry.offset(), (int) entry.size());
  }

  private byte[] read(Entry entry, String name, DataLimits limits) throws DataException {
    requireFile(entry, name);
    limits.requireFile(name, entry.size());
    try {
      return bytes.read(entry.offset(), (int) entry.size());
    } catch (FormatException e) {
      throw new DataException(PrintableText.of(file.toString()) + " " + e.reason(), e);
    } catch (IOException e) {
      throw FileKind.unreadable(file, e);
    }
  }

  private static void requireFile(Entry entry, String name) throws DataException {
    String why =
        switch (entry.kind()) {
          case FILE -> "";
          case FOLDER -> "is a folder";
          case SYMBOLIC_LINK -> "is a symbolic link; pack the tar archive with the file itself";
          case HARD_LINK ->
              "is a hard link, another name of a file of the archive; pack it with"
                  + " --hard-dereference, or remove it";
          case SPARSE -> "is stored as a sparse file; pack it without --sparse";
          case CONTINUED -> "began in another archive; join the volumes, or pack them as one";
          case OTHER -> "is a device, pipe or special entry, not a file; remove it";
        };
    if (!why.isEmpty()) {
      throw new DataException(name + " " + why);
    }
  }
}
