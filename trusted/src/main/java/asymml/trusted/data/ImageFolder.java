package asymml.trusted.data;

import asymml.model.Shape;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;

/// Image classification folders: `<split>/<class>/<image>`. Everything is decoded before training
/// starts, on all cores, so that a bad file shows now and not hours later.
///
/// Height and width of all images are equal. There are three channels if any image of the data set
/// has colour, else one: that does not depend on which file comes first.
final class ImageFolder {
  /// Images per task: enough to hide a task's cost, few enough for a lively progress bar.
  private static final int BLOCK = 256;

  /// Photographs look the same in a mirror and when shifted by an eighth, as is usual for CIFAR.
  private static final int CROP_FRACTION = 8;

  private static final int COLOURS = 3;

  private record Source(String path, int label) {}

  /// A gray set turned out to have colour: it is decoded anew.
  private static final class ColourFoundException extends Exception {
    private static final long serialVersionUID = 1L;
  }

  private final ImageTree tree;
  private final DataLimits limits;
  private final Progress progress;

  /// What every image must have, and who wants that.
  private final Shape shape;

  private final String reference;

  private ImageFolder(
      ImageTree tree, DataLimits limits, Progress progress, Shape shape, String reference) {
    this.tree = tree;
    this.limits = limits;
    this.progress = progress;
    this.shape = shape;
    this.reference = reference;
  }

  /// Reads both splits of a tree.
  static DataSet load(ImageTree tree, String name, DataLimits limits, Progress progress)
      throws DataException, IOException {
    ImageListing listing = new ImageListing(tree);
    Map<String, List<String>> trainClasses = listing.train();
    Map<String, List<String>> testClasses = listing.test(trainClasses.keySet());
    listing.requireSameClasses(trainClasses.keySet());
    List<String> classNames = List.copyOf(trainClasses.keySet());
    List<Source> train = sources(trainClasses, classNames);
    List<Source> test = sources(testClasses, classNames);
    String first = train.getFirst().path();
    Shape shape = shapeOf(tree, first, limits);
    String reference = tree.describe(first) + " has";
    while (true) {
      ImageFolder folder = new ImageFolder(tree, limits, progress, shape, reference);
      Pixels.requireMemory(tree.root().toString(), (long) train.size() + test.size(), shape);
      try {
        ImageSet trainSet = folder.decode("decoding training images", train, classNames);
        ImageSet testSet = folder.decode("decoding test images", test, classNames);
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
      ImageTree tree, Shape expected, List<String> classNames, DataLimits limits, Progress progress)
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
    List<Source> test = sources(classes, classNames);
    Pixels.requireMemory(tree.root().toString(), test.size(), expected);
    ImageFolder folder = new ImageFolder(tree, limits, progress, expected, "the model takes");
    try {
      return folder.decode("decoding test images", test, classNames);
    } catch (ColourFoundException e) {
      throw new DataException(
          tree.root() + " has colour images, but the model takes gray ones; convert them", e);
    }
  }

  private static Shape shapeOf(ImageTree tree, String path, DataLimits limits)
      throws DataException {
    try (ImageDecoder decoder = new ImageDecoder(limits)) {
      return decoder.decode(tree.describe(path), tree.read(path, limits)).shape();
    }
  }

  private static List<Source> sources(Map<String, List<String>> classes, List<String> classNames) {
    List<Source> sources = new ArrayList<>();
    for (var entry : classes.entrySet()) {
      int label = classNames.indexOf(entry.getKey());
      for (String path : entry.getValue()) {
        sources.add(new Source(path, label));
      }
    }
    return sources;
  }

  private ImageSet decode(String what, List<Source> sources, List<String> classNames)
      throws DataException, ColourFoundException, IOException {
    Pixels pixels = new Pixels(sources.size(), shape.size());
    AtomicBoolean colour = new AtomicBoolean();
    NavigableMap<Integer, DataException> refused = new ConcurrentSkipListMap<>();
    ExecutorService workers =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    try {
      List<Future<?>> blocks = new ArrayList<>();
      for (int from = 0; from < sources.size(); from += BLOCK) {
        int first = from;
        int end = Math.min(sources.size(), from + BLOCK);
        blocks.add(
            workers.submit(() -> {
              decodeBlock(sources, first, end, pixels, colour, refused);
              return null;
            }));
      }
      awaitAll(blocks, what, sources.size(), colour);
    } finally {
      workers.shutdownNow();
      workers.close();
    }
    requireAll(refused, sources.size());
    int[] labels = sources.stream().mapToInt(Source::label).toArray();
    return new ImageSet(shape, classNames, labels, pixels);
  }

  /// In order. Where colour was found, blocks have ended early, and only the next round tells which
  /// files cannot be used.
  private void awaitAll(List<Future<?>> blocks, String what, int total, AtomicBoolean colour)
      throws ColourFoundException, IOException {
    for (int b = 0; b < blocks.size(); b++) {
      await(blocks.get(b));
      if (colour.get()) {
        throw new ColourFoundException();
      }
      progress.update(what, Math.min(total, (b + 1L) * BLOCK), total);
    }
  }

  /// Of several bad files it is always the first one that is named.
  private static void requireAll(NavigableMap<Integer, DataException> refused, int total)
      throws DataException {
    if (refused.isEmpty()) {
      return;
    }
    DataException first = refused.firstEntry().getValue();
    int others = refused.size() - 1;
    throw others == 0
        ? first
        : first.with(
            " (%s more of these %s images cannot be used either)".formatted(others, total));
  }

  private void decodeBlock(
      List<Source> sources,
      int first,
      int end,
      Pixels pixels,
      AtomicBoolean colour,
      NavigableMap<Integer, DataException> refused)
      throws InterruptedIOException {
    try (ImageDecoder decoder = new ImageDecoder(limits)) {
      for (int i = first; i < end && !colour.get(); i++) {
        if (Thread.interrupted()) {
          throw new InterruptedIOException("decoding was cancelled");
        }
        String path = sources.get(i).path();
        try {
          DecodedImage image =
              decoder.decode(tree.describe(path), tree.read(path, limits), shape, reference);
          if (image.shape().channels() > shape.channels()) {
            colour.set(true);
          } else {
            pixels.put(i, image.spread(shape.channels()));
          }
        } catch (DataException e) {
          refused.put(i, e);
        }
      }
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
