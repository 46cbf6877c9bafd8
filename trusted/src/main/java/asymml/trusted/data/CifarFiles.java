package asymml.trusted.data;

import asymml.model.Shape;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky, "Learning multiple layers of features
/// from tiny images", 2009): records of one label byte (CIFAR-100: a coarse and a fine one, of
/// which the fine one counts) and 3072 pixels in planes `[C, H, W]`.
final class CifarFiles {
  /// The classes in the order of their labels; of CIFAR-100 the fine ones.
  static final List<String> NAMES10 =
      List.of(
          "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck");

  private static final List<String> NAMES100 =
      List.of(
          """
          apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
          butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
          crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house
          kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
          mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
          plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark
          shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table
          tank telephone television tiger tractor train trout tulip turtle wardrobe whale
          willow_tree wolf woman worm
          """
              .strip()
              .split("\\s+"));

  private static final Shape SHAPE = new Shape(32, 32, 3);
  private static final int CROP_PADDING = 4;

  /// The most bytes of a list of class names that are read.
  private static final int NAMES_BYTES = 1 << 16;

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
          NAMES10);
  private static final Kind CIFAR100 =
      new Kind(List.of("train.bin"), "test.bin", 2, "fine_label_names.txt", NAMES100);

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

  /// The test split alone.
  static ImageSet loadTest(Path folder, Progress progress) throws DataException, IOException {
    Kind kind = CIFAR10.isIn(folder) ? CIFAR10 : CIFAR100;
    return read(
        folder,
        kind,
        List.of(kind.test()),
        classNames(folder, kind),
        "reading test images",
        progress);
  }

  /// The names that came with the files, or else those of the original data set.
  private static List<String> classNames(Path folder, Kind kind) throws DataException, IOException {
    Path file = folder.resolve(kind.namesFile());
    if (!Files.exists(file)) {
      return kind.names();
    }
    List<String> names = new ArrayList<>();
    try (InputStream in = FileKind.open(file)) {
      String text = TreeNames.decode(in.readNBytes(NAMES_BYTES));
      text.lines().map(String::strip).filter(n -> !n.isEmpty()).forEach(names::add);
    }
    for (String name : names) {
      TreeNames.require(file.toString(), name);
    }
    if (names.size() != kind.names().size()) {
      throw new DataException(
          "%s names %s classes, not %s; restore it from the data set"
              .formatted(file, names.size(), kind.names().size()));
    }
    if (Set.copyOf(names).size() < names.size()) {
      throw new DataException(file + " names a class twice; restore it from the data set");
    }
    return List.copyOf(names);
  }

  private static ImageSet read(
      Path folder,
      Kind kind,
      List<String> files,
      List<String> classNames,
      String what,
      Progress progress)
      throws DataException, IOException {
    long total = 0;
    for (String file : files) {
      total += records(folder.resolve(file), kind);
    }
    Pixels.requireMemory(folder.toString(), total, SHAPE);
    int count = Math.toIntExact(total);
    Pixels pixels = new Pixels(count, SHAPE);
    int[] labels = new int[count];
    byte[] image = new byte[SHAPE.size()];
    byte[] record = new byte[kind.recordBytes()];
    int next = 0;
    for (String file : files) {
      Path path = folder.resolve(file);
      long records = records(path, kind);
      try (InputStream in = new BufferedInputStream(FileKind.open(path), 1 << 16)) {
        for (long r = 0; r < records && next < count; r++) {
          if (in.readNBytes(record, 0, record.length) < record.length) {
            throw new DataException(path + " became shorter while it was read; run again");
          }
          int label = record[kind.labelBytes() - 1] & 0xFF;
          if (label >= classNames.size()) {
            throw new DataException(
                "%s is corrupt: record %s names a class that does not exist; replace it"
                    .formatted(path, r));
          }
          interleave(record, kind.labelBytes(), image);
          labels[next] = label;
          pixels.put(next++, image);
        }
      }
      progress.update(what, next, count);
    }
    return new ImageSet(SHAPE, classNames, labels, pixels);
  }

  private static long records(Path file, Kind kind) throws DataException {
    if (!Files.exists(file)) {
      throw new DataException(file + " is missing; restore it from the data set");
    }
    long bytes = FileKind.requireRegular(file);
    if (bytes == 0 || bytes % kind.recordBytes() != 0) {
      throw new DataException(
          "%s is truncated or corrupt: %s bytes are not a whole number of records of %s bytes; replace it"
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
