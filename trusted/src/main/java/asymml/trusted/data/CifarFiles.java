package asymml.trusted.data;

import asymml.model.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky, "Learning multiple layers of features
/// from tiny images", 2009): records of one label byte (CIFAR-100: a coarse and a fine one, of
/// which the fine one counts) and 3072 pixels in planes `[C, H, W]`.
final class CifarFiles {
  private static final Shape SHAPE = new Shape(32, 32, 3);
  private static final int CROP_PADDING = 4;

  private static final Kind CIFAR10 =
      new Kind(
          List.of(
              "data_batch_1.bin",
              "data_batch_2.bin",
              "data_batch_3.bin",
              "data_batch_4.bin",
              "data_batch_5.bin"),
          "test_batch.bin",
          1,
          "batches.meta.txt",
          CifarNames.CIFAR10);
  private static final Kind CIFAR100 =
      new Kind(List.of("train.bin"), "test.bin", 2, "fine_label_names.txt", CifarNames.CIFAR100);

  private record Kind(
      List<String> train, String test, int labelBytes, String namesFile, List<String> names) {
    int recordBytes() {
      return labelBytes + SHAPE.size();
    }

    boolean isIn(Path folder) {
      return train.stream().anyMatch(file -> Files.exists(folder.resolve(file)))
          || Files.exists(folder.resolve(test));
    }
  }

  private CifarFiles() {}

  static boolean areIn(Path folder) {
    return CIFAR10.isIn(folder) || CIFAR100.isIn(folder);
  }

  static DataSet load(Path folder, String name, Progress progress)
      throws DataException, IOException {
    Kind kind = CIFAR10.isIn(folder) ? CIFAR10 : CIFAR100;
    List<String> classNames = classNames(folder, kind);
    ImageSet train =
        read(folder, kind, kind.train(), classNames, "reading training images", progress);
    ImageSet test =
        read(folder, kind, List.of(kind.test()), classNames, "reading test images", progress);
    return new DataSet(name, train, test, Normalization.of(train), true, CROP_PADDING);
  }

  /// The names that came with the files, or else those of the original data set.
  private static List<String> classNames(Path folder, Kind kind) throws DataException, IOException {
    Path file = folder.resolve(kind.namesFile());
    if (!Files.exists(file)) {
      return kind.names();
    }
    List<String> names =
        Files.readAllLines(file).stream().map(String::strip).filter(n -> !n.isEmpty()).toList();
    if (names.size() != kind.names().size()) {
      throw new DataException(
          "%s names %d classes, not %d; restore it from the data set"
              .formatted(file, names.size(), kind.names().size()));
    }
    return names;
  }

  private static ImageSet read(
      Path folder,
      Kind kind,
      List<String> files,
      List<String> classNames,
      String what,
      Progress progress)
      throws DataException, IOException {
    int count = 0;
    for (String file : files) {
      count += Math.toIntExact(records(folder.resolve(file), kind));
    }
    Pixels.requireMemory(folder.toString(), count, SHAPE);
    Pixels pixels = new Pixels(count, SHAPE.size());
    int[] labels = new int[count];
    byte[] image = new byte[SHAPE.size()];
    int next = 0;
    for (String file : files) {
      byte[] content = Files.readAllBytes(folder.resolve(file));
      for (int at = 0; at < content.length; at += kind.recordBytes()) {
        int label = content[at + kind.labelBytes() - 1] & 0xFF;
        if (label >= classNames.size()) {
          throw new DataException(
              "%s is corrupt: record %d names a class that does not exist; replace it"
                  .formatted(folder.resolve(file), at / kind.recordBytes()));
        }
        interleave(content, at + kind.labelBytes(), image);
        labels[next] = label;
        pixels.put(next++, image);
      }
      progress.update(what, next, count);
    }
    return new ImageSet(SHAPE, classNames, labels, pixels);
  }

  private static long records(Path file, Kind kind) throws DataException, IOException {
    if (!Files.exists(file)) {
      throw new DataException(file + " is missing; restore it from the data set");
    }
    long bytes = Files.size(file);
    if (bytes == 0 || bytes % kind.recordBytes() != 0) {
      throw new DataException(
          "%s is truncated or corrupt: %d bytes are not a whole number of records of %d bytes; replace it"
              .formatted(file, bytes, kind.recordBytes()));
    }
    return bytes / kind.recordBytes();
  }

  /// Planes `[C, H, W]` to pixels `[H, W, C]`.
  private static void interleave(byte[] source, int from, byte[] image) {
    int plane = SHAPE.pixels();
    for (int p = 0; p < plane; p++) {
      for (int c = 0; c < SHAPE.channels(); c++) {
        image[p * SHAPE.channels() + c] = source[from + c * plane + p];
      }
    }
  }
}
