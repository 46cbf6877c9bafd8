package asymml.trusted.data;

import asymml.model.Shape;
import asymml.trusted.data.Decoding.OnBadImage;
import asymml.trusted.draw.SplitMix64;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Image classification folders: `<split>/<class>/<image>`. Headers are checked first, in a pass
/// that takes little time; then everything is decoded once before training starts, on all cores, so
/// that a bad file shows now and not hours later, and statistics need no pass of their own.
///
/// Height and width of all images are equal, or are made so ([Decoding]). There are three channels
/// if any image of the data set has colour, else one: that does not depend on which file comes
/// first.
final class ImageFolder {
  /// Images per task: enough to hide a task's cost, few enough for a lively progress bar.
  private static final int BLOCK = 256;

  /// Photographs look the same in a mirror and when shifted by an eighth, as is usual for CIFAR.
  private static final int CROP_FRACTION = 8;

  private static final int COLOURS = 3;

  /// @param path of the tree
  /// @param label an index into the classes
  /// @param group identifies what it has in common with others; 0 where there are no groups
  private record Source(String path, int label, long group) {}

  /// What all images are compared with.
  ///
  /// @param name of an image
  /// @param shape of it
  private record Reference(String name, Shape shape) {}

  /// A gray set turned out to have colour: it is decoded anew.
  private static final class ColourFoundException extends Exception {
    private static final long serialVersionUID = 1L;
  }

  private final ImageTree tree;
  private final Decoding decoding;
  private final Progress progress;
  private final Queue<ImageDecoder> decoders = new ConcurrentLinkedQueue<>();

  /// What every image must have, and who wants that.
  private final Shape shape;

  private final String reference;

  private ImageFolder(
      ImageTree tree, Decoding decoding, Progress progress, Shape shape, String reference) {
    this.tree = tree;
    this.decoding = decoding;
    this.progress = progress;
    this.shape = shape;
    this.reference = reference;
  }

  /// Reads both splits of a tree, which must stay open if they say that they read files. Headers
  /// are checked of all images, whatever part is decoded: the shape is that of all.
  static DataSet load(ImageTree tree, String name, Decoding decoding, Progress progress)
      throws DataException, IOException {
    ImageListing listing = new ImageListing(tree);
    Map<String, List<String>> trainClasses = listing.train();
    Map<String, List<String>> testClasses = listing.test(trainClasses.keySet());
    listing.requireSameClasses(trainClasses.keySet());
    List<String> classNames = List.copyOf(trainClasses.keySet());
    List<Source> train = sources(tree, trainClasses, classNames);
    List<Source> test = sources(tree, testClasses, classNames);
    if (decoding.columns().group() != null) {
      requireGroupsApart(tree, train, test);
    }
    Reference first = reference(tree, train, decoding);
    Shape shape = first.shape();
    String reference = first.name() + " has";
    ImageFolder headers = new ImageFolder(tree, decoding, progress, shape, reference);
    boolean colour = headers.checkHeaders("checking training images", train, classNames);
    if (headers.checkHeaders("checking test images", test, classNames) || colour) {
      shape = new Shape(shape.height(), shape.width(), COLOURS);
    }
    train = decoding.chosen(train, decoding.part().train());
    test = decoding.chosen(test, decoding.part().test());
    while (true) {
      ImageFolder folder = new ImageFolder(tree, decoding, progress, shape, reference);
      // Of images that are cut at random, the whole is of no use in training.
      long used = decoding.randomCrop() ? 0 : train.size();
      int kept = folder.kept(used + test.size());
      Pixels.requireMemory(tree.root().toString(), kept, shape);
      int keptTrain = (int) (kept * used / (used + test.size()));
      try {
        ImageSet trainSet =
            folder.decode(
                "decoding training images", train, classNames, keptTrain, decoding.randomCrop());
        ImageSet testSet =
            folder.decode("decoding test images", test, classNames, kept - keptTrain, false);
        return new DataSet(
            name,
            trainSet,
            testSet,
            Normalization.of(trainSet),
            true,
            shape.height() / CROP_FRACTION);
      } catch (ColourFoundException e) {
        shape = new Shape(shape.height(), shape.width(), COLOURS);
      }
    }
  }

