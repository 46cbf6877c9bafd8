package asymml.session;

import asymml.kernels.Closer;
import asymml.kernels.Kernels;
import asymml.model.Shape;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.DataException;
import asymml.trusted.data.Decoding;
import asymml.trusted.data.ImageFiles;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.draw.PoissonDraw;
import asymml.trusted.run.RunLayout;
import asymml.trusted.stage.PartialGradients;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.GradientStage;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// One of the trusted processes that compute the steps of a run together ([GradientStage]): with
/// networks and workers of its own, which last from step to step. For one thread at a time.
public final class StageMember implements AutoCloseable {
  private final Closer owned = new Closer();
  private final TrainConfig config;
  private final Job job;
  private final Shape shape;
  private final Decoding decoding;
  private final PartialGradients gradients;
  private final PoissonDraw draw = new PoissonDraw(new SecureRandom());

  /// What a member is told of a run.
  ///
  /// @param settings of the run, as YAML
  /// @param classNames in the order of their labels
  /// @param height of every image
  /// @param width of every image
  /// @param channels of every image
  /// @param mean of the normalisation, for each channel
  /// @param deviation of the normalisation, for each channel
  /// @param flip whether augmentation mirrors images
  /// @param cropPadding the largest shift of augmentation
  /// @param physicalBatch examples computed at a time
  /// @param terms of the run
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record Job(
      String settings,
      List<String> classNames,
      int height,
      int width,
      int channels,
      float[] mean,
      float[] deviation,
      boolean flip,
      int cropPadding,
      int physicalBatch,
      GradientStage.Terms terms)
      implements Serializable {
    private static final long serialVersionUID = 1;
  }

  /// Encoded images with their labels: a part of the training or test images.
  ///
  /// @param first the number of the first one
  /// @param content bytes of JPEG or PNG files
  /// @param labels of each
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record Images(long first, byte[][] content, int[] labels) {}

  private StageMember(Job job, Path scratch) throws IOException {
    this.job = job;
    TrainingSpec spec = Settings.parse("the driver's run", job.settings).spec();
    config = spec.training();
    decoding = spec.data().decoding();
    shape = new Shape(job.height, job.width, job.channels);
    Kernels.setThreads(spec.threads());
    try (Closer opened = new Closer()) {
      opened.own(owned);
      WorkerPool workers =
          spec.usedWorkers().isEmpty()
              ? null
              : owned.own(WorkerPool.open(spec, new RunLayout(scratch)));
      int views = config.privacy().dpSgd() == null ? 1 : config.privacy().dpSgd().views();
      TrainedModel.Description description =
          new TrainedModel.Description(
              config.model(),
              config.norm(),
              shape,
              job.classNames,
              new Normalization(job.mean, job.deviation));
      Augmentation augmentation = new Augmentation(job.flip, job.cropPadding).withViews(views);
      gradients =
          owned.own(
              new PartialGradients(
                  config,
                  description,
                  augmentation,
                  job.physicalBatch,
                  job.terms,
                  workers == null ? null : workers.parties()));
      opened.release();
    }
  }

  /// Plans the networks, and starts the workers that the run needs.
  ///
  /// @param job what to compute
  /// @param scratch an existing directory for the workers' logs
  /// @return the member, which the caller closes
  /// @throws IOException if a worker is not to be had
  /// @throws IllegalArgumentException if it would release something else than the ledger says
  public static StageMember open(Job job, Path scratch) throws IOException {
    return new StageMember(job, scratch);
  }

  /// Whether it was opened for the same.
  ///
  /// @param other what is to be computed
  /// @return false if another member is needed
  public boolean isFor(Job other) {
    return job.settings.equals(other.settings)
        && job.terms.equals(other.terms)
        && job.physicalBatch == other.physicalBatch
        && job.classNames.equals(other.classNames)
        && shape.equals(new Shape(other.height, other.width, other.channels))
        && Arrays.equals(job.mean, other.mean)
        && Arrays.equals(job.deviation, other.deviation);
  }

  /// Sums the gradients of those of a step's examples that are in a part; where examples are drawn,
  /// draws them.
  ///
  /// @param parameters all values in graph order
  /// @param images the part
  /// @param examples numbers of the step's examples, of any part; empty where they are drawn
  /// @param augmentationSeed of the epoch
  /// @return the sums
  /// @throws DataException if an image cannot be decoded
  /// @throws IOException if a worker fails
  /// @throws TrainingException if training diverged
  public GradientStage.Sums sum(
      float[] parameters, Images images, int[] examples, long augmentationSeed)
      throws DataException, IOException, TrainingException {
    int count = images.labels.length;
    int[] places =
        job.terms.sampling() == null
            ? Arrays.stream(examples)
                .filter(i -> i >= images.first && i < images.first + count)
                .map(i -> (int) (i - images.first))
                .toArray()
            : drawn(count);
    if (places.length == 0) {
      return GradientStage.Sums.zero(gradients.values());
    }
    int[] used = Arrays.stream(places).filter(i -> i >= 0).toArray();
    // A step of null examples alone is one like any other; they need a set to be no part of.
    int[] decoded = used.length == 0 ? new int[] {0} : used;
    int[] order = new int[places.length];
    int next = 0;
    for (int i = 0; i < places.length; i++) {
      order[i] = places[i] < 0 ? PoissonDraw.NULL_EXAMPLE : next++;
    }
    return gradients.sum(parameters, decode(images, decoded), order, augmentationSeed);
  }

  private int[] drawn(int count) {
    int slots = gradients.slots(job.terms, count);
    if (slots == 0) {
      return new int[0];
    }
    double rate = (double) job.terms.expected() / job.terms.examples();
    return draw.order(count, rate, slots, 1);
  }

  private ImageSet decode(Images images, int[] chosen) throws DataException {
    byte[] pixels = new byte[Math.multiplyExact(chosen.length, shape.size())];
    int[] labels = new int[chosen.length];
    int[] numbers = new int[chosen.length];
    for (int i = 0; i < chosen.length; i++) {
      byte[] image =
          ImageFiles.decode(
              "image " + (images.first + chosen[i]), images.content[chosen[i]], shape, decoding);
      System.arraycopy(image, 0, pixels, i * shape.size(), shape.size());
      labels[i] = images.labels[chosen[i]];
      numbers[i] = Math.toIntExact(images.first + chosen[i]);
    }
    return ImageSet.of(shape, job.classNames, labels, pixels).numbered(numbers);
  }

  /// Evaluates a network in this process.
  ///
  /// @param parameters all values in graph order
  /// @param images a part of the test images
  /// @return sums over them: loss, hits and count
  /// @throws DataException if an image cannot be decoded
  /// @throws TrainingException if the outputs are not finite
  public double[] score(float[] parameters, Images images)
      throws DataException, TrainingException {
    double loss = 0;
    double correct = 0;
    int count = images.labels.length;
    // In pieces, so that few are decoded at a time.
    for (int from = 0; from < count; from += job.physicalBatch) {
      int[] chosen = IntStream.range(from, Math.min(count, from + job.physicalBatch)).toArray();
      Evaluator.Score score = gradients.score(parameters, decode(images, chosen));
      loss += score.loss() * chosen.length;
      correct += Math.rint(score.accuracy() * chosen.length);
    }
    return new double[] {loss, correct, count};
  }

  /// Ends the workers, and zeroes and frees the networks.
  @Override
  public void close() {
    owned.close();
  }
}
