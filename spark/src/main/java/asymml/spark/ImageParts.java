package asymml.spark;

import asymml.model.PrintableText;
import asymml.model.Shape;
import asymml.session.StageMember;
import asymml.trusted.data.DataException;
import asymml.trusted.data.Decoding;
import asymml.trusted.data.ImageFiles;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.draw.Shuffle;
import java.io.Serializable;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.storage.StorageLevel;
import org.jspecify.annotations.Nullable;

/// The images of a split in the executors, one element for each partition, as files: they are
/// decoded when they are used. The driver knows counts, classes, shape, levels of pixels and a
/// digest.
final class ImageParts implements AutoCloseable {
  private final JavaRDD<StageMember.Images> parts;
  private final JavaRDD<ImageSurvey> surveys;
  private final ImageSet set;
  private final long[][] sums;

  private ImageParts(
      JavaRDD<StageMember.Images> parts,
      JavaRDD<ImageSurvey> surveys,
      ImageSet set,
      long[][] sums) {
    this.parts = parts;
    this.surveys = surveys;
    this.set = set;
    this.sums = sums;
  }

  /// What a pass over a part finds without decoding anything.
  private record Sketch(String digest, int count, Set<String> labels) implements Serializable {
    private static final long serialVersionUID = 1;

    static Sketch of(LabelledPart part) {
      return new Sketch(
          part.digest(), part.content().length, new LinkedHashSet<>(Arrays.asList(part.labels())));
    }
  }

  /// Which images of each part are used, and how they are numbered.
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  private record Numbering(
      List<String> digests, int[][] used, int[][] numbers, Map<String, Integer> labels)
      implements Serializable {
    private static final long serialVersionUID = 1;

    StageMember.Images of(LabelledPart part) throws DataException {
      int p = part.index();
      return part.part(digests.get(p), used[p], numbers[p], labels);
    }
  }

  /// The shape that the images of a part have.
  ///
  /// @param height of all; 0 of an empty part
  /// @param width of all
  /// @param channels the most that one has
  private record Extent(int height, int width, int channels) implements Serializable {
    private static final long serialVersionUID = 1;

    static Extent of(StageMember.Images part, Decoding decoding) throws DataException {
      Extent all = new Extent(0, 0, 1);
      for (int i = 0; i < part.labels().length; i++) {
        Shape own = ImageFiles.shape("image " + part.numbers()[i], part.content()[i], decoding);
        all = all.plus(new Extent(own.height(), own.width(), own.channels()));
      }
      return all;
    }

    Extent plus(Extent other) throws DataException {
      if (height == 0 || other.height == 0) {
        return height == 0 ? other : this;
      }
      if (height != other.height || width != other.width) {
        throw new DataException(
            "the images have several sizes, such as %s x %s and %s x %s pixels (width x height); resize them, or give --image-size"
                .formatted(width, height, other.width, other.height));
      }
      return new Extent(height, width, Math.max(channels, other.channels));
    }
  }

