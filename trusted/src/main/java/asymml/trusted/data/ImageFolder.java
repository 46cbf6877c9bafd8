package asymml.trusted.data;

import asymml.model.Shape;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Image classification folders: `<split>/<class>/<image>`. Everything is decoded before training
/// starts, on all cores, so that a bad file shows now and not hours later.
final class ImageFolder {
  /// Images per task: enough to hide a task's cost, few enough for a lively progress bar.
  private static final int BLOCK = 256;

  /// Photographs look the same in a mirror and when shifted by an eighth, as is usual for CIFAR.
  private static final int CROP_FRACTION = 8;

  private record Source(String path, int label) {}

  private final ImageTree tree;
  private final Progress progress;
  private final String firstPath;
  private final Shape shape;

  private ImageFolder(ImageTree tree, String firstPath, Progress progress)
      throws DataException, IOException {
    this.tree = tree;
    this.firstPath = firstPath;
    this.progress = progress;
    try (ImageDecoder decoder = new ImageDecoder()) {
      shape = decoder.decode(tree.describe(firstPath), read(tree, firstPath)).shape();
    }
  }

  /// Reads a whole tree.
  static DataSet load(ImageTree tree, String name, Progress progress)
      throws DataException, IOException {
    ImageListing listing = new ImageListing(tree, tree.paths());
    List<String> classNames = List.copyOf(listing.train().keySet());
    List<Source> train = sources(listing.train());
    List<Source> test = sources(listing.test());
    ImageFolder folder = new ImageFolder(tree, train.getFirst().path(), progress);
    Pixels.requireMemory(tree.root().toString(), (long) train.size() + test.size(), folder.shape);
    ImageSet trainSet = folder.decode("decoding training images", train, classNames);
    ImageSet testSet = folder.decode("decoding test images", test, classNames);
    return new DataSet(
        name,
        trainSet,
        testSet,
        Normalization.of(trainSet),
        true,
        folder.shape.height() / CROP_FRACTION);
  }

  private static List<Source> sources(NavigableMap<String, List<String>> classes) {
    List<Source> sources = new ArrayList<>();
    int label = 0;
    for (List<String> paths : classes.values()) {
      for (String path : paths) {
        sources.add(new Source(path, label));
      }
      label++;
    }
    return sources;
  }

  private ImageSet decode(String what, List<Source> sources, List<String> classNames)
      throws DataException, IOException {
    Pixels pixels = new Pixels(sources.size(), shape.size());
    ExecutorService workers =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    try {
      List<Future<?>> blocks = new ArrayList<>();
      for (int from = 0; from < sources.size(); from += BLOCK) {
        int first = from;
        int end = Math.min(sources.size(), from + BLOCK);
        blocks.add(
            workers.submit(() -> {
              decodeBlock(sources, first, end, pixels);
              return null;
            }));
      }
      // In order: of several bad files it is always the first one that is named.
      for (int b = 0; b < blocks.size(); b++) {
        await(blocks.get(b));
        progress.update(what, Math.min(sources.size(), (b + 1L) * BLOCK), sources.size());
      }
    } finally {
      workers.shutdownNow();
      workers.close();
    }
    int[] labels = sources.stream().mapToInt(Source::label).toArray();
    return new ImageSet(shape, classNames, labels, pixels);
  }

  private void decodeBlock(List<Source> sources, int first, int end, Pixels pixels)
      throws DataException, InterruptedIOException {
    String reference = tree.describe(firstPath) + " has";
    try (ImageDecoder decoder = new ImageDecoder()) {
      for (int i = first; i < end; i++) {
        if (Thread.interrupted()) {
          throw new InterruptedIOException("decoding was cancelled");
        }
        String path = sources.get(i).path();
        pixels.put(i, decoder.decode(tree.describe(path), read(tree, path), shape, reference));
      }
    }
  }

  private static byte[] read(ImageTree tree, String path) throws DataException {
    try {
      return tree.read(path);
    } catch (IOException e) {
      throw new DataException(
          tree.describe(path) + " cannot be read (" + e.getMessage() + "); replace it", e);
    }
  }

  private static void await(Future<?> block) throws DataException, IOException {
    try {
      block.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("loading was interrupted");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof DataException bad) {
        throw bad;
      }
      throw new IllegalStateException("decoding failed", e.getCause());
    }
  }
}
