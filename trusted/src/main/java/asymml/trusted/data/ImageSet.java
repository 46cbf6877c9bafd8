package asymml.trusted.data;

import asymml.model.Shape;
import asymml.trusted.data.Pixels.Fingerprint;
import asymml.trusted.draw.Shuffle;
import asymml.trusted.draw.SplitMix64;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The decoded images of one split with their labels: PRIVATE. Pixels are unsigned bytes `[H, W,
/// C]`, kept on the Java heap. Immutable, so any number of threads may read it.
public final class ImageSet {
  /// How many bytes of [#identities] an image has.
  public static final int IDENTITY_BYTES = Integer.BYTES + 2 * Long.BYTES;

  /// Of so many images of a split one may be left out ([Decoding.OnBadImage#SKIP]): a disk that is
  /// gone, or files of another kind, are no damaged images.
  public static final int MOST_LEFT_OUT = 10;

  /// The most images that a line names.
  private static final int NAMED = 3;

  private final Shape shape;
  private final List<String> classNames;
  private final int[] labels;
  private final Pixels pixels;

  /// Where each example's pixels are stored: subsets share the storage.
  private final int[] rows;

  /// The group of each example; null if there are none.
  private final long @Nullable [] groups;

  private final int size;

  /// What identifies images that lie elsewhere; null where they are here.
  private final @Nullable String elsewhere;

  /// Each image's number in a set that this is a part of; null where it is its index.
  private final int @Nullable [] numbers;

  /// Takes over the labels and decoded pixels; they must not be written to afterwards.
  ImageSet(Shape shape, List<String> classNames, int[] labels, Pixels pixels) {
    this(
        shape, classNames, labels, pixels, IntStream.range(0, labels.length).toArray(), null, null);
  }

  /// Images that lie elsewhere.
  private ImageSet(Shape shape, List<String> classNames, int size, String digest) {
    if (size < 1 || classNames.isEmpty()) {
      throw new IllegalArgumentException("an image set has at least one image and one class");
    }
    this.shape = shape;
    this.classNames = List.copyOf(classNames);
    this.labels = new int[0];
    this.pixels = new Pixels(0, shape);
    this.rows = new int[0];
    this.groups = null;
    this.size = size;
    this.elsewhere = digest;
    this.numbers = null;
  }

  private ImageSet(
      Shape shape,
      List<String> classNames,
      int[] labels,
      Pixels pixels,
      int[] rows,
      long @Nullable [] groups,
      int @Nullable [] numbers) {
    if (labels.length == 0 || classNames.isEmpty()) {
      throw new IllegalArgumentException("an image set has at least one image and one class");
    }
    if (Arrays.stream(labels).anyMatch(label -> label < 0 || label >= classNames.size())) {
      throw new IllegalArgumentException("a label is outside 0 .. " + (classNames.size() - 1));
    }
    this.shape = shape;
    this.classNames = List.copyOf(classNames);
    this.labels = labels;
    this.pixels = pixels;
    this.rows = rows;
    this.groups = groups;
    this.size = labels.length;
    this.elsewhere = null;
    this.numbers = numbers;
  }

  /// These images with groups; takes over the array.
  ImageSet withGroups(long[] groups) {
    if (groups.length != labels.length) {
      throw new IllegalArgumentException(
          groups.length + " groups are not those of " + labels.length + " images");
    }
    return new ImageSet(shape, classNames, labels, pixels, rows, groups, numbers);
  }

  /// What images have in common, such as a patient: images of one group belong into one split. The
  /// numbers follow from the groups' names alone.
  ///
  /// @return a number for each image, equal for those of one group; null if there are no groups
  public long @Nullable [] groups() {
    return groups == null ? null : groups.clone();
  }

  /// What is known of images that lie elsewhere and are never read here, as those on a cluster.
  /// Whoever describes them has looked for images that are there twice, or in two splits.
  ///
  /// @param shape of every image
  /// @param classNames the classes in the order of their labels
  /// @param size how many there are, at least 1
  /// @param digest what identifies them in a run's records, 64 hexadecimal digits
  /// @return a set that has neither pixels nor labels: methods that need them throw
  ///   [IllegalStateException]
  public static ImageSet elsewhere(Shape shape, List<String> classNames, int size, String digest) {
    return new ImageSet(shape, classNames, size, digest);
  }

  /// The same images as a part of a larger set.
  ///
  /// @param numbers each image's number in the larger set, which its augmentation follows from;
  ///   copied
  /// @return a view of these pixels
  /// @throws IllegalArgumentException if there is another count of them
  public ImageSet numbered(int[] numbers) {
    if (numbers.length != size()) {
      throw new IllegalArgumentException(numbers.length + " numbers for " + this);
    }
    return new ImageSet(shape, classNames, labels, pixels, rows, groups, numbers.clone());
  }

  /// What an image's augmentation follows from.
  int number(int index) {
    return numbers == null ? index : numbers[index];
  }

