package asymml.trusted.data;

import asymml.model.PrintableText;
import asymml.trusted.data.format.FileBytes;
import asymml.trusted.data.format.FormatException;
import asymml.trusted.data.format.ParquetColumn;
import asymml.trusted.data.format.ParquetFile;
import asymml.trusted.data.format.ParquetValues;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The images of a Parquet file in the layout of Hugging Face's data sets: a column of structs
/// `{bytes, path}`, or of bytes, and a label, which is text or an index into names that the file's
/// metadata list.
final class ParquetRows {
  private static final Set<String> IMAGES =
      Set.of("image", "img", "bytes", "image_bytes", "picture", "photo", "jpg", "jpeg", "png");

  /// Where Hugging Face's `datasets` describes the columns, as JSON.
  private static final String FEATURES_KEY = "huggingface";

  /// Columns that an error lists, and characters of each.
  private static final int SHOWN = 20;

  private static final int SHOWN_LENGTH = 100;

  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final Path file;
  private final ParquetFile parquet;
  private final Decoding decoding;

  private ParquetRows(Path file, ParquetFile parquet, Decoding decoding) {
    this.file = file;
    this.parquet = parquet;
    this.decoding = decoding;
  }

  /// Adds the images of a file.
  ///
  /// @param file its path, for errors
  /// @param bytes its content; must stay open
  /// @param split of all its images; null if a column tells it
  /// @param decoding limits, and columns whose names do not tell
  /// @param images takes them
  static void add(
      Path file, FileBytes bytes, @Nullable String split, Decoding decoding, ListedImages images)
      throws DataException {
    try {
      new ParquetRows(file, ParquetFile.of(bytes), decoding).addAll(split, images);
    } catch (FormatException e) {
      throw refused(file, e);
    } catch (IOException e) {
      throw FileKind.unreadable(file, e);
    }
  }

  private static DataException refused(Path file, FormatException e) {
    return new DataException(PrintableText.of(file.toString()) + " " + e.reason(), e);
  }

  private void addAll(@Nullable String split, ListedImages images)
      throws DataException, FormatException, IOException {
    Decoding.Columns columns = decoding.columns();
    ParquetColumn labelColumn = named("the class of each image", columns.labels());
    ParquetValues pixels = values(column("the bytes of each image", IMAGES, ParquetRows::isImage));
    ParquetValues labels = values(labelColumn);
    @Nullable List<String> names = names(labelColumn);
    @Nullable ParquetValues splits =
        split != null
            ? null
            : values(
                named(
                    "the split of each image, which the file's name does not tell either",
                    ListedImages.SPLIT_COLUMNS));
    @Nullable ParquetValues groups =
        columns.group() == null ? null : values(named("the group of each image", columns.groups()));
    for (long i = 0; i < parquet.rows(); i++) {
      long row = i;
      String where = "%s, row %s".formatted(PrintableText.of(file.toString()), row);
      String given = splits == null ? split : splits.text(row);
      String told = given == null ? null : ListedImages.split(given);
      if (told == null) {
        throw new DataException(
            "%s: the split is train, test, val, valid or validation, not %s"
                .formatted(where, given == null ? "nothing" : PrintableText.of(given)));
      }
      images.add(
          told,
          label(where, labels.text(row), names),
          // What it is follows from its first bytes.
          "image.jpg",
          groups == null ? null : group(where, groups.text(row)),
          where,
          "image",
          (name, limit) -> read(pixels, row, name, limit));
    }
  }

  private ParquetValues values(ParquetColumn column) throws FormatException, IOException {
    return parquet.values(column, decoding.limits().fileBytes());
  }

  private byte[] read(ParquetValues pixels, long row, String name, DataLimits limit)
      throws DataException {
    try {
      byte[] bytes = pixels.bytes(row);
      if (bytes == null) {
        throw new DataException(
            name + " has no bytes; write the file with its images embedded, not their paths");
      }
      limit.requireFile(name, bytes.length);
      return bytes;
    } catch (FormatException e) {
      throw refused(file, e);
    } catch (IOException e) {
      throw FileKind.unreadable(file, e);
    }
  }

