package asymml.spark;

import asymml.model.Shape;
import asymml.trusted.data.DataException;
import asymml.trusted.data.Decoding;
import asymml.trusted.data.ImageFiles;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.draw.Shuffle;
import java.io.Serializable;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.storage.StorageLevel;
import org.jspecify.annotations.Nullable;

/// The images of a split in the executors, one [Part] for each partition, as files: they are decoded
/// when they are used. The driver knows counts, classes, shape, levels of pixels and a digest.
final class ImageParts implements AutoCloseable {
  private static final BigInteger MODULUS = BigInteger.ONE.shiftLeft(256);

  private final JavaRDD<Part> parts;
  private final ImageSet set;
  private final long[][] histogram;
  private final JavaRDD<String> fingerprints;

  private ImageParts(
      JavaRDD<Part> parts,
      ImageSet set,
      long[][] histogram,
      JavaRDD<String> fingerprints) {
    this.parts = parts;
    this.set = set;
    this.histogram = histogram;
    this.fingerprints = fingerprints;
  }

  /// What a pass over a part finds without decoding all of it.
  private record Sketch(
      int index, int count, Set<String> labels, int height, int width, int channels)
      implements Serializable {
    private static final long serialVersionUID = 1;
  }

  /// What a pass over decoded images finds.
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  private record Survey(BigInteger digest, long[][] histogram) implements Serializable {
    private static final long serialVersionUID = 1;

    Survey plus(Survey other) {
      long[][] sum = new long[histogram.length][];
      for (int c = 0; c < sum.length; c++) {
        sum[c] = histogram[c].clone();
        for (int level = 0; level < sum[c].length; level++) {
          sum[c][level] += other.histogram[c][level];
        }
      }
      return new Survey(digest.add(other.digest).mod(MODULUS), sum);
    }
  }

