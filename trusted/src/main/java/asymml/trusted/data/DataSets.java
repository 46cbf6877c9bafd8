package asymml.trusted.data;

import asymml.model.PrintableText;
import asymml.model.Shape;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Opens data sets: finds out what a path holds and decodes all of it.
public final class DataSets {
  private static final String GENERATED = "generated";
  private static final long DEFAULT_SEED = 1;

  /// Folders that hold nothing but one folder; more of them are a loop.
  private static final int MOST_WRAPPERS = 16;

  /// Files of pickled objects, which only Python reads.
  private static final Set<String> PYTHON_CIFAR =
      Set.of(
          "data_batch_1", "test_batch", "batches.meta", "cifar-10-batches-py", "cifar-100-python");

  /// How a sealed file begins.
  private static final String SEALED = "ASYMSEAL";

  private static final String ACCEPTED =
      "accepted are: 'generated' or 'generated:SEED'; a folder or zip file of"
          + " train/<class>/*.jpg|jpeg|png and test/<class>/* (or val/<class>/*); a .csv or .tsv"
          + " file with the columns path, label and split; a .tar or .parquet file, or a folder of"
          + " them (train-*.tar and test-*.tar); a folder of CIFAR-10 (data_batch_1.bin"
          + " ..) or CIFAR-100 (train.bin, test.bin) binary files; a folder of IDX files"
          + " (train-images-idx3-ubyte[.gz] ..)";

  private DataSets() {}

  /// What a path holds, and how each kind is read.
  private sealed interface Source {
    DataSet load(String name, Progress progress) throws DataException, IOException;

    ImageSet loadTest(Shape expected, List<String> classNames, Progress progress)
        throws DataException, IOException;

    record Generated(long seed) implements Source {
      @Override
      public DataSet load(String name, Progress progress) {
        return GeneratedImages.of(seed, progress);
      }

      @Override
      public ImageSet loadTest(Shape expected, List<String> classNames, Progress progress) {
        return GeneratedImages.of(seed, progress).test();
      }
    }

    record Images(Path path, List<Path> shards, Decoding decoding) implements Source {
      private ImageTree open() throws DataException, IOException {
        if (!shards.isEmpty()) {
          return ImageShards.open(path, shards, decoding);
        }
        if (Files.isDirectory(path)) {
          return ImageTree.Folder.open(path);
        }
        return ImageTable.isTable(path)
            ? ImageTable.open(path, decoding.columns())
            : ImageTree.Zip.open(path);
      }

      @Override
      public DataSet load(String name, Progress progress) throws DataException, IOException {
        ImageTree tree = open();
        boolean read = true;
        try {
          DataSet data = ImageFolder.load(tree, name, decoding, progress);
          read = data.train().readFromFiles() == 0 && data.test().readFromFiles() == 0;
          return data;
        } finally {
          // A set lives as long as the process, and so does what it reads.
          if (read) {
            tree.close();
          }
        }
      }

      @Override
      public ImageSet loadTest(Shape expected, List<String> classNames, Progress progress)
          throws DataException, IOException {
        ImageTree tree = open();
        boolean read = true;
        try {
          ImageSet images = ImageFolder.loadTest(tree, expected, classNames, decoding, progress);
          read = images.readFromFiles() == 0;
          return images;
        } finally {
          if (read) {
            tree.close();
          }
        }
      }
    }

    record Cifar(Path folder) implements Source {
      @Override
      public DataSet load(String name, Progress progress) throws DataException, IOException {
        return CifarFiles.load(folder, name, progress);
      }

      @Override
      public ImageSet loadTest(Shape expected, List<String> classNames, Progress progress)
          throws DataException, IOException {
        return CifarFiles.loadTest(folder, progress);
      }
    }

    record Idx(Path folder) implements Source {
      @Override
      public DataSet load(String name, Progress progress) throws DataException, IOException {
        return IdxFiles.load(folder, name, progress);
      }

