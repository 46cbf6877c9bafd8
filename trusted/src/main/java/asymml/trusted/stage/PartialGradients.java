package asymml.trusted.stage;

import asymml.kernels.Closer;
import asymml.kernels.DoubleSum;
import asymml.kernels.Elementwise;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Sampling;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.boundary.NullExamples;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.draw.PoissonDraw;
import asymml.trusted.network.Network;
import asymml.trusted.network.SplitNetwork;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.CountedPlaces;
import asymml.trusted.ops.JointClip;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.Workers;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.GradientStage;
import asymml.trusted.train.GradientStage.Sums;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import asymml.wire.ProtocolException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Computes sums of gradients of given examples at given parameters, and updates nothing: what one
/// of several trusted processes does in a step ([GradientStage]). With DP-SGD the gradient of each
/// example is clipped, and the sum has no noise yet. Whoever opens this closes the workers after it.
/// For one thread.
public final class PartialGradients implements AutoCloseable {
  /// Further networks are planned for parts of a physical batch, so that a rest is not computed as
  /// a whole one.
  private static final int SMALLER = 4;

  /// The step of a split network at which bases are renewed, and one at which they are not.
  private static final long RENEWS = 0;

  private static final long KEEPS = 1;

  private final TrainConfig config;
  private final Graph graph;
  private final Normalization normalization;
  private final Augmentation augmentation;
  private final Closer owned = new Closer();
  private final Parameters parameters;
  private final List<Parameter> trained;
  private final List<Sized> networks = new ArrayList<>();
  private final Evaluator evaluator;
  private final @Nullable JointClip clip;
  private final @Nullable SplitContext split;
  private final @Nullable Workers workers;
  private final LongSupplier cpu = ManagementFactory.getThreadMXBean()::getCurrentThreadCpuTime;

  /// A network for so many examples.
  private record Sized(int examples, Network network) {}

  /// Plans the networks.
  ///
  /// @param config of the run
  /// @param description of the model
  /// @param augmentation of training images, which gives each as many views as DP-SGD has
  /// @param physicalBatch examples computed at a time, at least 1
  /// @param terms of the run
  /// @param workers who compute the untrusted parts; null if there are none
  /// @throws IllegalArgumentException if this would release something else than the terms say
  /// @throws ProtocolException if a worker refuses an operation
  public PartialGradients(
      TrainConfig config,
      TrainedModel.Description description,
      Augmentation augmentation,
      int physicalBatch,
      GradientStage.Terms terms,
      @Nullable Workers workers)
      throws ProtocolException {
    this.config = config;
    this.augmentation = augmentation;
    this.workers = workers;
    normalization = description.normalization();
    graph = description.graph().frozen(config.frozen());
    Plan plan =
        Plan.of(
            graph, config.mode(), config.decomposition(), config.rank(), config.trustedLayers());
    if (plan.needsWorker() && workers == null) {
      throw new IllegalArgumentException("this plan needs a worker");
    }
    DpSgd dpSgd = config.privacy().dpSgd();
    try (Closer opened = new Closer()) {
      opened.own(owned);
      parameters = owned.own(new Parameters(graph, new Initializer(config.seed()), true));
      trained = parameters.all().stream().filter(Parameter::trained).toList();
      PerExampleGradients rows =
          dpSgd == null
              ? null
              : owned.own(new PerExampleGradients(dpSgd.plan(graph, physicalBatch)));
      clip = rows == null || dpSgd == null ? null : new JointClip(rows, parameters, dpSgd.maxGradNorm());
      int places = rows == null ? physicalBatch : rows.places();
      split = workers == null ? null : owned.own(context(plan, places, terms, workers));
      int size = places;
      do {
        networks.add(
            new Sized(rows == null ? size : rows.examples(), owned.own(network(plan, size, rows))));
        size /= SMALLER;
      } while (rows == null && size > 0);
      if (workers != null) {
        workers.mapRegion(
            networks.stream().mapToLong(n -> n.network.regionBytes()).max().orElse(0));
      }
      evaluator = owned.own(new Evaluator(graph, parameters, physicalBatch));
      opened.release();
    }
  }

