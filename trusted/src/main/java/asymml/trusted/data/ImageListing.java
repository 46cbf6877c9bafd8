package asymml.trusted.data;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Which images of a tree belong to which split and class. Refuses trees that are not
/// `<split>/<class>/<image>`, before any image is read.
final class ImageListing {
  private static final String TRAIN = "train";

  /// Accepted names of the test split; the first one that has labelled images is taken, and before
  /// it one whose classes are those of the training split.
  private static final List<String> TEST = List.of("test", "val", "valid", "validation");

  private static final Set<String> ENDINGS = Set.of("jpg", "jpeg", "png");

  private final ImageTree tree;

  /// The folders around the splits: many zip files have one.
  private final String prefix;

  private final NavigableMap<String, Split> splits = new TreeMap<>();

  /// One split: its classes with the paths of their images, and what does not belong.
  private static final class Split {
    private final NavigableMap<String, List<String>> classes = new TreeMap<>();

    /// Paths that lie outside a class, or too deep.
    private final List<String> loose = new ArrayList<>();

    private final List<String> deep = new ArrayList<>();
    private final List<String> others = new ArrayList<>();

    private boolean isLabelled() {
      return classes.values().stream().anyMatch(images -> !images.isEmpty());
    }
  }

  /// Sorts out a tree; its splits are checked when they are asked for.
  ///
  /// @param tree whose images to list
  /// @throws DataException if several of its folders hold splits
  ImageListing(ImageTree tree) throws DataException {
    this.tree = tree;
    List<String> paths = tree.paths();
    prefix = folderOfSplits(tree, paths);
    for (String path : paths) {
      if (path.startsWith(prefix)) {
        add(path);
      }
    }
  }

  /// Class names to the paths of the training images, both sorted.
  ///
  /// @throws DataException if there is no such split, a class is empty, or a file lies where or is
  ///   what it should not
  NavigableMap<String, List<String>> train() throws DataException {
    NavigableMap<String, List<String>> classes = checked(TRAIN, "train");
    if (classes.size() < 2) {
      throw new DataException(
          tree.root() + " has fewer than two classes; a classifier needs two or more");
    }
    return classes;
  }

  /// Class names to the paths of the test images, both sorted.
  ///
  /// @param classNames those it should have; a split that has these goes first
  /// @throws DataException as [#train]
  NavigableMap<String, List<String>> test(Set<String> classNames) throws DataException {
    return checked(testName(classNames), "test (or val)");
  }

  /// Refuses a test split whose classes are not those of the training split.
  void requireSameClasses(Set<String> train) throws DataException {
    String testName = testName(train);
    Set<String> test = splits.getOrDefault(testName, new Split()).classes.keySet();
    Set<String> onlyTrain = new TreeSet<>(train);
    onlyTrain.removeAll(test);
    Set<String> onlyTest = new TreeSet<>(test);
    onlyTest.removeAll(train);
    if (!onlyTrain.isEmpty() || !onlyTest.isEmpty()) {
      throw new DataException(
          "%s: the classes of the splits differ (only in %s: %s; only in %s: %s); give both the same class folders"
              .formatted(tree.root(), TRAIN, some(onlyTrain), testName, some(onlyTest)));
    }
  }

  static boolean isSplit(String folder) {
    return folder.equals(TRAIN) || TEST.contains(folder);
  }

  private String testName(Set<String> classNames) {
    String chosen = "";
    for (String name : TEST) {
      Split split = splits.get(name);
      if (split != null && split.isLabelled()) {
        if (split.classes.keySet().equals(classNames)) {
          return name;
        }
        chosen = chosen.isEmpty() ? name : chosen;
      }
    }
    return chosen.isEmpty()
        ? TEST.stream().filter(splits::containsKey).findFirst().orElse("test")
        : chosen;
  }

  /// The folder that holds the splits: the highest one, if there is only one at its height.
  ///
  /// @return its path, which ends in a slash; empty for the root
  private static String folderOfSplits(ImageTree tree, List<String> paths) throws DataException {
    NavigableSet<String> candidates =
        new TreeSet<>(
            Comparator.comparingInt(ImageListing::depth).thenComparing(Comparator.naturalOrder()));
    for (String path : paths) {
      int from = 0;
      for (int end = path.indexOf('/'); end >= 0; end = path.indexOf('/', from)) {
        if (isSplit(path.substring(from, end))) {
          candidates.add(path.substring(0, from));
          break;
        }
        from = end + 1;
      }
    }
    if (candidates.isEmpty()) {
      return "";
    }
    String first = candidates.first();
    String second = candidates.higher(first);
    if (second != null && depth(second) == depth(first)) {
      throw new DataException(
          "%s holds several data sets, such as %s and %s; give one of them"
              .formatted(tree.root(), first, second));
    }
    return first;
  }

  private static int depth(String folder) {
    return (int) folder.chars().filter(c -> c == '/').count();
  }

  private void add(String path) {
    String inside = path.substring(prefix.length());
    String[] parts = inside.split("/", -1);
    // A folder's path ends in a slash, so that its last part is empty.
    boolean folder = parts[parts.length - 1].isEmpty();
    if (parts.length < 2 || !isSplit(parts[0])) {
      return;
    }
    Split split = splits.computeIfAbsent(parts[0], _ -> new Split());
    if (parts.length > 3) {
      split.deep.add(path);
    } else if (parts.length == 3) {
      List<String> images = split.classes.computeIfAbsent(parts[1], _ -> new ArrayList<>());
      if (!folder) {
        (isImage(path) ? images : split.others).add(path);
      }
    } else if (isImage(path)) {
      split.loose.add(path);
    }
  }

  private NavigableMap<String, List<String>> checked(String name, String advice)
      throws DataException {
    Split split = splits.get(name);
    if (splits.isEmpty() && tree.paths().stream().anyMatch(ImageListing::isBinary)) {
      throw new DataException(
          tree.root()
              + " holds files of CIFAR or of the MNIST family, which are not read from a zip file;"
              + " unpack it and give the folder");
    }
    if (split == null) {
      throw new DataException(
          "%s has no %s split; add a folder %s/<class>/ with its images"
              .formatted(tree.root(), name, advice));
    }
    refuse(split.deep, "is nested too deeply; images lie in <split>/<class>/");
    refuse(split.loose, "lies outside a class; images lie in <split>/<class>/");
    refuse(split.others, "is not a .jpg, .jpeg or .png file; convert or remove it");
    for (var entry : split.classes.entrySet()) {
      if (entry.getValue().isEmpty()) {
        throw new DataException(
            tree.describe(prefix + name + "/" + entry.getKey())
                + " has no images; add some, or remove the class from both splits");
      }
      entry.getValue().sort(null);
    }
    return split.classes;
  }

  private void refuse(List<String> paths, String why) throws DataException {
    if (!paths.isEmpty()) {
      throw new DataException(tree.describe(paths.getFirst()) + " " + why);
    }
  }

  private static String some(Set<String> names) {
    String first = names.stream().limit(3).collect(Collectors.joining(", "));
    return names.isEmpty() ? "none" : names.size() <= 3 ? first : first + ", ...";
  }

  /// Whether a file belongs to a data set of another kind.
  private static boolean isBinary(String path) {
    String name = path.substring(path.lastIndexOf('/') + 1);
    return name.endsWith("_batch.bin") || name.equals("test.bin") || name.contains("-ubyte");
  }

  static boolean isImage(String path) {
    return ENDINGS.contains(path.substring(path.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT));
  }
}