      @Override
      public ImageSet loadTest(Shape expected, List<String> classNames, Progress progress)
          throws DataException, IOException {
        return IdxFiles.loadTest(folder, classNames, progress);
      }
    }
  }

  /// Opens a data set with the default limits.
  ///
  /// @param spec as in [#open(String, Decoding, Progress)]
  /// @param progress called on this thread
  /// @return the data set
  /// @throws DataException if there is none, or anything is wrong with it
  public static DataSet open(String spec, Progress progress) throws DataException {
    return open(spec, Decoding.DEFAULT, progress);
  }

  /// Opens a data set and decodes all its images into memory, so that whatever is wrong with it
  /// shows before training starts. The kind is found out by looking.
  ///
  /// - `generated` or `generated:SEED`: the built-in set of drawn shapes.
  /// - A folder, or a zip file read in place, of `<split>/<class>/<image>` with JPEG or PNG images
  ///   of one size, or scaled to one; splits `train` and `test` (or else `val`, `valid` or
  ///   `validation`), with the same classes. Gray images among colour ones are spread over three
  ///   channels. Hidden files and what file managers leave behind are ignored.
  /// - A `.csv` or `.tsv` file with a header and the columns path, label and split: the same for
  ///   images that lie anywhere.
  /// - A `.tar` or `.parquet` file or a folder of such shards, whose names tell the split
  ///   (`train-00000-of-00002.parquet`): samples of WebDataset (`key.jpg` with `key.cls` or
  ///   `key.json`) or a tree as above; rows with image bytes and a label as Hugging Face writes
  ///   them.
  /// - A folder with the binary version of CIFAR-10 or CIFAR-100 (fine labels).
  /// - A folder with the four IDX files of the MNIST family, plain or gzipped.
  ///
  /// A folder that holds no other folder than one stands for that one.
  ///
  /// @param spec as above
  /// @param decoding of image files; the other kinds have one size, and are kept in memory
  /// @param progress called on this thread
  /// @return the data set
  /// @throws DataException if there is none, or anything is wrong with it
  public static DataSet open(String spec, Decoding decoding, Progress progress)
      throws DataException {
    try {
      Source source = source(spec, decoding);
      if (decoding.randomCrop() && !(source instanceof Source.Images)) {
        throw new DataException(
            spec + " has no files of images that could be cut at random: leave random-crop out");
      }
      if (decoding.onBadImage() == Decoding.OnBadImage.SKIP && !(source instanceof Source.Images)) {
        throw new DataException(
            spec + " has no files of images of which one could be bad: leave on-bad-image out");
      }
      DataSet data = source.load(name(spec), progress);
      requireSize(spec, decoding, data.train().shape());
      return data;
    } catch (IOException e) {
      throw FileKind.unreadable(path(spec), e);
    }
  }

  /// Opens a data set of `<split>/<class>/<image>` in an archive and decodes all its images into
  /// memory. Nothing that is thrown names a file or a class.
  ///
  /// @param archive stays open
  /// @param decoding of its images, which are all kept
  /// @param progress called on this thread
  /// @return the data set, called as the archive is
  /// @throws DataException if there is none, or anything is wrong with it
  public static DataSet open(DataArchive archive, Decoding decoding, Progress progress)
      throws DataException {
    if (!decoding.columns().isNone()) {
      throw new DataException(archive.name() + ": an archive of folders has no columns");
    }
    if (!decoding.keepsAll() || decoding.randomCrop()) {
      throw new DataException(
          archive.name()
              + ": the images of an archive are all kept in memory; leave out the cache and random"
              + " crops");
    }
    try (ImageTree tree = ImageTree.Archive.open(archive)) {
      return ImageFolder.load(tree, archive.name(), decoding, progress);
    } catch (DataException e) {
      throw withheld(archive, decoding, e);
    } catch (IOException e) {
      throw new DataException(archive.name() + " cannot be read: " + e.getMessage(), e);
    }
  }

