package asymml.trusted.data;

import asymml.model.PrintableText;
import asymml.trusted.data.format.FileBytes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Data sets in files that hold many images each: tar archives and Parquet files, one or a folder
/// of them (shards). The split is a word of the file's name, such as
/// `train-00000-of-00002.parquet`, or of the folder that it lies in; else the images themselves
/// tell it.
final class ImageShards {
  private static final String TAR = ".tar";
  private static final String PARQUET = ".parquet";

  private ImageShards() {}

  /// Whether a file is one, by the ending of its name.
  static boolean isShard(Path file) {
    return isTar(file) || isParquet(file);
  }

  /// Whether a file is a tar archive that is packed as a whole, by the ending of its name.
  static boolean isPackedTar(Path file) {
    String name = TreeNames.of(file).toLowerCase(Locale.ROOT);
    return name.endsWith(TAR + ".gz") || name.endsWith(".tgz");
  }

  /// Refuses one: its images lie behind all that is packed before them.
  static DataException packed(Path file) {
    return new DataException(
        "%s is a packed tar archive, whose images cannot be read in any order: unpack it to a .tar"
                .formatted(PrintableText.of(file.toString()))
            + " file (gunzip) and give that");
  }

  private static boolean isTar(Path file) {
    return TreeNames.of(file).toLowerCase(Locale.ROOT).endsWith(TAR);
  }

  private static boolean isParquet(Path file) {
    return TreeNames.of(file).toLowerCase(Locale.ROOT).endsWith(PARQUET);
  }

  /// The shards that lie in a folder, in the order of their names: in its folders of splits if
  /// there are any there, else in itself.
  ///
  /// @return empty if there are none, or if the folders of splits hold none
  static List<Path> in(Path folder) throws DataException {
    List<Path> own = new ArrayList<>();
    List<Path> inSplits = new ArrayList<>();
    boolean splits = false;
    for (Path child : ImageTree.Folder.children(folder)) {
      if (!Files.isDirectory(child)) {
        if (isShard(child)) {
          own.add(child);
        }
      } else if (ImageListing.isSplit(TreeNames.of(child))) {
        splits = true;
        for (Path file : ImageTree.Folder.children(child)) {
          if (isShard(file) && !Files.isDirectory(file)) {
            inSplits.add(file);
          }
        }
      }
    }
    return splits ? List.copyOf(inSplits) : List.copyOf(own);
  }

  /// Reads what shards hold, but no image.
  ///
  /// @param root what was asked for, for errors
  /// @param shards of one format, in their order; at least one
  /// @param decoding limits, and columns whose names do not tell
  static ImageTree open(Path root, List<Path> shards, Decoding decoding)
      throws DataException, IOException {
    boolean parquet = isParquet(shards.getFirst());
    for (Path each : shards) {
      if (isParquet(each) != parquet) {
        throw new DataException(
            "%s holds files of two formats, such as %s and %s; remove those of one"
                .formatted(root, TreeNames.of(shards.getFirst()), TreeNames.of(each)));
      }
    }
    try (ListedImages images = new ListedImages(root)) {
      for (Path each : shards) {
        FileKind.requireRegular(each);
        FileBytes bytes = images.closing(open(each));
        if (parquet) {
          ParquetRows.add(each, bytes, split(root, each), decoding, images);
        } else {
          TarSamples.add(each, bytes, split(root, each), decoding.columns(), images);
        }
      }
      if (images.isEmpty()) {
        throw new DataException(root + " holds no images; give a file that does");
      }
      return images.tree();
    }
  }

  private static FileBytes open(Path file) throws DataException {
    try {
      return FileBytes.open(file);
    } catch (IOException e) {
      throw FileKind.unreadable(file, e);
    }
  }

  /// The split that a file's name means, or else its folder's.
  ///
  /// @return null if neither does
  private static @Nullable String split(Path root, Path file) throws DataException {
    Set<String> found = splits(TreeNames.of(file));
    Path folder = file.toAbsolutePath().normalize().getParent();
    if (found.isEmpty() && folder != null && !file.equals(root)) {
      String split = ListedImages.split(TreeNames.of(folder));
      return split;
    }
    if (found.size() > 1) {
      throw new DataException(
          "%s: the file's name means several splits (%s); rename it"
              .formatted(PrintableText.of(file.toString()), String.join(", ", found)));
    }
    return found.isEmpty() ? null : found.iterator().next();
  }

  /// The splits among the words of a name; digits and signs separate words.
  private static Set<String> splits(String name) {
    Set<String> found = new TreeSet<>();
    for (String word : name.split("[^A-Za-z]+", -1)) {
      String split = ListedImages.split(word);
      if (split != null) {
        found.add(split);
      }
    }
    return found;
  }
}