  /// Reads the test split alone, for a model that is there.
  ///
  /// @param expected the model's input; gray images are spread if it has three channels
  /// @param classNames the model's classes, in the order of their labels; some may have no images
  static ImageSet loadTest(
      ImageTree tree, Shape expected, List<String> classNames, Decoding decoding, Progress progress)
      throws DataException, IOException {
    ImageListing listing = new ImageListing(tree);
    Map<String, List<String>> classes = listing.test(Set.copyOf(classNames));
    for (String found : classes.keySet()) {
      if (!classNames.contains(found)) {
        throw new DataException(
            "%s has a class %s, which the model does not know; it knows %s"
                .formatted(tree.root(), found, String.join(", ", classNames)));
      }
    }
    List<Source> test = sources(tree, classes, classNames);
    ImageFolder folder = new ImageFolder(tree, decoding, progress, expected, "the model takes");
    try {
      if (folder.checkHeaders("checking test images", test, classNames)
          && expected.channels() < COLOURS) {
        throw new ColourFoundException();
      }
      test = decoding.chosen(test, decoding.part().test());
      int kept = folder.kept(test.size());
      Pixels.requireMemory(tree.root().toString(), kept, expected);
      return folder.decode("decoding test images", test, classNames, kept, false);
    } catch (ColourFoundException e) {
      throw new DataException(
          tree.root() + " has colour images, but the model takes gray ones; convert them", e);
    }
  }

  /// The shape of the first image, or where damaged ones are left out of the first that is not.
  private static Reference reference(ImageTree tree, List<Source> sources, Decoding decoding)
      throws DataException {
    @Nullable DataException refused = null;
    for (Source source : sources) {
      try {
        return new Reference(tree.describe(source.path()), shapeOf(tree, source.path(), decoding));
      } catch (DataException e) {
        refused = refused == null ? e : refused;
        if (decoding.onBadImage() == OnBadImage.FAIL || e.isOfSettings()) {
          break;
        }
      }
    }
    throw Objects.requireNonNull(refused, "a split has images");
  }

  private static Shape shapeOf(ImageTree tree, String path, Decoding decoding)
      throws DataException {
    DataLimits limits = decoding.limits();
    try (ImageDecoder decoder = new ImageDecoder(limits, decoding.window())) {
      Shape stored = decoder.decode(tree.describe(path), tree.read(path, limits)).shape();
      int size = decoding.imageSize();
      return decoding.scales() ? new Shape(size, size, stored.channels()) : stored;
    }
  }

  /// How many decoded images are kept.
  private int kept(long images) {
    return (int)
        Math.min(images, decoding.keepsAll() ? images : decoding.cacheBytes() / shape.size());
  }

  /// An image of a group that is in both splits would be recognised, not classified.
  private static void requireGroupsApart(ImageTree tree, List<Source> train, List<Source> test)
      throws DataException {
    Map<Long, String> trained = new HashMap<>();
    train.forEach(source -> trained.putIfAbsent(source.group(), source.path()));
    for (Source source : test) {
      String other = trained.get(source.group());
      if (other != null) {
        throw new DataException(
            "%s: a group has images in both splits, such as %s and %s; move all of them to one"
                .formatted(tree.root(), tree.describe(other), tree.describe(source.path())));
      }
    }
  }

  private static List<Source> sources(
      ImageTree tree, Map<String, List<String>> classes, List<String> classNames) {
    List<Source> sources = new ArrayList<>();
    for (var entry : classes.entrySet()) {
      int label = classNames.indexOf(entry.getKey());
      for (String path : entry.getValue()) {
        String group = tree.group(path);
        sources.add(
            new Source(
                path,
                label,
                group == null
                    ? 0
                    : Pixels.Fingerprint.of(group.getBytes(StandardCharsets.UTF_8)).high()));
      }
    }
    return sources;
  }