  /// What is released must be what the ledger says, wherever it is released.
  private SplitContext context(
      Plan plan, int places, GradientStage.Terms terms, Workers workers) {
    DpSgd dpSgd = config.privacy().dpSgd();
    ReleaseTerms own =
        dpSgd == null
            ? new ReleaseTerms.Unaccounted(config.noise(), config.gradientNoise(), terms.reason())
            : new ReleaseTerms.DpSgd(
                new NoiseMultiplier(terms.noiseMultiplier()),
                dpSgd.views(),
                dpSgd.masksShare(),
                config.privacy().basis(),
                config.shield());
    ReleasePlan releases = new ReleasePlan(graph, plan, own);
    if (config.privacy().accounted() != (own instanceof ReleaseTerms.DpSgd)
        || !releases.releases(true).toString().equals(terms.releases())) {
      throw new IllegalArgumentException(
          "this process would release something else than the ledger says");
    }
    return new SplitContext(graph, places, releases, workers);
  }

  private Network network(Plan plan, int places, @Nullable PerExampleGradients rows)
      throws ProtocolException {
    if (split != null) {
      return SplitNetwork.forTraining(
          graph, plan, places, parameters, split, config.seed(), rows);
    }
    return rows == null
        ? TrustedNetwork.forTraining(graph, places, parameters, config.seed())
        : TrustedNetwork.forPrivateTraining(graph, parameters, config.seed(), rows);
  }

  /// How many places a draw fills, or how many examples there can be.
  ///
  /// @return examples of a physical batch
  public int physicalBatch() {
    return networks.getFirst().examples;
  }

  /// How many places a part of the examples has in a step where examples are drawn: as many as make
  /// it no likelier than the ledger says that some example finds none. An example competes with
  /// those of its own part alone.
  ///
  /// @param terms of the run
  /// @param examples of the part
  /// @return a multiple of [#physicalBatch]; 0 if the part is empty
  public int slots(GradientStage.Terms terms, int examples) {
    return slots(terms, examples, physicalBatch());
  }

  static int slots(GradientStage.Terms terms, int examples, int physicalBatch) {
    Sampling.Poisson whole = terms.sampling();
    if (whole == null) {
      throw new IllegalArgumentException("these examples are not drawn");
    }
    double failure = whole.failure(terms.steps());
    // Rounded up: a larger rate overflows more often.
    int expected = (int) Math.min(examples, Math.ceil(whole.rate().value() * examples));
    int slots =
        failure > 0 && expected > 0
            ? Sampling.Poisson.of(examples, expected, terms.steps(), failure).slots()
            : examples;
    return Math.multiplyExact(Math.ceilDiv(slots, physicalBatch), physicalBatch);
  }

  /// Sums the gradients of some examples.
  ///
  /// @param values of all parameters
  /// @param images of which the examples are
  /// @param order indices of the images, each an example, or [PoissonDraw#NULL_EXAMPLE]; with
  ///   DP-SGD a multiple of [#physicalBatch]
  /// @param augmentationSeed of the epoch
  /// @return the sums
  /// @throws ProtocolException if a worker fails
  /// @throws TrainingException if training diverged
  public Sums sum(float[] values, ImageSet images, int[] order, long augmentationSeed)
      throws ProtocolException, TrainingException {
    long cpuBefore = cpu.getAsLong();
    long workerBefore = workers == null ? 0 : workers.cpuNanos();
    long outBefore = workers == null ? 0 : workers.bytesOut();
    long backBefore = workers == null ? 0 : workers.bytesBack();
    parameters.set(values);
    Total total =
        clip == null
            ? plain(images, order, augmentationSeed)
            : clipped(clip, images, order, augmentationSeed);
    return new Sums(
        total.gradients,
        clip == null ? 0 : clip.rounding(),
        order.length,
        total.loss,
        total.examples,
        total.correct,
        cpu.getAsLong() - cpuBefore,
        workers == null ? 0 : workers.cpuNanos() - workerBefore,
        workers == null ? 0 : workers.bytesOut() - outBefore,
        workers == null ? 0 : workers.bytesBack() - backBefore);
  }

  /// Sums of a step.
  private static final class Total {
    private double[] gradients = new double[0];
    private double loss;
    private long examples;
    private long correct;

