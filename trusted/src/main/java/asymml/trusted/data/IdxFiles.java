package asymml.trusted.data;

import asymml.model.Shape;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/// IDX files, the format of the MNIST family: `train-images-idx3-ubyte` and its three companions,
/// plain or gzipped, with a big-endian header. Images are gray, of unsigned bytes. The classes are
/// the label values that occur in the training split, in their order.
final class IdxFiles {
  /// Type code 8 (unsigned byte) and the number of axes.
  private static final int IMAGES_MAGIC = 0x0803;

  private static final int LABELS_MAGIC = 0x0801;

  /// Digits and letters change their meaning in a mirror; a shift of a fourteenth (2 of 28 pixels)
  /// keeps them whole.
  private static final int CROP_FRACTION = 14;

  private static final int LABEL_VALUES = 256;

  /// Magic number and three lengths.
  private static final int IMAGES_HEADER_BYTES = 16;

  private record Images(Path file, Shape shape, int count, Pixels pixels) {}

  private IdxFiles() {}

  static boolean areIn(Path folder) {
    return Stream.of(
            "train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        .anyMatch(stem -> find(folder, stem).isPresent());
  }

  static DataSet load(Path folder, String name, Progress progress)
      throws DataException, IOException {
    Images trainImages = images(require(folder, "train-images-idx3"), "training", progress);
    Images testImages = images(require(folder, "t10k-images-idx3"), "test", progress);
    if (!trainImages.shape().equals(testImages.shape())) {
      throw new DataException(
          "%s has images of %s, but %s of %s; use files of one data set"
              .formatted(
                  testImages.file(), testImages.shape(), trainImages.file(), trainImages.shape()));
    }
    Path testLabelFile = require(folder, "t10k-labels-idx1");
    byte[] trainLabels = labels(require(folder, "train-labels-idx1"), trainImages);
    byte[] testLabels = labels(testLabelFile, testImages);
    int[] values =
        IntStream.range(0, trainLabels.length)
            .map(i -> trainLabels[i] & 0xFF)
            .sorted()
            .distinct()
            .toArray();
    String unknown = testLabelFile + " has a class that no training image has";
    ImageSet train = imageSet(trainImages, trainLabels, values, unknown);
    ImageSet test = imageSet(testImages, testLabels, values, unknown);
    return new DataSet(
        name,
        train,
        test,
        Normalization.of(train),
        false,
        trainImages.shape().height() / CROP_FRACTION);
  }

  /// The test split alone.
  ///
  /// @param classNames of the model: label values in decimal digits
  static ImageSet loadTest(Path folder, List<String> classNames, Progress progress)
      throws DataException, IOException {
    Images images = images(require(folder, "t10k-images-idx3"), "test", progress);
    Path labelFile = require(folder, "t10k-labels-idx1");
    byte[] labels = labels(labelFile, images);
    int[] values = new int[classNames.size()];
    for (int c = 0; c < values.length; c++) {
      values[c] = value(labelFile, classNames.get(c));
    }
    return imageSet(
        images, labels, values, labelFile + " has a class that the model does not know");
  }

  private static int value(Path labelFile, String className) throws DataException {
    for (int value = 0; value < LABEL_VALUES; value++) {
      if (className.equals(Integer.toString(value))) {
        return value;
      }
    }
    throw new DataException(
        "%s numbers its classes, but the model calls one %s; use its own data"
            .formatted(labelFile, className));
  }

  private static ImageSet imageSet(Images images, byte[] labels, int[] values, String unknown)
      throws DataException {
    int[] classOf = new int[LABEL_VALUES];
    Arrays.fill(classOf, -1);
    for (int c = 0; c < values.length; c++) {
      classOf[values[c]] = c;
    }
    int[] classes = IntStream.range(0, labels.length).map(i -> classOf[labels[i] & 0xFF]).toArray();
    if (IntStream.of(classes).anyMatch(c -> c < 0)) {
      throw new DataException(unknown + "; use files of one data set");
    }
    return new ImageSet(
        images.shape(),
        IntStream.of(values).mapToObj(Integer::toString).toList(),
        classes,
        images.pixels());
  }

  private static Images images(Path file, String split, Progress progress)
      throws DataException, IOException {
    try (DataInputStream in = open(file)) {
      requireMagic(file, in, IMAGES_MAGIC, "images of unsigned bytes");
      int count = in.readInt();
      int height = in.readInt();
      int width = in.readInt();
      if (count < 1 || height < 1 || width < 1 || (long) height * width > Integer.MAX_VALUE) {
        throw new DataException(
            "%s is corrupt: its header claims %s images of %s x %s pixels; replace it"
                .formatted(file, count, height, width));
      }
      Shape shape = new Shape(height, width, 1);
      requireBytes(file, count * (long) shape.size() + IMAGES_HEADER_BYTES);
      Pixels.requireMemory(file.toString(), count, shape);
      Pixels pixels = new Pixels(count, shape);
      byte[] image = new byte[shape.size()];
      for (int i = 0; i < count; i++) {
        in.readFully(image);
        pixels.put(i, image);
      }
      requireEnd(file, in);
      progress.update("reading " + split + " images", count, count);
      return new Images(file, shape, count, pixels);
    } catch (EOFException e) {
      throw shorter(file);
    } catch (ZipException e) {
      throw damaged(file, e);
    }
  }

  private static byte[] labels(Path file, Images images) throws DataException, IOException {
    try (DataInputStream in = open(file)) {
      requireMagic(file, in, LABELS_MAGIC, "labels of unsigned bytes");
      int count = in.readInt();
      if (count != images.count()) {
        throw new DataException(
            "%s has %s labels, but %s %s images; use files of one data set"
                .formatted(file, count, images.file(), images.count()));
      }
      byte[] labels = new byte[count];
      in.readFully(labels);
      requireEnd(file, in);
      return labels;
    } catch (EOFException e) {
      throw shorter(file);
    } catch (ZipException e) {
      throw damaged(file, e);
    }
  }

  /// Refuses a header that claims more than the file can hold, before memory is taken.
  private static void requireBytes(Path file, long claimed) throws DataException, IOException {
    long bytes = FileKind.requireRegular(file);
    long most = isGzip(file) ? bytes * DataLimits.DEFLATE_RATIO : bytes;
    if (claimed > most) {
      throw new DataException(
          "%s is truncated or corrupt: its header claims %s bytes, which a file of %s bytes cannot hold; replace it"
              .formatted(file, claimed, bytes));
    }
  }

  private static boolean isGzip(Path file) throws DataException, IOException {
    try (InputStream in = FileKind.open(file)) {
      return in.read() == 0x1F && in.read() == 0x8B;
    }
  }

  /// By the content and not by the ending: browsers unpack files and keep their names.
  private static DataInputStream open(Path file) throws DataException, IOException {
    boolean zipped = isGzip(file);
    InputStream raw = FileKind.open(file);
    try {
      return new DataInputStream(
          new BufferedInputStream(zipped ? new GZIPInputStream(raw, 1 << 16) : raw, 1 << 16));
    } catch (EOFException e) {
      raw.close();
      throw shorter(file);
    } catch (ZipException e) {
      raw.close();
      throw damaged(file, e);
    } catch (IOException e) {
      raw.close();
      throw e;
    }
  }

  private static void requireMagic(Path file, DataInputStream in, int expected, String what)
      throws DataException, IOException {
    byte[] magic = in.readNBytes(Integer.BYTES);
    if (magic.length == Integer.BYTES && ByteBuffer.wrap(magic).getInt() == expected) {
      return;
    }
    byte[] more = in.readNBytes(FileKind.HEAD_BYTES - magic.length);
    byte[] head = Arrays.copyOf(magic, magic.length + more.length);
    System.arraycopy(more, 0, head, magic.length, more.length);
    boolean zipped = isGzip(file);
    boolean named = file.getFileName().toString().endsWith(".gz");
    throw new DataException(
        "%s is %sno IDX file of %s: %s %s; replace it"
            .formatted(
                file,
                named && !zipped ? "not gzipped and " : "",
                what,
                zipped ? "what it unpacks to" : "it",
                FileKind.describe(head)));
  }

  private static void requireEnd(Path file, InputStream in) throws DataException, IOException {
    if (in.read() >= 0) {
      throw new DataException(file + " is corrupt: it is longer than its header says; replace it");
    }
  }

  private static DataException shorter(Path file) {
    return new DataException(
        file + " is truncated or corrupt: it ends before its header says; replace it");
  }

  private static DataException damaged(Path file, ZipException cause) {
    return new DataException(
        "%s is damaged: its gzip data cannot be unpacked (%s); replace it"
            .formatted(file, cause.getMessage()),
        cause);
  }

  private static Path require(Path folder, String stem) throws DataException {
    return find(folder, stem)
        .orElseThrow(() ->
            new DataException(
                folder.resolve(stem + "-ubyte")
                    + " is missing (.gz is accepted too); restore it from the data set"));
  }

  /// The four spellings in circulation.
  private static Optional<Path> find(Path folder, String stem) {
    String dotted = stem.replace("-idx", ".idx");
    return Stream.of(stem + "-ubyte", stem + "-ubyte.gz", dotted + "-ubyte", dotted + "-ubyte.gz")
        .map(folder::resolve)
        .filter(Files::exists)
        .findFirst();
  }
}
