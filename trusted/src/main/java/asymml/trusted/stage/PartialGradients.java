package asymml.trusted.stage;

import asymml.kernels.Closer;
import asymml.kernels.DoubleSum;
import asymml.kernels.Elementwise;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.privacy.Sampling;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.draw.PoissonDraw;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.CountedPlaces;
import asymml.trusted.ops.JointClip;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.GradientStage;
import asymml.trusted.train.GradientStage.Sums;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Computes sums of gradients of given examples at given parameters, and updates nothing: what one
/// of several trusted processes does in a step ([GradientStage]). Nothing is released. With DP-SGD
/// the gradient of each example is clipped, and the sum has no noise yet. For one thread.
public final class PartialGradients implements AutoCloseable {
  /// In so many parts together there are more places than usual with the probability that is in
  /// delta: then an example may change others' places.
  private static final int MOST_PARTS = 1 << 14;

  /// Further networks are planned for parts of a physical batch, so that a rest is not computed as
  /// a whole one.
  private static final int SMALLER = 4;

  private final SoftmaxCrossEntropy.Terms loss;
  private final Normalization normalization;
  private final Augmentation augmentation;
  private final Closer owned = new Closer();
  private final Parameters parameters;
  private final List<Parameter> trained;
  private final List<Sized> networks = new ArrayList<>();
  private final Evaluator evaluator;
  private final @Nullable JointClip clip;
  private final LongSupplier cpu = ManagementFactory.getThreadMXBean()::getCurrentThreadCpuTime;

  /// A network for so many examples.
  private record Sized(int examples, TrustedNetwork network) {}

  /// Plans the networks.
  ///
  /// @param config of the run, which every class counts the same in
  /// @param description of the model
  /// @param augmentation of training images, which gives each as many views as DP-SGD has
  /// @param physicalBatch examples computed at a time, at least 1
  public PartialGradients(
      TrainConfig config,
      TrainedModel.Description description,
      Augmentation augmentation,
      int physicalBatch) {
    this.augmentation = augmentation;
    loss = new SoftmaxCrossEntropy.Terms(config.labelSmoothing());
    normalization = description.normalization();
    Graph graph = description.graph().frozen(config.frozen());
    @Nullable DpSgd dpSgd = config.privacy().dpSgd();
    try (Closer opened = new Closer()) {
      opened.own(owned);
      parameters = owned.own(new Parameters(graph, new Initializer(config.seed()), true));
      trained = parameters.all().stream().filter(Parameter::trained).toList();
      if (dpSgd == null) {
        clip = null;
        for (int size = physicalBatch; size > 0; size /= SMALLER) {
          networks.add(
              new Sized(
                  size,
                  owned.own(TrustedNetwork.forTraining(graph, size, parameters, config.seed()))));
        }
      } else {
        PerExampleGradients rows =
            owned.own(new PerExampleGradients(dpSgd.plan(graph, physicalBatch)));
        clip = new JointClip(rows, parameters, dpSgd.maxGradNorm());
        networks.add(
            new Sized(
                rows.examples(),
                owned.own(
                    TrustedNetwork.forPrivateTraining(graph, parameters, config.seed(), rows))));
      }
      evaluator = owned.own(new Evaluator(graph, parameters, physicalBatch));
      opened.release();
    }
  }

  /// How many examples are computed at a time.
  ///
  /// @return at least 1, and with DP-SGD perhaps fewer than were asked for
  public int physicalBatch() {
    return networks.getFirst().examples;
  }

  /// How many trained values the network has.
  ///
  /// @return their number
  public int values() {
    return Math.toIntExact(trained.stream().mapToLong(Parameter::size).sum());
  }

  /// Draws the examples of a step from a part of the images: each with the rate of the whole data
  /// set, by itself. None is left out, however many are drawn. Null examples are between them, so
  /// that an example changes its own place alone, and with it the rounding of no other batch.
  ///
  /// @param draw a source that nobody else knows
  /// @param draws of the run
  /// @param examples of the part, at least 0
  /// @return indices and [PoissonDraw#NULL_EXAMPLE]: as many places as hold the examples of nearly
  ///   all steps, so that the time of a step tells nothing of their number, a multiple of
  ///   [#physicalBatch]; none for an empty part
  public int[] drawn(PoissonDraw draw, GradientStage.Draws draws, int examples) {
    if (examples == 0) {
      return new int[0];
    }
    int batches = Math.ceilDiv(places(draws, examples), physicalBatch());
    return draw.whole(
        examples,
        draws.sampling().rate().value(),
        Math.multiplyExact(batches, physicalBatch()),
        physicalBatch());
  }

  /// Rounded up: a larger rate needs more places.
  private static int places(GradientStage.Draws draws, int examples) {
    Sampling.Poisson whole = draws.sampling();
    int expected = (int) Math.min(examples, Math.ceil(whole.rate().value() * examples));
    double failure = whole.failure(draws.steps()) / MOST_PARTS;
    return failure > 0
        ? Sampling.Poisson.of(examples, expected, draws.steps(), failure).slots()
        : examples;
  }

