package asymml.trusted.data;

import asymml.model.PrintableText;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.MappingIterator;
import tools.jackson.dataformat.csv.CsvMapper;
import tools.jackson.dataformat.csv.CsvReadFeature;
import tools.jackson.dataformat.csv.CsvSchema;

/// A table of images in CSV or TSV with a header (RFC 4180, UTF-8): a path, a label and a split in
/// each line. To the rest it looks like a tree of `split/label/image`, so that the same rules hold.
final class ImageTable {
  private static final Set<String> PATHS =
      Set.of("path", "file", "filename", "file_name", "image", "image_path");

  private ImageTable() {}

  /// Whether a file is a table, by the ending of its name.
  static boolean isTable(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    return name.endsWith(".csv") || name.endsWith(".tsv");
  }

  /// Reads a table; the images are not looked at.
  ///
  /// @param file the table; paths in it are relative to its folder
  /// @param columns whose names do not tell
  /// @throws DataException with the line and the reason, if it cannot be used
  static ImageTree open(Path file, Decoding.Columns columns) throws DataException {
    FileKind.requireRegular(file);
    boolean tabs = file.toString().toLowerCase(Locale.ROOT).endsWith(".tsv");
    CsvSchema schema = CsvSchema.emptySchema().withHeader().withColumnSeparator(tabs ? '\t' : ',');
    try (InputStream in = FileKind.open(file);
        MappingIterator<Map<String, String>> rows =
            CsvMapper.builder()
                .enable(CsvReadFeature.TRIM_SPACES)
                .build()
                .readerForMapOf(String.class)
                .with(schema)
                .readValues(in)) {
      return read(file, rows, columns);
    } catch (JacksonException e) {
      throw new DataException(
          "%s is not a table of %s-separated values: line %s: %s"
              .formatted(
                  file,
                  tabs ? "tab" : "comma",
                  e.getLocation() == null ? "?" : e.getLocation().getLineNr(),
                  e.getOriginalMessage()),
          e);
    } catch (IOException e) {
      throw FileKind.unreadable(file, e);
    }
  }

  private static ImageTree read(
      Path file, MappingIterator<Map<String, String>> rows, Decoding.Columns columns)
      throws DataException {
    ListedImages images = new ListedImages(file);
    Map<Path, Integer> lines = new HashMap<>();
    Path folder = file.toAbsolutePath().normalize().getParent();
    String pathColumn = "";
    String labelColumn = "";
    String splitColumn = "";
    @Nullable String groupColumn = null;
    while (rows.hasNextValue()) {
      // Where it begins: quoted values may have line breaks.
      int line = rows.currentLocation().getLineNr();
      Map<String, String> values = rows.nextValue();
      if (values.values().stream().allMatch(value -> value == null || value.isBlank())) {
        continue;
      }
      if (lines.isEmpty()) {
        pathColumn = column(file, values, PATHS, "the path of each image");
        labelColumn = column(file, values, columns.labels(), "the class of each image");
        splitColumn =
            column(
                file,
                values,
                ListedImages.SPLIT_COLUMNS,
                "the split of each image: train, or test (or val)");
        if (columns.group() != null) {
          groupColumn = column(file, values, columns.groups(), "the group of each image");
        }
      }
      String text = value(file, values, pathColumn, line);
      String label = value(file, values, labelColumn, line);
      String given = value(file, values, splitColumn, line);
      String split = ListedImages.split(given);
      if (split == null) {
        throw new DataException(
            "%s, line %s: the split is train, test, val, valid or validation, not %s"
                .formatted(file, line, PrintableText.of(given)));
      }
      Path image = image(file, folder, text, line);
      Integer before = lines.putIfAbsent(image, line);
      if (before != null) {
        throw new DataException(
            "%s lists %s twice, in lines %s and %s; remove one"
                .formatted(file, PrintableText.of(text), before, line));
      }
      images.add(
          split,
          label,
          name(image),
          groupColumn == null ? null : value(file, values, groupColumn, line),
          "%s, line %s".formatted(file, line),
          text,
          (name, limits) -> {
            if (FileKind.isMissing(image)) {
              throw new DataException(name + " does not exist; remove the line, or mend the path");
            }
            return ImageTree.readFile(image, limits);
          });
    }
    if (lines.isEmpty()) {
      throw new DataException(file + " lists no images");
    }
    return images.tree();
  }

  private static Path image(Path file, @Nullable Path folder, String text, int line)
      throws DataException {
    try {
      return folder == null ? Path.of(text) : folder.resolve(text).normalize();
    } catch (InvalidPathException e) {
      throw new DataException(
          "%s, line %s: %s is not a path".formatted(file, line, PrintableText.of(text)), e);
    }
  }

  private static String name(Path image) {
    Path name = image.getFileName();
    return name == null ? "" : TreeNames.of(name);
  }

  private static String column(Path file, Map<String, String> row, Set<String> names, String what)
      throws DataException {
    List<String> found = new ArrayList<>();
    for (String column : row.keySet()) {
      if (names.contains(column.strip().toLowerCase(Locale.ROOT))) {
        found.add(column);
      }
    }
    if (found.size() != 1) {
      throw new DataException(
          "%s has %s for %s; name one of its columns %s (it has %s)"
              .formatted(
                  file,
                  found.isEmpty() ? "no column" : found.size() + " columns",
                  what,
                  String.join(", ", names.stream().sorted().toList()),
                  PrintableText.of(String.join(", ", row.keySet()))));
    }
    return found.getFirst();
  }

  private static String value(Path file, Map<String, String> row, String column, int line)
      throws DataException {
    String value = row.get(column);
    if (value == null || value.isBlank()) {
      throw new DataException(
          "%s, line %s has nothing in the column %s".formatted(file, line, column));
    }
    return value.strip();
  }
}
