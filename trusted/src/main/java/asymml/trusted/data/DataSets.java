package asymml.trusted.data;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipException;

/// Opens data sets: finds out what a path holds and decodes all of it.
public final class DataSets {
  private static final String GENERATED = "generated";
  private static final long DEFAULT_SEED = 1;
  private static final byte[] ZIP_MAGIC = {'P', 'K'};

  private static final String ACCEPTED =
      "accepted are: 'generated' or 'generated:SEED';"
          + " a folder or zip file of train/<class>/*.jpg|jpeg|png and test/<class>/* (or val/<class>/*);"
          + " a folder of CIFAR-10 (data_batch_1.bin ..) or CIFAR-100 (train.bin, test.bin) binary files;"
          + " a folder of IDX files (train-images-idx3-ubyte[.gz] ..)";

  private DataSets() {}

  /// Opens a data set and decodes all its images into memory, so that whatever is wrong with it
  /// shows before training starts. The kind is found out by looking.
  ///
  /// - `generated` or `generated:SEED`: the built-in set of drawn shapes.
  /// - A folder, or a zip file read in place, of `<split>/<class>/<image>` with JPEG or PNG images
  ///   of one size; splits `train` and `test` (or else `val` or `valid`), with the same classes.
  ///   Gray images among colour ones are spread over three channels. Hidden files are ignored.
  /// - A folder with the binary version of CIFAR-10 or CIFAR-100 (fine labels).
  /// - A folder with the four IDX files of the MNIST family, plain or gzipped.
  ///
  /// A folder that holds nothing but one other folder stands for that one.
  ///
  /// @param spec as above
  /// @param progress called on this thread
  /// @return the data set
  /// @throws DataException if there is none, or anything is wrong with it
  public static DataSet open(String spec, Progress progress) throws DataException {
    if (spec.equals(GENERATED)) {
      return GeneratedImages.draw(DEFAULT_SEED, progress);
    }
    if (spec.startsWith(GENERATED + ":")) {
      return GeneratedImages.draw(seed(spec), progress);
    }
    Path path = path(spec);
    try {
      Path last = path.toAbsolutePath().normalize().getFileName();
      return open(path, last == null ? spec : last.toString(), progress);
    } catch (ZipException | FileNotFoundException e) {
      throw new DataException(
          path + " is damaged or not a zip file (" + e.getMessage() + "); replace it", e);
    } catch (IOException e) {
      throw new DataException(path + " cannot be read (" + e.getMessage() + ")", e);
    }
  }

  private static DataSet open(Path path, String name, Progress progress)
      throws DataException, IOException {
    if (!Files.exists(path)) {
      throw new DataException(path + " does not exist; " + ACCEPTED);
    }
    if (Files.isRegularFile(path)) {
      if (!isZip(path)) {
        throw new DataException(path + " is not a data set; " + ACCEPTED);
      }
      try (ImageTree tree = ImageTree.Zip.open(path)) {
        return ImageFolder.load(tree, name, progress);
      }
    }
    Path folder = innermost(path);
    if (CifarFiles.areIn(folder)) {
      return CifarFiles.load(folder, name, progress);
    }
    if (IdxFiles.areIn(folder)) {
      return IdxFiles.load(folder, name, progress);
    }
    if (visible(folder).stream().anyMatch(DataSets::isSplit)) {
      try (ImageTree tree = new ImageTree.Folder(folder)) {
        return ImageFolder.load(tree, name, progress);
      }
    }
    throw new DataException(path + " holds no data set; " + ACCEPTED);
  }

  private static long seed(String spec) throws DataException {
    try {
      return Long.parseLong(spec.substring(GENERATED.length() + 1));
    } catch (NumberFormatException e) {
      throw new DataException("'" + spec + "' needs a whole number as its seed; " + ACCEPTED, e);
    }
  }

  private static Path path(String spec) throws DataException {
    try {
      return Path.of(spec);
    } catch (InvalidPathException e) {
      throw new DataException("'" + spec + "' is not a path; " + ACCEPTED, e);
    }
  }

  private static boolean isZip(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return Arrays.equals(in.readNBytes(ZIP_MAGIC.length), ZIP_MAGIC);
    }
  }

  private static Path innermost(Path folder) throws IOException {
    List<Path> visible = visible(folder);
    while (visible.size() == 1
        && Files.isDirectory(visible.getFirst())
        && !isSplit(visible.getFirst())) {
      folder = visible.getFirst();
      visible = visible(folder);
    }
    return folder;
  }

  private static List<Path> visible(Path folder) throws IOException {
    try (Stream<Path> children = Files.list(folder)) {
      return children.filter(child -> !child.getFileName().toString().startsWith(".")).toList();
    }
  }

  private static boolean isSplit(Path child) {
    return Files.isDirectory(child) && ImageListing.isSplit(child.getFileName().toString());
  }
}