  /// Looks at all images once: whatever is wrong with one shows before training starts.
  ///
  /// @param rows of two columns, the bytes of a JPEG or PNG file and a label
  /// @param limit how many of them are used, chosen by the seed; [Integer#MAX_VALUE] for all
  /// @param seed of the choice
  /// @param decoding of images
  /// @param like whose shape and classes these must have; null for those that are found
  /// @throws DataException if there are no images, or they do not go together
  static ImageParts of(
      Dataset<Row> rows, int limit, long seed, Decoding decoding, @Nullable ImageSet like)
      throws DataException {
    FileForm form = FileForm.of(decoding);
    JavaRDD<LabelledPart> read =
        rows.javaRDD()
            .mapPartitionsWithIndex(
                (index, part) -> Collections.singleton(LabelledPart.of(index, part)).iterator(),
                true)
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      List<Sketch> sketches = read.map(part -> sketch(part, form.decoding())).collect();
      Shape shape = like == null ? shape(sketches) : like.shape();
      List<String> classes = like == null ? classes(sketches) : like.classNames();
      int[] counts = sketches.stream().mapToInt(Sketch::count).toArray();
      int[][] used = used(counts, limit, seed);
      long[] first = new long[used.length];
      for (int i = 1; i < first.length; i++) {
        first[i] = first[i - 1] + used[i - 1].length;
      }
      Map<String, Integer> labels = new LinkedHashMap<>();
      classes.forEach(name -> labels.put(name, labels.size()));
      JavaRDD<Part> parts =
          read.map(p -> p.part(first[p.index()], used[p.index()], labels))
              .persist(StorageLevel.MEMORY_AND_DISK());
      return surveyed(parts, shape, classes, Arrays.stream(used).mapToInt(u -> u.length).sum(), form);
    } finally {
      read.unpersist();
    }
  }

  private static ImageParts surveyed(
      JavaRDD<Part> parts, Shape shape, List<String> classes, int size, FileForm form) {
    int height = shape.height();
    int width = shape.width();
    int channels = shape.channels();
    Survey survey =
        parts
            .map(part -> survey(part, new Shape(height, width, channels), form.decoding()))
            .treeReduce(Survey::plus);
    JavaRDD<String> fingerprints =
        parts.flatMap(
            part -> fingerprints(part, new Shape(height, width, channels), form.decoding()).iterator());
    String digest =
        String.format(Locale.ROOT, "%064x", survey.digest);
    return new ImageParts(
        parts,
        ImageSet.elsewhere(shape, classes, size, digest),
        survey.histogram,
        fingerprints);
  }

  private static Sketch sketch(LabelledPart part, Decoding decoding) throws DataException {
    int height = 0;
    int width = 0;
    int channels = 1;
    for (int i = 0; i < part.content().length; i++) {
      String name = "image %s of partition %s".formatted(i, part.index());
      Shape own = ImageFiles.shape(name, part.content()[i], decoding);
      if (height != 0 && (own.height() != height || own.width() != width)) {
        throw new DataException(
            "%s is %s x %s pixels (width x height), others are %s x %s; resize it, or give --image-size"
                .formatted(name, own.width(), own.height(), width, height));
      }
      height = own.height();
      width = own.width();
      channels = Math.max(channels, own.channels());
    }
    return new Sketch(
        part.index(),
        part.content().length,
        new LinkedHashSet<>(Arrays.asList(part.labels())),
        height,
        width,
        channels);
  }

  private static Shape shape(List<Sketch> sketches) throws DataException {
    @Nullable Shape found = null;
    for (Sketch sketch : sketches) {
      if (sketch.count == 0) {
        continue;
      }
      if (found != null && (found.height() != sketch.height || found.width() != sketch.width)) {
        throw new DataException(
            "the images have several sizes, such as %s x %s and %s x %s; resize them, or give --image-size"
                .formatted(found.width(), found.height(), sketch.width, sketch.height));
      }
      int channels = Math.max(found == null ? 1 : found.channels(), sketch.channels);
      found = new Shape(sketch.height, sketch.width, channels);
    }
    if (found == null) {
      throw new DataException("there are no training images");
    }
    return found;
  }

  /// Numbers stand for themselves, and those below the largest that no image has are classes too;
  /// names are sorted.
  private static List<String> classes(List<Sketch> sketches) throws DataException {
    Set<String> names = new TreeSet<>();
    sketches.forEach(sketch -> names.addAll(sketch.labels));
    if (!names.stream().allMatch(name -> name.matches("[0-9]{1,4}"))) {
      return List.copyOf(names);
    }
    int largest = names.stream().mapToInt(Integer::parseInt).max().orElse(0);
    return IntStream.rangeClosed(0, largest).mapToObj(Integer::toString).toList();
  }

  /// Which images of each partition are used: as a single process chooses them of all, in the order
  /// that they have.
  private static int[][] used(int[] counts, int limit, long seed) throws DataException {
    long all = Arrays.stream(counts).asLongStream().sum();
    if (all > Integer.MAX_VALUE - 8) {
      throw new DataException(
          "%s images are more than the %s that are numbered".formatted(all, Integer.MAX_VALUE - 8));
    }
    int total = (int) all;
    boolean[] chosen = new boolean[total];
    if (limit >= total) {
      Arrays.fill(chosen, true);
    } else {
      int[] order = Shuffle.order(total, seed);
      for (int i = 0; i < limit; i++) {
        chosen[order[i]] = true;
      }
    }
    int[][] used = new int[counts.length][];
    int from = 0;
    for (int p = 0; p < counts.length; p++) {
      int start = from;
      used[p] = IntStream.range(0, counts[p]).filter(i -> chosen[start + i]).toArray();
      from += counts[p];
    }
    return used;
  }

  private static byte[] decoded(Part part, int i, Shape shape, Decoding decoding)
      throws DataException {
    return ImageFiles.decode("image " + (part.first() + i), part.content()[i], shape, decoding);
  }

  /// The digest does not depend on where partitions end: a sum of hashes of place, label and pixels.
  private static Survey survey(Part part, Shape shape, Decoding decoding) throws DataException {
    BigInteger digest = BigInteger.ZERO;
    long[][] histogram = new long[shape.channels()][256];
    for (int i = 0; i < part.labels().length; i++) {
      byte[] pixels = decoded(part, i, shape, decoding);
      for (int p = 0; p < pixels.length; p++) {
        histogram[p % shape.channels()][pixels[p] & 0xFF]++;
      }
      MessageDigest sha256 = sha256();
      sha256.update(
          ByteBuffer.allocate(12).putLong(part.first() + i).putInt(part.labels()[i]).array());
      digest = digest.add(new BigInteger(1, sha256.digest(pixels))).mod(MODULUS);
    }
    return new Survey(digest, histogram);
  }

  private static List<String> fingerprints(Part part, Shape shape, Decoding decoding)
      throws DataException {
    List<String> found = new ArrayList<>();
    for (int i = 0; i < part.labels().length; i++) {
      byte[] hash = sha256().digest(decoded(part, i, shape, decoding));
      found.add(HexFormat.of().formatHex(hash, 0, 16));
    }
    return found;
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /// The images.
  JavaRDD<Part> parts() {
    return parts;
  }

  /// What is known of them.
  ImageSet set() {
    return set;
  }

  /// The statistics of their pixels. PRIVATE.
  Normalization normalization() {
    return Normalization.of(histogram, (long) set.size() * set.shape().pixels());
  }

  /// How many images have the pixels of another one.
  long copies() {
    return set.size() - fingerprints.distinct().count();
  }

  /// How many images are in another split as well.
  long sharedWith(ImageParts other) {
    return fingerprints.distinct().intersection(other.fingerprints.distinct()).count();
  }

  /// Frees the memory in the executors.
  @Override
  public void close() {
    parts.unpersist();
  }
}