  /// Whether these are [#elsewhere].
  ///
  /// @return true if pixels and labels cannot be read
  public boolean isElsewhere() {
    return elsewhere != null;
  }

  private void requireHere() {
    if (elsewhere != null) {
      throw new IllegalStateException("the images lie elsewhere: " + this);
    }
  }

  /// An image set made in memory.
  ///
  /// @param shape of every image
  /// @param classNames the classes in the order of their labels
  /// @param labels one per image, from 0; copied
  /// @param images unsigned bytes `[N, H, W, C]`; copied
  /// @return a new set
  /// @throws IllegalArgumentException if the lengths disagree, a label names no class, or there is
  ///   no image
  public static ImageSet of(Shape shape, List<String> classNames, int[] labels, byte[] images) {
    if ((long) labels.length * shape.size() != images.length) {
      throw new IllegalArgumentException(
          images.length + " bytes are not " + labels.length + " images of " + shape);
    }
    Pixels pixels = new Pixels(labels.length, shape);
    for (int i = 0; i < labels.length; i++) {
      pixels.put(i, images, i * shape.size());
    }
    return new ImageSet(shape, classNames, labels.clone(), pixels);
  }

  /// The shape of every image.
  ///
  /// @return height, width and channels (1 gray, 3 RGB)
  public Shape shape() {
    return shape;
  }

  /// The number of images.
  ///
  /// @return at least 1
  public int size() {
    return size;
  }

  /// The classes in the order of their labels.
  ///
  /// @return an immutable list
  public List<String> classNames() {
    return classNames;
  }

  /// One image's class.
  ///
  /// @param index from 0 to [#size] - 1
  /// @return its label, an index into [#classNames]
  public int label(int index) {
    requireHere();
    return labels[index];
  }

  /// How many images are decoded anew each time that they are read.
  ///
  /// @return 0 if all are in memory
  public int readFromFiles() {
    return (int) Arrays.stream(rows).filter(row -> row >= pixels.kept()).count();
  }

  /// Whether an image is decoded anew each time that it is read.
  boolean isReadFromFile(int index) {
    return rows[index] >= pixels.kept();
  }

  /// Copies one image out.
  ///
  /// @param index from 0 to [#size] - 1
  /// @param destination takes unsigned bytes `[H, W, C]` at its start
  /// @throws ImageLostException if it is read from a file that cannot be decoded any more
  public void pixels(int index, byte[] destination) {
    requireHere();
    pixels.get(rows[index], destination);
  }

  /// Whether its images are to be varied by random parts when they are trained on
  /// ([Decoding#randomCrop]).
  ///
  /// @return false for images that are only there as they were scaled
  public boolean cutsAtRandom() {
    return pixels.cuts();
  }

  /// A random part of an image as it is stored, scaled to the size of all.
  ///
  /// @param index from 0 to [#size] - 1
  /// @param random draws the part
  /// @return unsigned bytes `[H, W, C]`
  /// @throws ImageLostException if its file cannot be decoded any more
  byte[] cut(int index, SplitMix64 random) {
    return pixels.cut(rows[index], random);
  }

  /// Whether more than one in [#MOST_LEFT_OUT] would be left out.
  static boolean areTooMany(int leftOut, int images) {
    return (long) leftOut * MOST_LEFT_OUT > images;
  }

  /// Leaves an image out from now on, which cannot be decoded any more: it is a null example
  /// wherever it is drawn.
  ///
  /// @param index from 0 to [#size] - 1
  /// @param failure what it failed with
  /// @throws ImageLostException that failure, if images are not left out; or if too many are
  void lose(int index, ImageLostException failure) {
    pixels.lose(rows[index], failure);
  }

  /// Whether an image was left out after the set was opened.
  boolean isLost(int index) {
    return pixels.isLeftOut(rows[index]);
  }

  /// The images of the split that are left out because they are damaged: those that are not in this
  /// set for that reason, and those of it that were lost later. PRIVATE, as their names are.
  ///
  /// @return how each is called; those of the whole split, whatever part of it this is
  public List<String> leftOut() {
    return pixels.leftOut();
  }

  /// How many of these images count: all but those that were lost after the set was opened.
  ///
  /// @return at least 0
  public int counted() {
    return (int) IntStream.range(0, size()).filter(i -> !isLost(i)).count();
  }

  /// How many images are left out, and which.
  ///
  /// @param names of [#leftOut], at least one
  /// @return a part of a line, with the first names
  public static String describeLeftOut(List<String> names) {
    int others = names.size() - NAMED;
    return "%s left out (%s%s)"
        .formatted(
            names.size() == 1 ? "1 bad image is" : names.size() + " bad images are",
            names.stream().limit(NAMED).collect(Collectors.joining(", ")),
            others > 0 ? " and %s more".formatted(others) : "");
  }

  /// Sums over an image's pixels.
  Pixels.Sums sums(int index) {
    return pixels.sums(rows[index]);
  }