    void add(SoftmaxCrossEntropy.Result result, int views) {
      loss += result.lossSum() / views;
      examples += result.examples() / views;
      correct += result.correct() / views;
    }
  }

  /// How many trained values the network has.
  ///
  /// @return their number
  public int values() {
    return Math.toIntExact(trained.stream().mapToLong(Parameter::size).sum());
  }

  private Total plain(ImageSet images, int[] order, long augmentationSeed)
      throws ProtocolException, TrainingException {
    Total total = new Total();
    DoubleSum sum = new DoubleSum(values());
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
        for (boolean first = true; loader.hasNext(); first = false) {
          total.add(step(sized.network, loader.next(), first), 1);
          int at = 0;
          for (Parameter p : trained) {
            sum.add(parameters.gradient(p.name()), at);
            at += Math.toIntExact(p.size());
          }
        }
      }
    }
    total.gradients = new double[values()];
    sum.copyTo(0, total.gradients, 0, total.gradients.length);
    return total;
  }

  /// Weights are sent, and bases renewed, for the first batch of a network.
  private SoftmaxCrossEntropy.Result step(Network network, Batch batch, boolean first)
      throws ProtocolException, TrainingException {
    network.load(batch.images());
    nullExamples(i -> batch.labels()[i] == SoftmaxCrossEntropy.NO_LABEL);
    try {
      forward(network, first);
      requireFinite(Elementwise.allFinite(network.logits()));
      SoftmaxCrossEntropy.Result result =
          SoftmaxCrossEntropy.evaluate(
              network.logits(),
              batch.labels(),
              config.labelSmoothing(),
              1,
              network.logitsGradient());
      network.backward();
      return result;
    } catch (NonFiniteException e) {
      throw TrainingException.diverged(DIVERGED, e);
    }
  }

  private static final String DIVERGED =
      "training diverged: activations or outputs are no longer finite; lower the learning rate or the noise; the last checkpoint is intact";

  private static void requireFinite(boolean finite) throws TrainingException {
    if (!finite) {
      throw TrainingException.diverged(DIVERGED, null);
    }
  }

  private static void forward(Network network, boolean first) throws ProtocolException {
    if (first) {
      network.forward(RENEWS);
    } else {
      network.forwardFurther(KEEPS);
    }
  }

  private void nullExamples(NullExamples none) {
    if (split != null) {
      split.nullExamples(none);
    }
  }

  private Total clipped(JointClip clip, ImageSet images, int[] order, long augmentationSeed)
      throws ProtocolException {
    Total total = new Total();
    Network network = networks.getFirst().network;
    clip.begin();
    try (BatchLoader loader = loader(images, order, physicalBatch(), augmentationSeed)) {
      for (boolean first = true; loader.hasNext(); first = false) {
        Batch batch = loader.next();
        CountedPlaces places = new CountedPlaces(batch.labels(), clip.views());
        nullExamples(places);
        network.load(batch.images());
        forward(network, first);
        places.dropUnlessFinite(network.logits());
        total.add(
            SoftmaxCrossEntropy.evaluate(
                network.logits(),
                places.labels(),
                config.labelSmoothing(),
                clip.views(),
                network.logitsGradient()),
            clip.views());
        network.backward();
        clip.add(places);
      }
    }
    total.gradients = new double[values()];
    int at = 0;
    for (Parameter p : trained) {
      clip.read(p.name(), total.gradients, at);
      at += Math.toIntExact(p.size());
    }
    clip.begin();
    return total;
  }

  private BatchLoader loader(ImageSet images, int[] order, int batch, long augmentationSeed) {
    return new BatchLoader(images, normalization, augmentation, order, batch, augmentationSeed, 0);
  }

  /// Evaluates the network on images, in this process.
  ///
  /// @param values of all parameters
  /// @param images with labels
  /// @return their score
  /// @throws TrainingException if the outputs are not finite
  public Evaluator.Score score(float[] values, ImageSet images) throws TrainingException {
    parameters.set(values);
    return evaluator.score(images, normalization, (_, _) -> {});
  }

  /// Zeroes and frees parameters, activations and bases.
  @Override
  public void close() {
    owned.close();
  }
}
