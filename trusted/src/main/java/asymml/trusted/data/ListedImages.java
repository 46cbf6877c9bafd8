package asymml.trusted.data;

import asymml.model.PrintableText;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Collects images that lie anywhere, each with its split and class. To the rest they look like a
/// tree of `split/class/image`, so that the same rules hold; within a class they keep their order.
final class ListedImages implements AutoCloseable {
  /// Names of columns with the class of each image, in lower case.
  static final Set<String> LABELS = Set.of("label", "labels", "class", "category", "fine_label");

  /// Names of columns with the split of each image, in lower case.
  static final Set<String> SPLIT_COLUMNS = Set.of("split", "set", "subset");

  /// What people write, and the folder that it stands for.
  private static final Map<String, String> SPLITS =
      Map.of(
          "train",
          "train",
          "training",
          "train",
          "test",
          "test",
          "testing",
          "test",
          "val",
          "val",
          "valid",
          "valid",
          "validation",
          "validation");

  private final Path root;
  private final TreeIndex<ImageTree.Place> files;
  private final Map<String, String> shown = new HashMap<>();
  private final Map<String, String> groups = new HashMap<>();
  private final List<Closeable> open = new ArrayList<>();
  private int count;

  /// @param root what is read, for errors
  ListedImages(Path root) {
    this.root = root;
    files = new TreeIndex<>(root.toString());
  }

  /// The split that a word means.
  ///
  /// @return one of `train`, `test`, `val`, `valid` and `validation`; null if it means none
  static @Nullable String split(String word) {
    return SPLITS.get(word.strip().toLowerCase(Locale.ROOT));
  }

  /// Adds an image.
  ///
  /// @param split of [#split]
  /// @param label its class
  /// @param name a file's name, which ends in `.jpg`, `.jpeg` or `.png` if it is an image; it need
  ///   not be unique
  /// @param group what it has in common with others; null if there are no groups
  /// @param where how to call what it lies in, for errors
  /// @param what how to call the image behind that
  /// @param place where its bytes are
  void add(
      String split,
      String label,
      String name,
      @Nullable String group,
      String where,
      String what,
      ImageTree.Place place)
      throws DataException {
    // By number, so that two may have one name.
    String path =
        "%s/%s/%s-%s".formatted(split, label, String.format(Locale.ROOT, "%09d", count++), name);
    files.add(path, place);
    String normal = TreeNames.normal(path);
    if (normal.split("/", -1).length != 3 || files.place(normal) == null) {
      throw new DataException(
          "%s: %s cannot be the name of a class: it has a separator or begins with a dot"
              .formatted(where, PrintableText.of(label)));
    }
    shown.put(normal, "%s: %s".formatted(where, PrintableText.of(what)));
    if (group != null) {
      groups.put(normal, group);
    }
  }

  /// Adds a file of a tree that has splits and classes of its own.
  ///
  /// @param path `split/class/image`, or that of a folder
  /// @param where how to call what it lies in
  /// @param place where its bytes are
  void addFile(String path, String where, ImageTree.Place place) throws DataException {
    files.add(path, place);
    shown.put(path, where + ": " + PrintableText.of(path));
  }

  /// Whether there are no images.
  boolean isEmpty() {
    return files.paths().isEmpty();
  }

  /// Has a file closed together with the tree.
  <T extends Closeable> T closing(T file) {
    open.add(file);
    return file;
  }

  /// The tree, which then owns what is open.
  ImageTree tree() {
    ImageTree tree =
        new ImageTree.Listed(root, files, Map.copyOf(shown), Map.copyOf(groups), List.copyOf(open));
    open.clear();
    return tree;
  }

  /// Closes what no tree owns.
  @Override
  public void close() throws IOException {
    for (Closeable each : open) {
      each.close();
    }
  }
}