  /// Sums the gradients of some examples.
  ///
  /// @param values of all parameters
  /// @param images of which the examples are
  /// @param order indices of the images, each an example, or [PoissonDraw#NULL_EXAMPLE]; with
  ///   DP-SGD a multiple of [#physicalBatch]
  /// @param augmentationSeed of the epoch
  /// @return the sums
  /// @throws TrainingException if training diverged
  public Sums sum(float[] values, ImageSet images, int[] order, long augmentationSeed)
      throws TrainingException {
    long before = cpu.getAsLong();
    parameters.set(values);
    Total total =
        clip == null
            ? plain(images, order, augmentationSeed)
            : clipped(clip, images, order, augmentationSeed);
    return new Sums(
        total.gradients,
        clip == null ? 0 : clip.rounding(),
        total.loss,
        total.examples,
        total.correct,
        cpu.getAsLong() - before);
  }

  /// Sums of a step.
  private static final class Total {
    private final double[] gradients;
    private double loss;
    private long examples;
    private long correct;

    Total(int values) {
      gradients = new double[values];
    }

    void add(SoftmaxCrossEntropy.Result result) {
      loss += result.lossSum();
      examples += result.examples();
      correct += result.correct();
    }
  }

  /// Whole batches, then the rest in smaller ones, the last of which null examples fill up.
  private Total plain(ImageSet images, int[] order, long augmentationSeed)
      throws TrainingException {
    Total total = new Total(values());
    DoubleSum sum = new DoubleSum(total.gradients.length);
    int from = 0;
    for (int i = 0; i < networks.size(); i++) {
      Sized sized = networks.get(i);
      boolean last = i == networks.size() - 1;
      int left = order.length - from;
      int batches = last ? Math.ceilDiv(left, sized.examples) : left / sized.examples;
      if (batches == 0) {
        continue;
      }
      int[] part = new int[batches * sized.examples];
      Arrays.fill(part, PoissonDraw.NULL_EXAMPLE);
      System.arraycopy(order, from, part, 0, Math.min(left, part.length));
      from += Math.min(left, part.length);
      try (BatchLoader loader = loader(images, part, sized.examples, augmentationSeed)) {
        while (loader.hasNext()) {
          total.add(step(sized.network, loader.next()));
          int at = 0;
          for (Parameter p : trained) {
            sum.add(parameters.gradient(p.name()), at);
            at += Math.toIntExact(p.size());
          }
        }
      }
    }
    sum.copyTo(0, total.gradients, 0, total.gradients.length);
    return total;
  }

  /// The gradients of the summed loss.
  private SoftmaxCrossEntropy.Result step(TrustedNetwork network, Batch batch)
      throws TrainingException {
    network.load(batch.images());
    network.forward(0);
    if (!Elementwise.allFinite(network.logits())) {
      throw TrainingException.diverged(
          "training diverged: the outputs are no longer finite; lower the learning rate; the last checkpoint is intact",
          null);
    }
    SoftmaxCrossEntropy.Result result =
        SoftmaxCrossEntropy.evaluate(
            network.logits(), batch.labels(), loss, 1, network.logitsGradient());
    network.backward();
    return result;
  }

  private Total clipped(JointClip clip, ImageSet images, int[] order, long augmentationSeed) {
    Total total = new Total(values());
    TrustedNetwork network = networks.getFirst().network;
    int views = clip.views();
    clip.begin();
    try (BatchLoader loader = loader(images, order, physicalBatch(), augmentationSeed)) {
      while (loader.hasNext()) {
        Batch batch = loader.next();
        CountedPlaces places = new CountedPlaces(batch.labels(), views);
        network.load(batch.images());
        network.forward(0);
        places.dropUnlessFinite(network.logits());
        total.add(
            SoftmaxCrossEntropy.evaluate(
                network.logits(), places.labels(), loss, views, network.logitsGradient()));
        network.backward();
        clip.add(places);
      }
    }
    int at = 0;
    for (Parameter p : trained) {
      clip.read(p.name(), total.gradients, at);
      at += Math.toIntExact(p.size());
    }
    clip.begin();
    // Means over views, hits rounded down, as in one process.
    total.loss /= views;
    total.examples /= views;
    total.correct /= views;
    return total;
  }

  private BatchLoader loader(ImageSet images, int[] order, int batch, long augmentationSeed) {
    return new BatchLoader(images, normalization, augmentation, order, batch, augmentationSeed, 0);
  }

  /// Evaluates the network on images.
  ///
  /// @param values of all parameters
  /// @param images with labels
  /// @return their score
  /// @throws TrainingException if the outputs are not finite
  public Evaluator.Score score(float[] values, ImageSet images) throws TrainingException {
    parameters.set(values);
    return evaluator.score(images, normalization, (_, _) -> {});
  }

  /// Zeroes and frees parameters and activations.
  @Override
  public void close() {
    owned.close();
  }
}