  private static String label(String where, @Nullable String label, @Nullable List<String> names)
      throws DataException {
    if (label == null || label.isBlank()) {
      throw new DataException(where + " has no class");
    }
    if (names == null) {
      return label.strip();
    }
    // Whole numbers as Parquet has them, so that they parse.
    long index = Long.parseLong(label);
    if (index < 0 || index >= names.size()) {
      throw new DataException(
          "%s has the label %s; the file names %s classes, from 0 on%s"
              .formatted(
                  where, index, names.size(), index == -1 ? " (-1 stands for no label)" : ""));
    }
    return names.get((int) index);
  }

  private static String group(String where, @Nullable String group) throws DataException {
    if (group == null || group.isBlank()) {
      throw new DataException(where + " has no group");
    }
    return group.strip();
  }

  private ParquetColumn named(String what, Set<String> names) throws DataException {
    return column(what, names, c -> isNamed(c, names));
  }

  private static boolean isNamed(ParquetColumn column, Set<String> names) {
    return column.path().size() == 1
        && names.contains(column.path().getFirst().toLowerCase(Locale.ROOT))
        && (column.type() == ParquetColumn.BYTES
            || column.type() == ParquetColumn.INT32
            || column.type() == ParquetColumn.INT64);
  }

  private static boolean isImage(ParquetColumn column) {
    List<String> path = column.path();
    return column.type() == ParquetColumn.BYTES
        && (path.size() == 1
            ? IMAGES.contains(path.getFirst().toLowerCase(Locale.ROOT)) && !column.text()
            : path.size() == 2 && path.getLast().equals("bytes"));
  }

  private ParquetColumn column(String what, Set<String> names, Predicate<ParquetColumn> wanted)
      throws DataException {
    List<ParquetColumn> found = parquet.columns().stream().filter(wanted).toList();
    if (found.size() != 1) {
      throw new DataException(
          "%s has %s for %s; name one of its columns %s (it has %s)"
              .formatted(
                  PrintableText.of(file.toString()),
                  found.isEmpty() ? "no column" : found.size() + " columns",
                  what,
                  String.join(", ", names.stream().sorted().toList()),
                  PrintableText.of(columns(parquet.columns()))));
    }
    return found.getFirst();
  }

  /// The first columns, in a line.
  private static String columns(List<ParquetColumn> columns) {
    String names =
        columns.stream()
            .limit(SHOWN)
            .map(ParquetColumn::name)
            .map(name ->
                name.length() > SHOWN_LENGTH ? name.substring(0, SHOWN_LENGTH) + "..." : name)
            .collect(Collectors.joining(", "));
    return columns.size() > SHOWN
        ? "%s and %s more".formatted(names, columns.size() - SHOWN)
        : names;
  }

  /// The names of classes of an indexed label: `info`, `features`, the column, `names`.
  ///
  /// @return null if the labels are texts, or the file names none
  private @Nullable List<String> names(ParquetColumn label) throws DataException {
    String described = parquet.metadata().get(FEATURES_KEY);
    if (described == null || label.type() == ParquetColumn.BYTES) {
      return null;
    }
    try {
      JsonNode names =
          JSON.readTree(described).path("info").path("features").path(label.name()).path("names");
      if (!names.isArray() || names.isEmpty()) {
        return null;
      }
      List<String> list = new ArrayList<>();
      for (JsonNode name : names) {
        list.add(name.asString(""));
      }
      if (Set.copyOf(list).size() != list.size() || list.stream().anyMatch(String::isBlank)) {
        throw new DataException(
            PrintableText.of(file.toString())
                + " names two of its classes alike, or one not at all; write it anew");
      }
      return List.copyOf(list);
    } catch (JacksonException e) {
      throw new DataException(
          PrintableText.of(file.toString()) + " describes its columns by what is no JSON", e);
    }
  }
}
