package asymml.trusted.data;

import asymml.model.Shape;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
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
    ImageSet train = imageSet(trainImages, trainLabels, values, testLabelFile);
    ImageSet test = imageSet(testImages, testLabels, values, testLabelFile);
    return new DataSet(
        name,
        train,
        test,
        Normalization.of(train),
        false,
        trainImages.shape().height() / CROP_FRACTION);
  }

  private static ImageSet imageSet(Images images, byte[] labels, int[] values, Path labelFile)
      throws DataException {
    int[] classOf = new int[LABEL_VALUES];
    Arrays.fill(classOf, -1);
    for (int c = 0; c < values.length; c++) {
      classOf[values[c]] = c;
    }
    int[] classes = IntStream.range(0, labels.length).map(i -> classOf[labels[i] & 0xFF]).toArray();
    if (IntStream.of(classes).anyMatch(c -> c < 0)) {
      throw new DataException(
          labelFile + " has a class that no training image has; use files of one data set");
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
      requireMagic(file, in.readInt(), IMAGES_MAGIC, "images of unsigned bytes");
      int count = in.readInt();
      int height = in.readInt();
      int width = in.readInt();
      if (count < 1 || height < 1 || width < 1 || (long) height * width > Integer.MAX_VALUE) {
        throw new DataException(
            "%s is corrupt: its header claims %d images of %d x %d pixels; replace it"
                .formatted(file, count, height, width));
      }
      Shape shape = new Shape(height, width, 1);
      Pixels.requireMemory(file.toString(), count, shape);
      Pixels pixels = new Pixels(count, shape.size());
      byte[] image = new byte[shape.size()];
      for (int i = 0; i < count; i++) {
        in.readFully(image);
        pixels.put(i, image);
      }
      requireEnd(file, in);
      progress.update("reading " + split + " images", count, count);
      return new Images(file, shape, count, pixels);
    } catch (EOFException | ZipException e) {
      throw broken(file, e);
    }
  }

  private static byte[] labels(Path file, Images images) throws DataException, IOException {
    try (DataInputStream in = open(file)) {
      requireMagic(file, in.readInt(), LABELS_MAGIC, "labels of unsigned bytes");
      int count = in.readInt();
      if (count != images.count()) {
        throw new DataException(
            "%s has %d labels, but %s %d images; use files of one data set"
                .formatted(file, count, images.file(), images.count()));
      }
      byte[] labels = new byte[count];
      in.readFully(labels);
      requireEnd(file, in);
      return labels;
    } catch (EOFException | ZipException e) {
      throw broken(file, e);
    }
  }

  private static DataInputStream open(Path file) throws IOException {
    InputStream raw = Files.newInputStream(file);
    try {
      boolean zipped = file.getFileName().toString().endsWith(".gz");
      return new DataInputStream(
          new BufferedInputStream(zipped ? new GZIPInputStream(raw, 1 << 16) : raw, 1 << 16));
    } catch (IOException e) {
      raw.close();
      throw e;
    }
  }

  private static void requireMagic(Path file, int magic, int expected, String what)
      throws DataException {
    if (magic != expected) {
      throw new DataException(
          "%s is not an IDX file of %s (it begins with %08x, not %08x); replace it"
              .formatted(file, what, magic, expected));
    }
  }

  private static void requireEnd(Path file, InputStream in) throws DataException, IOException {
    if (in.read() >= 0) {
      throw new DataException(file + " is corrupt: it is longer than its header says; replace it");
    }
  }

  private static DataException broken(Path file, IOException cause) {
    return new DataException(
        file + " is truncated or corrupt: it ends before its header says; replace it", cause);
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
        .filter(Files::isRegularFile)
        .findFirst();
  }
}
