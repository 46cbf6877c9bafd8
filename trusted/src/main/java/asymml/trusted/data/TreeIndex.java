package asymml.trusted.data;

import asymml.model.PrintableText;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The files of a tree under their normal names. No two may have the same one: an image that is
/// read twice counts twice.
///
/// @param <T> where a file is
final class TreeIndex<T> {
  private record Found<T>(String name, T place, int number) {}

  private final String tree;
  private final Map<String, Found<T>> files = new LinkedHashMap<>();

  /// @param tree how to call the tree in messages
  TreeIndex(String tree) {
    this.tree = tree;
  }

  /// Adds a file or folder; litter is passed over.
  ///
  /// @param name as it is stored; that of a folder ends in a separator
  /// @param place where it is
  void add(String name, T place) throws DataException {
    String path = TreeNames.normal(name);
    if (path.isEmpty() || TreeNames.isLitter(path)) {
      return;
    }
    TreeNames.require(tree, path);
    Found<T> before = files.putIfAbsent(path, new Found<>(name, place, files.size()));
    if (before != null && !path.endsWith("/")) {
      String shown = PrintableText.of(name);
      throw new DataException(
          before.name.equals(name)
              ? "%s has two files called %s; remove one".formatted(tree, path)
              : "%s: \"%s\" and \"%s\" are one name, %s; rename or remove one"
                  .formatted(tree, PrintableText.of(before.name), shown, path));
    }
  }

  /// The paths in the order in which they came; those of folders end in `/`.
  List<String> paths() {
    return List.copyOf(files.keySet());
  }

  /// Where a file is, null if there is none.
  @Nullable T place(String path) {
    Found<T> found = files.get(path);
    return found == null ? null : found.place;
  }

  /// The how manieth a file is, from 0.
  int number(String path) {
    Found<T> found = files.get(path);
    return found == null ? -1 : found.number;
  }
}