  /// A random part of the set. With the same seed a smaller part is the beginning of a larger one.
  ///
  /// @param limit how many images, at least 1
  /// @param seed of the choice
  /// @return this set if it has no more than `limit` images, else a view of its pixels
  /// @throws IllegalArgumentException if the limit is below 1
  public ImageSet subset(int limit, long seed) {
    if (limit < 1) {
      throw new IllegalArgumentException("a subset has at least one image: " + limit);
    }
    requireHere();
    if (limit >= size()) {
      return this;
    }
    int[] chosen = Arrays.copyOf(Shuffle.order(size(), seed), limit);
    return view(chosen);
  }

  /// Some of the images.
  ///
  /// @param chosen from 0 to [#size] - 1, in the order that they are to have
  /// @return a view of these pixels
  ImageSet view(int[] chosen) {
    return new ImageSet(
        shape,
        classNames,
        Arrays.stream(chosen).map(i -> labels[i]).toArray(),
        pixels,
        Arrays.stream(chosen).map(i -> rows[i]).toArray(),
        groups == null ? null : Arrays.stream(chosen).mapToLong(i -> groups[i]).toArray(),
        null);
  }

  /// Some of the images, whose augmentation stays what it is among all.
  ///
  /// @param chosen from 0 to [#size] - 1, in the order that they are to have
  /// @return a view of these pixels
  ImageSet keeping(int[] chosen) {
    return view(chosen).numbered(Arrays.stream(chosen).map(this::number).toArray());
  }

  /// Each image once: of those with the same pixels the first, whatever their labels and files. An
  /// image that a training split has twice moves a sum of gradients by twice its clip bound. The
  /// augmentation of the others does not follow from that.
  ///
  /// @return this set if no image is there twice, else a view of its pixels
  public ImageSet distinct() {
    requireHere();
    Set<Fingerprint> seen = new HashSet<>();
    int[] chosen = IntStream.range(0, size()).filter(i -> seen.add(fingerprint(i))).toArray();
    return chosen.length == size() ? this : keeping(chosen);
  }

  /// What identifies the data in a run's records: SHA-256 over shape, class names, labels and the
  /// images' fingerprints in their order.
  ///
  /// @return 64 hexadecimal digits
  public String digest() {
    if (elsewhere != null) {
      return elsewhere;
    }
    return digest(shape, classNames, identities());
  }

  /// What identifies each image: its label, and a hash of its pixels. PRIVATE.
  ///
  /// @return `[N, IDENTITY_BYTES]`, of which the first four are the label
  public byte[] identities() {
    requireHere();
    ByteBuffer identities = ByteBuffer.allocate(Math.multiplyExact(size(), IDENTITY_BYTES));
    for (int i = 0; i < size(); i++) {
      Fingerprint image = fingerprint(i);
      identities.putInt(labels[i]).putLong(image.high()).putLong(image.low());
    }
    return identities.array();
  }

  /// The [#digest()] of a set of which this is known.
  ///
  /// @param shape of every image
  /// @param classNames in the order of their labels
  /// @param identities as [#identities()] gives them
  /// @return 64 hexadecimal digits
  public static String digest(Shape shape, List<String> classNames, byte[] identities) {
    MessageDigest sha256 = Pixels.sha256();
    try (DataOutputStream out =
        new DataOutputStream(new DigestOutputStream(OutputStream.nullOutputStream(), sha256))) {
      out.writeInt(shape.height());
      out.writeInt(shape.width());
      out.writeInt(shape.channels());
      out.writeInt(classNames.size());
      for (String name : classNames) {
        byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
        out.writeInt(utf8.length);
        out.write(utf8);
      }
      out.writeInt(identities.length / IDENTITY_BYTES);
      out.write(identities);
    } catch (IOException e) {
      throw new UncheckedIOException("a digest writes to memory only", e);
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  /// How many images of this set are in one of others as well: of the same shape, with the same
  /// pixels, whatever their labels, names and files. A file that was encoded anew, cut or scaled is
  /// another image. Each image is hashed once, at the first call that needs it. Some 100 bytes of
  /// memory for each image of this set, 40 for each of the others.
  ///
  /// @param others the sets that may have them
  /// @return from 0 to [#size]
  public int sharedWith(ImageSet... others) {
    requireHere();
    Map<Fingerprint, Integer> missing = new HashMap<>();
    for (int i = 0; i < size(); i++) {
      missing.merge(fingerprint(i), 1, Integer::sum);
    }
    int found = 0;
    for (ImageSet other : others) {
      for (int i = 0; other.shape.equals(shape) && i < other.size(); i++) {
        Integer count = missing.remove(other.fingerprint(i));
        found += count == null ? 0 : count;
      }
    }
    return found;
  }

  private Fingerprint fingerprint(int index) {
    requireHere();
    return pixels.fingerprint(rows[index]);
  }

  /// A description without private values.
  @Override
  public String toString() {
    return "ImageSet[" + size() + " of " + shape + ", " + classNames.size() + " classes]";
  }
}