  /// Looks at all images once: whatever is wrong with one shows before training starts.
  ///
  /// @param rows of two columns, the bytes of a JPEG or PNG file and a label
  /// @param limit how many of them are used, chosen by the seed; [Integer#MAX_VALUE] for all
  /// @param seed of the choice
  /// @param decoding of images
  /// @param classes of these images; null for those that are found
  /// @param like whose shape and classes these must have; null for those that are found
  /// @throws DataException if there are no images, or they do not go together
  static ImageParts of(
      Dataset<Row> rows,
      int limit,
      long seed,
      Decoding decoding,
      @Nullable List<String> classes,
      @Nullable ImageSet like)
      throws DataException {
    ImageForm form = ImageForm.of(decoding);
    JavaRDD<LabelledPart> read =
        rows.javaRDD()
            .mapPartitionsWithIndex(
                (index, part) ->
                    Collections.singleton(LabelledPart.of(index, part, form.decoding().limits()))
                        .iterator(),
                true)
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      List<Sketch> sketches = read.map(Sketch::of).collect();
      List<String> names =
          like != null ? like.classNames() : classes != null ? classes : classes(sketches);
      int[][] numbers = numbers(sketches.stream().mapToInt(Sketch::count).toArray(), limit, seed);
      int[][] used = new int[numbers.length][];
      for (int p = 0; p < used.length; p++) {
        int[] own = numbers[p];
        used[p] = IntStream.range(0, own.length).filter(i -> own[i] >= 0).toArray();
        numbers[p] = Arrays.stream(own).filter(i -> i >= 0).toArray();
      }
      List<String> digests = sketches.stream().map(Sketch::digest).toList();
      Map<String, Integer> labels = new LinkedHashMap<>();
      names.forEach(name -> labels.put(name, labels.size()));
      // By itself it would be sent with each stage.
      Broadcast<Numbering> numbering =
          new JavaSparkContext(rows.sparkSession().sparkContext())
              .broadcast(new Numbering(digests, used, numbers, labels));
      JavaRDD<StageMember.Images> parts =
          read.map(part -> numbering.value().of(part)).persist(StorageLevel.MEMORY_AND_DISK());
      Shape shape = like == null ? shape(parts, form) : like.shape();
      ImageSurvey.Form task =
          new ImageSurvey.Form(shape.height(), shape.width(), shape.channels(), names, form);
      JavaRDD<ImageSurvey> surveys =
          parts.map(task::survey).persist(StorageLevel.MEMORY_AND_DISK());
      long[][] sums = surveys.map(ImageSurvey::sums).treeReduce(ImageSurvey::add);
      String digest = ImageSet.digest(shape, names, identities(surveys, numbers));
      int size = Arrays.stream(numbers).mapToInt(own -> own.length).sum();
      return new ImageParts(parts, surveys, ImageSet.elsewhere(shape, names, size, digest), sums);
    } catch (RuntimeException | DataException e) {
      throw e;
    } catch (Exception e) {
      // Spark's Java interface declares no exception, and throws its own.
      throw new DataException(why(e), e);
    } finally {
      read.unpersist();
    }
  }

  /// What a task has said, out of the many lines that Spark says about it.
  private static String why(Exception e) {
    String name = DataException.class.getSimpleName() + ": ";
    List<String> lines = String.valueOf(e.getMessage()).lines().toList();
    return lines.stream()
        .filter(line -> line.contains(name))
        .map(line -> line.substring(line.indexOf(name) + name.length()))
        .findFirst()
        .orElse("Spark could not read the images: " + lines.getFirst());
  }

  private static Shape shape(JavaRDD<StageMember.Images> parts, ImageForm form)
      throws DataException {
    Extent all = new Extent(0, 0, 1);
    for (Extent part : parts.map(images -> Extent.of(images, form.decoding())).collect()) {
      all = all.plus(part);
    }
    return new Shape(all.height, all.width, all.channels);
  }

  /// The classes that are found, of which each can be shown: a checkpoint with another is refused.
  private static List<String> classes(List<Sketch> sketches) throws DataException {
    Set<String> names = new TreeSet<>();
    sketches.forEach(sketch -> names.addAll(sketch.labels));
    for (String name : names) {
      if (name.isBlank()) {
        throw new DataException("an image has a blank label: give it the name of a class");
      }
      if (!PrintableText.isPrintable(name)) {
        throw new DataException(
            "the class \"%s\" has a control character; rename it"
                .formatted(PrintableText.of(name)));
      }
    }
    return List.copyOf(names);
  }

  /// The number of each image in the split: as a single process chooses and numbers them.
  ///
  /// @return by partition and row; -1 for those that are not used
  private static int[][] numbers(int[] counts, int limit, long seed) throws DataException {
    long all = Arrays.stream(counts).asLongStream().sum();
    if (all < 1 || all > Integer.MAX_VALUE / ImageSet.IDENTITY_BYTES) {
      throw new DataException(
          "a split has 1 to %s images: %s"
              .formatted(Integer.MAX_VALUE / ImageSet.IDENTITY_BYTES, all));
    }
    int[] numbers = IntStream.range(0, (int) all).toArray();
    if (limit < all) {
      int[] order = Shuffle.order((int) all, seed);
      Arrays.fill(numbers, -1);
      for (int i = 0; i < limit; i++) {
        numbers[order[i]] = i;
      }
    }
    int[][] parts = new int[counts.length][];
    int from = 0;
    for (int p = 0; p < counts.length; p++) {
      parts[p] = Arrays.copyOfRange(numbers, from, from + counts[p]);
      from += counts[p];
    }
    return parts;
  }

  /// All identities in the order of the images' numbers.
  private static byte[] identities(JavaRDD<ImageSurvey> surveys, int[][] numbers) {
    int size = Arrays.stream(numbers).mapToInt(own -> own.length).sum();
    byte[] all = new byte[size * ImageSet.IDENTITY_BYTES];
    Iterator<byte[]> parts = surveys.map(ImageSurvey::identities).toLocalIterator();
    for (int[] own : numbers) {
      byte[] part = parts.next();
      for (int i = 0; i < own.length; i++) {
        System.arraycopy(
            part,
            i * ImageSet.IDENTITY_BYTES,
            all,
            own[i] * ImageSet.IDENTITY_BYTES,
            ImageSet.IDENTITY_BYTES);
      }
    }
    return all;
  }

  /// The images.
  JavaRDD<StageMember.Images> parts() {
    return parts;
  }

  /// What is known of them.
  ImageSet set() {
    return set;
  }

  /// The statistics of their pixels. PRIVATE.
  Normalization normalization() {
    return Normalization.of(sums, (long) set.size() * set.shape().pixels());
  }

  private JavaRDD<String> fingerprints() {
    return surveys.flatMap(survey -> survey.fingerprints().iterator());
  }

  /// How many images have the pixels of another one.
  long copies() {
    return set.size() - fingerprints().distinct().count();
  }

  /// How many different images are in another split as well.
  long sharedWith(ImageParts other) {
    return fingerprints().intersection(other.fingerprints()).count();
  }

  /// Frees the memory in the executors.
  @Override
  public void close() {
    parts.unpersist();
    surveys.unpersist();
  }
}