  /// Looks at the headers of a split's images, so that one of another size or kind shows before any
  /// is decoded. Those that will be left out are not yet.
  ///
  /// @return whether any image is sure to have colour
  private boolean checkHeaders(String what, List<Source> sources, List<String> classNames)
      throws DataException, IOException {
    AtomicBoolean colour = new AtomicBoolean();
    NavigableMap<Integer, DataException> refused = new ConcurrentSkipListMap<>();
    @Nullable Shape expected = decoding.scales() ? null : shape;
    forAll(
        what,
        sources,
        () -> false,
        refused,
        (decoder, i) -> {
          String path = sources.get(i).path();
          byte[] file = tree.read(path, decoding.limits());
          if (decoder.checkHeader(tree.describe(path), file, expected, reference)) {
            colour.set(true);
          }
        });
    requireUsable(refused, sources, classNames);
    return colour.get();
  }

  /// Decodes a split, and leaves damaged images out if that is wanted: whether one is follows from
  /// itself alone, so that a guarantee for any other image is not touched.
  private ImageSet decode(
      String what, List<Source> sources, List<String> classNames, int keep, boolean cuts)
      throws DataException, ColourFoundException, IOException {
    AtomicBoolean colour = new AtomicBoolean();
    NavigableMap<Integer, DataException> refused = new ConcurrentSkipListMap<>();
    Pixels pixels = pixels(sources, Math.min(keep, sources.size()), cuts);
    forAll(
        what,
        sources,
        colour::get,
        refused,
        (decoder, i) -> {
          DecodedImage image = stored(decoder, sources.get(i).path());
          if (image.shape().channels() > shape.channels()) {
            colour.set(true);
          } else {
            pixels.take(i, whole(image));
          }
        });
    if (colour.get()) {
      // Blocks have ended early, and only the next round tells which files cannot be used.
      throw new ColourFoundException();
    }
    requireUsable(refused, sources, classNames);
    int[] labels = sources.stream().mapToInt(Source::label).toArray();
    ImageSet images = new ImageSet(shape, classNames, labels, pixels);
    if (decoding.columns().group() != null) {
      images = images.withGroups(sources.stream().mapToLong(Source::group).toArray());
    }
    if (refused.isEmpty()) {
      return images;
    }
    refused.keySet().forEach(pixels::leaveOut);
    return images.keeping(
        IntStream.range(0, sources.size()).filter(i -> !refused.containsKey(i)).toArray());
  }

  private Pixels pixels(List<Source> sources, int kept, boolean cuts) {
    return new Pixels(
        sources.size(),
        shape,
        kept,
        decoding.onBadImage() == OnBadImage.SKIP,
        new Pixels.Decoder() {
          @Override
          public String describe(int index) {
            return tree.describe(sources.get(index).path());
          }

          @Override
          public byte[] decode(int index) throws DataException {
            return decodeAgain(sources.get(index), ImageFolder.this::whole);
          }

          @Override
          public Pixels.Cut cut(int index, SplitMix64 random) throws DataException {
            return decodeAgain(
                sources.get(index),
                stored -> {
                  Shape of = stored.shape();
                  ImageScaler.Crop crop = ImageScaler.Crop.draw(random, of.height(), of.width());
                  DecodedImage part = ImageScaler.cut(stored, crop, shape.height());
                  return new Pixels.Cut(whole(stored), part.spread(shape.channels()));
                });
          }

          @Override
          public boolean cuts() {
            return cuts;
          }
        });
  }

  /// What is done with each image.
  @FunctionalInterface
  private interface Work {
    void of(ImageDecoder decoder, int index) throws DataException;
  }

