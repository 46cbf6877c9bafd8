package asymml.trusted.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Which images of a tree belong to which split and class. Refuses trees that are not
/// `<split>/<class>/<image>`, before any image is read.
final class ImageListing {
  private static final String TRAIN = "train";

  /// Accepted names of the test split; the first that is there is taken.
  private static final List<String> TEST = List.of("test", "val", "valid");

  private static final Set<String> ENDINGS = Set.of("jpg", "jpeg", "png");

  /// Files that file managers create.
  private static final Set<String> LITTER = Set.of("thumbs.db", "desktop.ini", "__macosx");

  private final ImageTree tree;

  /// The folders around the splits: many zip files have one.
  private final String prefix;

  /// Split to class to paths of images.
  private final NavigableMap<String, NavigableMap<String, List<String>>> splits = new TreeMap<>();

  private final String testName;

  /// Sorts out a tree.
  ///
  /// @param tree whose images to list
  /// @param paths all its paths
  /// @throws DataException if a split is missing, a class is empty or in one split only, or a file
  ///   lies where or is what it should not
  ImageListing(ImageTree tree, List<String> paths) throws DataException {
    this.tree = tree;
    List<String> visible = paths.stream().filter(path -> !isLitter(path)).toList();
    prefix = commonFolder(visible);
    for (String path : visible) {
      if (path.startsWith(prefix)) {
        add(path);
      }
    }
    testName = TEST.stream().filter(splits::containsKey).findFirst().orElse("");
    requireSplits();
    requireSameClasses();
    requireImages(TRAIN, train());
    requireImages(testName, test());
  }

  /// Class names to the paths of the training images, both sorted.
  NavigableMap<String, List<String>> train() {
    return split(TRAIN);
  }

  /// Class names to the paths of the test images, both sorted.
  NavigableMap<String, List<String>> test() {
    return split(testName);
  }

  private NavigableMap<String, List<String>> split(String name) {
    return splits.getOrDefault(name, new TreeMap<>());
  }

  static boolean isSplit(String folder) {
    return folder.equals(TRAIN) || TEST.contains(folder);
  }

  private static String commonFolder(List<String> paths) {
    String common = "";
    while (true) {
      int from = common.length();
      String before = common;
      Set<String> tops =
          paths.stream()
              .filter(path -> path.startsWith(before) && path.indexOf('/', from) > 0)
              .map(path -> path.substring(from, path.indexOf('/', from)))
              .collect(Collectors.toSet());
      if (tops.stream().anyMatch(ImageListing::isSplit)) {
        return common;
      }
      if (tops.size() != 1) {
        return "";
      }
      common = common + tops.iterator().next() + "/";
    }
  }

  private void add(String path) throws DataException {
    String inside = path.substring(prefix.length());
    String[] parts = inside.split("/", -1);
    // A folder's path ends in a slash, so that its last part is empty.
    boolean folder = parts[parts.length - 1].isEmpty();
    if (parts.length < 2 || !isSplit(parts[0])) {
      return;
    }
    var classes = splits.computeIfAbsent(parts[0], _ -> new TreeMap<>());
    if (parts.length > 3) {
      throw new DataException(
          describe(path) + " is nested too deeply; images lie in <split>/<class>/");
    }
    if (parts.length == 3) {
      List<String> images = classes.computeIfAbsent(parts[1], _ -> new ArrayList<>());
      if (!folder) {
        requireImage(path);
        images.add(path);
      }
    } else if (isImage(path)) {
      throw new DataException(
          describe(path) + " lies outside a class; images lie in <split>/<class>/");
    }
  }

  private void requireSplits() throws DataException {
    for (String split : List.of(TRAIN, testName)) {
      if (!splits.containsKey(split)) {
        throw new DataException(
            "%s has no %s split; add a folder %s/<class>/ with its images"
                .formatted(
                    tree.root(),
                    split.isEmpty() ? "test" : split,
                    split.isEmpty() ? "test (or val)" : split));
      }
    }
  }

  private void requireSameClasses() throws DataException {
    Set<String> onlyTrain = new TreeSet<>(train().keySet());
    onlyTrain.removeAll(test().keySet());
    Set<String> onlyTest = new TreeSet<>(test().keySet());
    onlyTest.removeAll(train().keySet());
    if (!onlyTrain.isEmpty() || !onlyTest.isEmpty()) {
      throw new DataException(
          "%s: the classes of the splits differ (only in %s: %s; only in %s: %s); give both the same class folders"
              .formatted(tree.root(), TRAIN, some(onlyTrain), testName, some(onlyTest)));
    }
    if (train().size() < 2) {
      throw new DataException(
          tree.root() + " has fewer than two classes; a classifier needs two or more");
    }
  }

  private void requireImages(String split, NavigableMap<String, List<String>> classes)
      throws DataException {
    for (var entry : classes.entrySet()) {
      if (entry.getValue().isEmpty()) {
        throw new DataException(
            describe(prefix + split + "/" + entry.getKey())
                + " has no images; add some, or remove the class from both splits");
      }
      entry.getValue().sort(null);
    }
  }

  private void requireImage(String path) throws DataException {
    if (!isImage(path)) {
      throw new DataException(
          describe(path) + " is not a .jpg, .jpeg or .png file; convert or remove it");
    }
  }

  private String describe(String path) {
    return tree.describe(path);
  }

  private static String some(Set<String> names) {
    String first = names.stream().limit(3).collect(Collectors.joining(", "));
    return names.isEmpty() ? "none" : names.size() <= 3 ? first : first + ", ...";
  }

  private static boolean isImage(String path) {
    return ENDINGS.contains(path.substring(path.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT));
  }

  private static boolean isLitter(String path) {
    for (String part : path.split("/", -1)) {
      if (part.startsWith(".") || LITTER.contains(part.toLowerCase(Locale.ROOT))) {
        return true;
      }
    }
    return false;
  }
}