  /// What a setting would mend is said without the file that it was found in, and what the archive
  /// itself says of a damaged part names none. All else may name files or classes.
  private static DataException withheld(DataArchive archive, Decoding decoding, DataException e) {
    if (e.isOfTooMuchMemory()) {
      return e;
    }
    if (e.isAboveLimit()) {
      return DataException.tooLarge(
          "%s holds an image of more than %s pixels, or a file that is larger than such an image"
              .formatted(archive.name(), decoding.limits().imagePixels()));
    }
    if (e.isOfAnotherSize()) {
      return DataException.ofAnotherSize(
          archive.name() + " holds images of several sizes, which are not scaled to one");
    }
    if (e.isOfNarrowRange()) {
      return DataException.ofNarrowRange(
          archive.name()
              + " holds an image of 16-bit samples that use a small part of their range");
    }
    for (@Nullable Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof ImageTree.Archive.Fault fault) {
        return new DataException(String.valueOf(fault.getMessage()));
      }
    }
    return new DataException(
        archive.name()
            + " holds no <split>/<class>/<image> that can be trained on; what is wrong would name"
            + " private files: its owner sees it by 'asymml train --data FOLDER' with the folder"
            + " before it is sealed");
  }

  /// Opens the test split alone, for a model that is there: neither is a training split needed, nor
  /// is one read.
  ///
  /// @param spec as in [#open(String, Decoding, Progress)]
  /// @param expected the model's input; gray images are spread if it has three channels
  /// @param classNames the model's classes, in the order of their labels
  /// @param decoding of image files
  /// @param progress called on this thread
  /// @return the test split
  /// @throws DataException if there is none, anything is wrong with it, or it does not fit the
  ///   model
  public static TestSet openTest(
      String spec, Shape expected, List<String> classNames, Decoding decoding, Progress progress)
      throws DataException {
    try {
      ImageSet images = source(spec, decoding).loadTest(expected, classNames, progress);
      if (!images.shape().equals(expected) || !images.classNames().equals(classNames)) {
        throw new DataException(
            "%s does not fit the model: it has %s images of %s classes, the model takes %s of %s"
                .formatted(
                    name(spec), images.shape(), images.classNames().size(), expected, classNames));
      }
      return new TestSet(name(spec), images);
    } catch (IOException e) {
      throw FileKind.unreadable(path(spec), e);
    }
  }

  /// Other kinds than files of images are not scaled: they have the size that is asked for, or not.
  private static void requireSize(String spec, Decoding decoding, Shape shape)
      throws DataException {
    int size = decoding.imageSize();
    if (decoding.scales() && (shape.height() != size || shape.width() != size)) {
      throw new DataException(
          "%s has images of %s x %s pixels, which are not scaled to %s: leave the image size as stored, or give a folder or zip file of images"
              .formatted(spec, shape.width(), shape.height(), size));
    }
  }

  private static Source source(String spec, Decoding decoding) throws DataException {
    Source source = find(spec, decoding);
    boolean table =
        source instanceof Source.Images images
            && (!images.shards.isEmpty() || ImageTable.isTable(images.path));
    if (!table && !decoding.columns().isNone()) {
      throw new DataException(
          PrintableText.of(spec)
              + " has no columns: those of labels and groups are in a table (.csv, .tsv), in"
              + " Parquet files or in the JSON of tar archives");
    }
    return source;
  }

  private static Source find(String spec, Decoding decoding) throws DataException {
    if (spec.equals(GENERATED) || spec.startsWith(GENERATED + ":")) {
      return new Source.Generated(seed(spec));
    }
    Path path = path(spec);
    if (FileKind.isMissing(path)) {
      throw new DataException(path + " does not exist; " + ACCEPTED);
    }
    BasicFileAttributes attributes = FileKind.attributes(path);
    if (!attributes.isDirectory()) {
      if (ImageShards.isPackedTar(path)) {
        throw ImageShards.packed(path);
      }
      boolean shard = ImageShards.isShard(path);
      if (!shard && !ImageTable.isTable(path)) {
        requireZip(path);
      }
      return new Source.Images(path, shard ? List.of(path) : List.of(), decoding);
    }
    Path folder = path;
    for (int wrappers = 0; folder != null && wrappers < MOST_WRAPPERS; wrappers++) {
      Source found = inside(folder, decoding);
      if (found != null) {
        return found;
      }
      folder = next(folder, decoding);
    }
    for (Path child : ImageTree.Folder.children(path)) {
      if (ImageShards.isPackedTar(child)) {
        throw ImageShards.packed(child);
      }
    }
    if (ImageTree.Folder.children(path).stream()
        .anyMatch(child -> PYTHON_CIFAR.contains(TreeNames.of(child)))) {
      throw new DataException(
          path + " holds the Python version of CIFAR, which is not read; give the binary version");
    }
    throw new DataException(path + " holds no data set; " + ACCEPTED);
  }

  /// The data that lie in a folder itself, null if there are none.
  private static @Nullable Source inside(Path folder, Decoding decoding) throws DataException {
    if (CifarFiles.areIn(folder)) {
      return new Source.Cifar(folder);
    }
    if (IdxFiles.areIn(folder)) {
      return new Source.Idx(folder);
    }
    List<Path> shards = ImageShards.in(folder);
    return !shards.isEmpty()
            || ImageTree.Folder.children(folder).stream().anyMatch(DataSets::isSplit)
        ? new Source.Images(folder, shards, decoding)
        : null;
  }

  /// Where to go on looking: the only folder with data, else the only folder.
  private static @Nullable Path next(Path folder, Decoding decoding) throws DataException {
    List<Path> folders =
        ImageTree.Folder.children(folder).stream().filter(Files::isDirectory).toList();
    if (folders.size() == 1) {
      return folders.getFirst();
    }
    Path chosen = null;
    for (Path each : folders) {
      if (Files.isReadable(each) && inside(each, decoding) != null) {
        if (chosen != null) {
          throw new DataException(
              "%s holds several data sets, such as %s and %s; give one of them"
                  .formatted(folder, TreeNames.of(chosen), TreeNames.of(each)));
        }
        chosen = each;
      }
    }
    return chosen;
  }

  /// A split's folder, or a file with separators in its name, as some programs unpack a zip file.
  private static boolean isSplit(Path child) {
    String name = TreeNames.of(child);
    return Files.isDirectory(child)
        ? ImageListing.isSplit(name)
        : TreeNames.normal(name).contains("/");
  }

  private static String name(String spec) throws DataException {
    if (spec.equals(GENERATED) || spec.startsWith(GENERATED + ":")) {
      return GENERATED + ":" + seed(spec);
    }
    Path last = path(spec).toAbsolutePath().normalize();
    return PrintableText.of(last.getFileName() == null ? spec : TreeNames.of(last));
  }

  private static long seed(String spec) throws DataException {
    if (spec.equals(GENERATED)) {
      return DEFAULT_SEED;
    }
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
      boolean locale = spec.chars().anyMatch(c -> c > 0x7F);
      throw new DataException(
          locale
              ? "'%s' is no file name in the locale's encoding (%s); set a UTF-8 locale, such as LC_ALL=C.UTF-8"
                  .formatted(PrintableText.of(spec), System.getProperty("sun.jnu.encoding"))
              : "'" + PrintableText.of(spec) + "' is not a path; " + ACCEPTED,
          e);
    }
  }

  private static void requireZip(Path file) throws DataException {
    byte[] head;
    try (InputStream in = FileKind.open(file)) {
      head = in.readNBytes(FileKind.HEAD_BYTES);
    } catch (IOException e) {
      throw FileKind.unreadable(file, e);
    }
    if (new String(head, StandardCharsets.ISO_8859_1).startsWith(SEALED)) {
      throw new DataException(
          file + " is sealed: it is trained on with its owner's key (--owner, --owner-key)");
    }
    if (head.length < 2 || head[0] != 'P' || head[1] != 'K') {
      throw new DataException(
          "%s is not a data set: it %s; %s".formatted(file, FileKind.describe(head), ACCEPTED));
    }
  }
}
