package asymml.trusted.train;

import asymml.kernels.Elementwise;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.FeatureCache;
import asymml.trusted.data.ImageLostException;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Runs a network on images, wholly on the trusted side unless a [Classifier] says otherwise:
/// nothing is sent to a worker, and no noise is added.
public final class Evaluator implements AutoCloseable {
  private final Graph graph;
  private final Parameters parameters;
  private final int batchSize;
  private final boolean keepsFeatures;
  private @Nullable FeatureCache features;
  private @Nullable TrustedNetwork full;
  private @Nullable TrustedNetwork partial;

  /// Loss and accuracy over a set of images.
  ///
  /// @param loss mean cross-entropy, without label smoothing
  /// @param accuracy share classified right, 0 to 1
  /// @param confusion which classes were taken for which
  /// @param rocAreas for each class the area under its ROC curve against all others; NaN where it
  ///   has no images, or all, or where classes times images are above 16 million
  public record Score(double loss, double accuracy, Confusion confusion, List<Double> rocAreas) {
    /// Copies the list.
    public Score {
      rocAreas = List.copyOf(rocAreas);
    }

    /// The mean of the areas that there are.
    ///
    /// @return 0 to 1; NaN if there are none
    public double macroRocArea() {
      return rocAreas.stream()
          .mapToDouble(area -> area)
          .filter(area -> !Double.isNaN(area))
          .average()
          .orElse(Double.NaN);
    }
  }

  /// Hears how far an evaluation is.
  public interface Progress {
    /// Some images are done.
    ///
    /// @param done so far
    /// @param total all of them
    void update(int done, int total);
  }

  /// Plans an evaluation.
  ///
  /// @param graph the network
  /// @param parameters its parameters, read at each call
  /// @param batchSize examples at a time
  public Evaluator(Graph graph, Parameters parameters, int batchSize) {
    this(graph, parameters, batchSize, false);
  }

  /// Plans evaluations.
  ///
  /// @param graph the network
  /// @param parameters its parameters, read at each call
  /// @param batchSize examples at a time
  /// @param keepsFeatures whether the scattering features of the images are kept for further
  ///   evaluations of the same images
  public Evaluator(Graph graph, Parameters parameters, int batchSize, boolean keepsFeatures) {
    this.keepsFeatures = keepsFeatures;
    this.graph = graph;
    this.parameters = parameters;
    this.batchSize = batchSize;
  }

  /// Evaluates labelled images.
  ///
  /// @param images at least one
  /// @param normalization of pixels
  /// @param progress hears how far it is
  /// @return loss and accuracy
  /// @throws TrainingException if the network's outputs are not finite, or an image cannot be read
  ///   any more
  public Score score(ImageSet images, Normalization normalization, Progress progress)
      throws TrainingException {
    try {
      return score(
          images,
          normalization,
          batchSize,
          features(images, normalization),
          progress,
          this::logits);
    } finally {
      if (parameters.anyHeld()) {
        closeNetworks(); // made for values that do not stay
      }
    }
  }

  /// Gives the logits of a batch, here or together with workers.
  ///
  /// @param <E> what can go wrong
  public interface Classifier<E extends Exception> {
    /// The logits of a batch.
    ///
    /// @param images `[n, H, W, C]`, normalised
    /// @return `[n, classes]`, valid until the next call
    /// @throws E if that fails
    Tensor logits(Tensor images) throws E;
  }

  /// Evaluates labelled images by a classifier of its own.
  ///
  /// @param images at least one
  /// @param normalization of pixels
  /// @param batchSize examples at a time
  /// @param progress hears how far it is
  /// @param classifier gives the logits
  /// @param <E> what it can fail with
  /// @return loss and accuracy
  /// @throws TrainingException if the outputs are not finite, or an image cannot be read any more
  /// @throws E if the classifier fails
  public static <E extends Exception> Score score(
      ImageSet images,
      Normalization normalization,
      int batchSize,
      Progress progress,
      Classifier<E> classifier)
      throws TrainingException, E {
    return score(images, normalization, batchSize, null, progress, classifier);
  }

  private static <E extends Exception> Score score(
      ImageSet images,
      Normalization normalization,
      int batchSize,
      @Nullable FeatureCache features,
      Progress progress,
      Classifier<E> classifier)
      throws TrainingException, E {
    int[] order = IntStream.range(0, images.size()).toArray();
    double loss = 0;
    long correct = 0;
    int done = 0;
    int counted = 0;
    Confusion confusion = new Confusion(images.classNames().size());
    RocAreas areas = new RocAreas(images.classNames().size(), images.size());
    try (BatchLoader loader =
        new BatchLoader(
            images,
            normalization,
            Augmentation.none(),
            order,
            Math.min(batchSize, images.size()),
            0,
            0,
            features)) {
      while (loader.hasNext()) {
        Batch batch = loader.next();
        Tensor logits = classifier.logits(batch.images());
        if (!Elementwise.allFinite(logits)) {
          throw TrainingException.diverged(
              "the outputs on the test images are not finite: training of this model diverged",
              null);
        }
        SoftmaxCrossEntropy.Result result =
            SoftmaxCrossEntropy.evaluate(logits, batch.labels(), 0, batch.size(), null);
        loss += result.lossSum();
        counted += result.examples();
        correct += result.correct();
        confusion.add(logits, batch.labels());
        areas.add(logits, batch.labels());
        done += batch.size();
        progress.update(done, images.size());
      }
    } catch (ImageLostException e) {
      throw new TrainingException(String.valueOf(e.getMessage()), e);
    }
    if (counted == 0) {
      throw new TrainingException("none of the images that are evaluated can be read any more");
    }
    return new Score(
        loss / counted,
        (double) correct / counted,
        confusion,
        DoubleStream.of(areas.areas()).boxed().toList());
  }

  private @Nullable FeatureCache features(ImageSet images, Normalization normalization) {
    if (!keepsFeatures) {
      return null;
    }
    FeatureCache kept = features;
    if (kept == null || !kept.isOf(images, normalization)) {
      if (kept != null) {
        kept.close();
      }
      features = FeatureCache.of(graph, images, normalization).orElse(null);
    }
    return features;
  }

  /// The logits of a batch.
  ///
  /// @param images `[n, H, W, C]`, normalised, or their features
  /// @return `[n, classes]`, valid until the next call
  public Tensor logits(Tensor images) {
    TrustedNetwork network = network(images.length(0));
    network.load(images);
    network.forward(0);
    return network.logits();
  }

  private TrustedNetwork network(int batch) {
    if (batch == batchSize) {
      TrustedNetwork network = full;
      if (network == null) {
        network = TrustedNetwork.forInference(graph, batch, parameters);
        full = network;
      }
      return network;
    }
    TrustedNetwork network = partial;
    if (network == null || network.input().length(0) != batch) {
      if (network != null) {
        network.close();
      }
      network = TrustedNetwork.forInference(graph, batch, parameters);
      partial = network;
    }
    return network;
  }

  @Override
  public void close() {
    if (features != null) {
      features.close();
    }
    closeNetworks();
  }

  private void closeNetworks() {
    if (full != null) {
      full.close();
      full = null;
    }
    if (partial != null) {
      partial.close();
      partial = null;
    }
  }
}
