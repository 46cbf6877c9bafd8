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
import asymml.trusted.stage.PartialGradients;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.GradientStage;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.Serializable;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// One of the trusted processes that compute the steps of a run together ([GradientStage]): with
/// networks of its own, which last from step to step. For one thread.
public final class StageMember implements AutoCloseable {
  /// Examples computed at a time, at most, where gradients are not clipped.
  private static final int PHYSICAL_BATCH = 128;

  private final Closer owned = new Closer();
  private final Job job;
  private final Shape shape;
  private final Decoding decoding;
  private final int physicalBatch;
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
  public record Job(
      String settings,
      List<String> classNames,
      int height,
      int width,
      int channels,
      List<Float> mean,
      List<Float> deviation,
      boolean flip,
      int cropPadding)
      implements Serializable {
    private static final long serialVersionUID = 1;

    /// Copies the lists.
    public Job {
      classNames = List.copyOf(classNames);
      mean = List.copyOf(mean);
      deviation = List.copyOf(deviation);
    }

    /// What the members of a run are told.
    ///
    /// @param run which one
    /// @return the same for all of its steps
    public static Job of(ResolvedRun run) {
      TrainConfig config = run.spec().training();
      Normalization normalization = run.normalization();
      Augmentation augmentation =
          config.augment() ? run.data().augmentation().suiting(run.graph()) : Augmentation.none();
      Shape input = run.graph().input();
      return new Job(
          Settings.of(run.spec()).yaml(),
          run.data().train().classNames(),
          input.height(),
          input.width(),
          input.channels(),
          floats(normalization.mean()),
          floats(normalization.standardDeviation()),
          augmentation.flip(),
          augmentation.cropPadding());
    }

    private static List<Float> floats(float[] values) {
      return IntStream.range(0, values.length).mapToObj(i -> values[i]).toList();
    }

    private Normalization normalization() {
      float[] means = new float[mean.size()];
      float[] deviations = new float[deviation.size()];
      for (int c = 0; c < means.length; c++) {
        means[c] = mean.get(c);
        deviations[c] = deviation.get(c);
      }
      return new Normalization(means, deviations);
    }
  }

  /// Encoded images with their labels: a part of the training or test images. PRIVATE.
  ///
  /// @param numbers of each in the whole split
  /// @param content bytes of JPEG or PNG files
  /// @param labels of each
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record Images(int[] numbers, byte[][] content, int[] labels) implements Serializable {
    private static final long serialVersionUID = 1;
  }

  /// Decoded images of a step that are held at a time.
  private static final int MOST_BYTES = 1 << 30;

  private StageMember(Job job) {
    this.job = job;
    TrainingSpec spec = Settings.parse("the driver's run", job.settings).spec();
    TrainConfig config = spec.training();
    decoding = spec.data().decoding();
    shape = new Shape(job.height, job.width, job.channels);
    @Nullable DpSgd dpSgd = config.privacy().dpSgd();
    physicalBatch =
        dpSgd == null
            ? Math.min(PHYSICAL_BATCH, config.batchSize())
            : Math.min(config.batchSize(), dpSgd.logicalBatchSize());
    Kernels.setThreads(spec.threads());
    gradients =
        owned.own(
            new PartialGradients(
                config,
                new TrainedModel.Description(
                    config.model(), config.norm(), shape, job.classNames, job.normalization()),
                new Augmentation(job.flip, job.cropPadding)
                    .withViews(dpSgd == null ? 1 : dpSgd.views()),
                physicalBatch));
  }

  /// Plans the networks.
  ///
  /// @param job what to compute
  /// @return the member, which the caller closes
  public static StageMember open(Job job) {
    return new StageMember(job);
  }

  /// Whether it was opened for the same.
  ///
  /// @param other what is to be computed
  /// @return false if another member is needed
  public boolean isFor(Job other) {
    return job.equals(other);
  }