  /// Does something with all images of a split, on all cores, in the order in which they are
  /// stored.
  ///
  /// @param ended whether the rest is not needed
  /// @param refused takes the failures by index
  private void forAll(
      String what,
      List<Source> sources,
      BooleanSupplier ended,
      NavigableMap<Integer, DataException> refused,
      Work work)
      throws IOException {
    int total = sources.size();
    int[] order = tree.readingOrder(sources.stream().map(Source::path).toList());
    ExecutorService workers =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    try {
      List<Future<?>> blocks = new ArrayList<>();
      for (int from = 0; from < total; from += BLOCK) {
        int[] block = Arrays.copyOfRange(order, from, Math.min(total, from + BLOCK));
        blocks.add(
            workers.submit(() -> {
              block(block, ended, refused, work);
              return null;
            }));
      }
      for (int b = 0; b < blocks.size(); b++) {
        await(blocks.get(b));
        if (ended.getAsBoolean()) {
          return;
        }
        progress.update(what, Math.min(total, (b + 1L) * BLOCK), total);
      }
    } finally {
      workers.shutdownNow();
      workers.close();
    }
  }

  /// Refuses bad images unless they are to be left out. Of several it is always the first one that
  /// is named, or the first one for which there is a setting.
  private void requireUsable(
      NavigableMap<Integer, DataException> refused, List<Source> sources, List<String> classNames)
      throws DataException {
    if (refused.isEmpty()) {
      return;
    }
    int total = sources.size();
    DataException first = refused.firstEntry().getValue();
    if (decoding.onBadImage() == OnBadImage.FAIL) {
      int others = refused.size() - 1;
      throw others == 0
          ? first
          : first.with(
              " (%s more of these %s images cannot be used either)".formatted(others, total));
    }
    for (DataException e : refused.values()) {
      if (e.isOfSettings()) {
        throw e;
      }
    }
    if (ImageSet.areTooMany(refused.size(), total)) {
      throw first.with(
          " (%s of these %s images cannot be used, and more than one in %s are not left out)"
              .formatted(refused.size(), total, ImageSet.MOST_LEFT_OUT));
    }
    BitSet left = new BitSet();
    IntStream.range(0, total)
        .filter(i -> !refused.containsKey(i))
        .forEach(i -> left.set(sources.get(i).label()));
    for (Map.Entry<Integer, DataException> each : refused.entrySet()) {
      int label = sources.get(each.getKey()).label();
      if (!left.get(label)) {
        throw each.getValue()
            .with(" (no image of the class %s can be used)".formatted(classNames.get(label)));
      }
    }
  }

  private void block(
      int[] block, BooleanSupplier ended, NavigableMap<Integer, DataException> refused, Work work)
      throws InterruptedIOException {
    try (ImageDecoder decoder = decoder()) {
      for (int i : block) {
        if (ended.getAsBoolean()) {
          return;
        }
        if (Thread.interrupted()) {
          throw new InterruptedIOException("decoding was cancelled");
        }
        try {
          work.of(decoder, i);
        } catch (DataException e) {
          refused.put(i, e);
        }
      }
    }
  }

  private ImageDecoder decoder() {
    return new ImageDecoder(decoding.limits(), decoding.window());
  }

  /// An image as it is stored: of the size of all, unless they are scaled.
  private DecodedImage stored(ImageDecoder decoder, String path) throws DataException {
    String name = tree.describe(path);
    byte[] file = tree.read(path, decoding.limits());
    return decoding.scales()
        ? decoder.decode(name, file)
        : decoder.decode(name, file, shape, reference);
  }

  /// An image of the size and channels of all.
  private byte[] whole(DecodedImage stored) {
    DecodedImage image = decoding.scales() ? ImageScaler.fit(stored, shape.height()) : stored;
    return image.spread(shape.channels());
  }

  /// An image that is not kept, on any thread.
  private <T> T decodeAgain(Source source, Function<DecodedImage, T> use) throws DataException {
    ImageDecoder free = decoders.poll();
    ImageDecoder decoder = free != null ? free : decoder();
    try {
      DecodedImage image = stored(decoder, source.path());
      if (image.shape().channels() > shape.channels()) {
        throw new DataException(tree.describe(source.path()) + " has become a colour image");
      }
      return use.apply(image);
    } finally {
      decoders.add(decoder);
    }
  }

  private static void await(Future<?> block) throws IOException {
    try {
      block.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("loading was interrupted");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof OutOfMemoryError memory) {
        throw memory;
      }
      throw new IllegalStateException("decoding failed", e.getCause());
    }
  }
}