  /// Sums the gradients of those of a step's examples that are in a part; where examples are drawn,
  /// draws them.
  ///
  /// @param parameters all values in graph order
  /// @param images the part
  /// @param draws how examples are drawn; null where they are given
  /// @param examples numbers of the step's examples, of any part; empty where they are drawn
  /// @param augmentationSeed of the epoch
  /// @return the sums
  /// @throws DataException if an image cannot be decoded
  /// @throws TrainingException if training diverged
  public GradientStage.Sums sum(
      float[] parameters,
      Images images,
      GradientStage.@Nullable Draws draws,
      int[] examples,
      long augmentationSeed)
      throws DataException, TrainingException {
    int count = images.labels.length;
    int[] places = draws != null ? gradients.drawn(draw, draws, count) : given(images, examples);
    if (places.length == 0) {
      return GradientStage.Sums.zero(gradients.values());
    }
    int[] used = Arrays.stream(places).filter(i -> i != PoissonDraw.NULL_EXAMPLE).toArray();
    // A step of null examples alone is one like any other; they need a set to be no part of.
    int[] decoded = used.length == 0 ? new int[] {0} : used;
    int[] order = new int[places.length];
    int next = 0;
    for (int i = 0; i < places.length; i++) {
      order[i] = places[i] == PoissonDraw.NULL_EXAMPLE ? PoissonDraw.NULL_EXAMPLE : next++;
    }
    return gradients.sum(parameters, decode(images, decoded), order, augmentationSeed);
  }

  private static int[] given(Images images, int[] examples) {
    Set<Integer> numbers = Arrays.stream(examples).boxed().collect(Collectors.toSet());
    return IntStream.range(0, images.numbers.length)
        .filter(i -> numbers.contains(images.numbers[i]))
        .toArray();
  }

  private ImageSet decode(Images images, int[] chosen) throws DataException {
    return decode(images, chosen, shape, job.classNames, decoding);
  }

  /// Decodes some images of a part.
  ///
  /// @param images the part
  /// @param chosen indices of it
  /// @param shape of every image
  /// @param classNames in the order of their labels
  /// @param decoding of them
  /// @return a set of them alone, whose augmentation is that of the whole set
  /// @throws DataException if an image cannot be decoded, or has another shape, or all of them take
  ///   more than a GB
  public static ImageSet decode(
      Images images, int[] chosen, Shape shape, List<String> classNames, Decoding decoding)
      throws DataException {
    if ((long) chosen.length * shape.size() > MOST_BYTES) {
      throw new DataException(
          "one part of a step has %s images of %s: give a smaller batch size, or more partitions"
              .formatted(chosen.length, shape));
    }
    byte[] pixels = new byte[chosen.length * shape.size()];
    int[] labels = new int[chosen.length];
    int[] numbers = new int[chosen.length];
    for (int i = 0; i < chosen.length; i++) {
      byte[] image =
          ImageFiles.decode(
              "image " + images.numbers[chosen[i]], images.content[chosen[i]], shape, decoding);
      System.arraycopy(image, 0, pixels, i * shape.size(), shape.size());
      labels[i] = images.labels[chosen[i]];
      numbers[i] = images.numbers[chosen[i]];
    }
    return ImageSet.of(shape, classNames, labels, pixels).numbered(numbers);
  }

  /// Evaluates a network.
  ///
  /// @param parameters all values in graph order
  /// @param images a part of the test images
  /// @return sums over them: loss, hits and count
  /// @throws DataException if an image cannot be decoded
  /// @throws TrainingException if the outputs are not finite
  public double[] score(float[] parameters, Images images) throws DataException, TrainingException {
    double loss = 0;
    double correct = 0;
    int count = images.labels.length;
    // In pieces, so that few are decoded at a time.
    for (int from = 0; from < count; from += physicalBatch) {
      int[] chosen = IntStream.range(from, Math.min(count, from + physicalBatch)).toArray();
      Evaluator.Score score = gradients.score(parameters, decode(images, chosen));
      loss += score.loss() * chosen.length;
      correct += Math.rint(score.accuracy() * chosen.length);
    }
    return new double[] {loss, correct, count};
  }

  /// Zeroes and frees the networks.
  @Override
  public void close() {
    owned.close();
  }
}
