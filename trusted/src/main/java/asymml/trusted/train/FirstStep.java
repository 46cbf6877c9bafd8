package asymml.trusted.train;

import asymml.kernels.Closer;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.draw.Shuffle;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.Plan;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;

/// The first step of a run once more, with DP-SGD its first physical batch, wholly on the trusted
/// side: initial parameters, order and augmentation follow from the seed, so that nothing of a run
/// need be stored to know what was in it. Batches of Poisson sampling must have been heard of. It
/// is what attacks on a recording are scored against. There is no worker and nothing is sent to a
/// worker.
///
/// Activations are those of an undisturbed pass: where noise was added on the way, the run's own
/// differ by what it made of it.
///
/// PRIVATE: images, activations and gradients of private data.
public final class FirstStep implements AutoCloseable {
  /// The most members, and others, of a pass of candidates.
  private static final int CANDIDATES = 64;

  private final RunPlan run;
  private final int[] order;
  private final Arena arena = Arena.ofConfined();
  private final Parameters parameters;
  private final Tensor images;
  private final int[] labels;
  private final LayerPass pass;

  /// Repeats the step of a run whose order follows from its seed.
  ///
  /// @param config of the run
  /// @param data of the run
  /// @throws IllegalArgumentException if it does not, a step has several views of each image, or
  ///   model and images do not fit together
  /// @throws asymml.trusted.boundary.NonFiniteException if an activation is NaN or infinite
  public FirstStep(TrainConfig config, DataSet data) {
    this(config, data, List.of());
  }

  /// Repeats the step.
  ///
  /// @param config of the run
  /// @param data of the run
  /// @param drawn what [TrainListener#examplesDrawn] said of the first epoch; empty where the order
  ///   follows from the seed
  /// @throws IllegalArgumentException if the run drew its batches by Poisson sampling and it is not
  ///   known which, the first batch has null examples, or model and images do not fit together
  /// @throws asymml.trusted.boundary.NonFiniteException if an activation is NaN or infinite
  public FirstStep(TrainConfig config, DataSet data, List<Integer> drawn) {
    boolean poisson = config.privacy().drawing() == PrivacyConfig.Drawing.POISSON;
    if (poisson && drawn.isEmpty()) {
      throw new IllegalArgumentException(
          "the run drew its batches by Poisson sampling from an unpredictable generator: they"
              + " cannot be repeated");
    }
    run = RunPlan.of(config, data);
    if (run.augmentation().views() > 1) {
      throw new IllegalArgumentException(
          "its steps have several views of each image (augmentation multiplicity %s); only steps with one can be repeated"
              .formatted(run.augmentation().views()));
    }
    order =
        poisson
            ? drawn.stream().mapToInt(i -> i).toArray()
            : Shuffle.order(run.examples(), run.epochSeed(1));
    if (Arrays.stream(order).limit(run.physicalBatch()).anyMatch(i -> i < 0)) {
      throw new IllegalArgumentException("places of the first batch hold no example");
    }
    try (Closer opened = new Closer();
        BatchLoader loader = loader(order, Math.min(run.physicalBatch(), order.length))) {
      opened.own(arena);
      parameters =
          opened.own(new Parameters(run.graph(), new Initializer(run.config().seed()), false));
      Batch batch = loader.next();
      images = Tensor.allocate(arena, batch.images().shape()).copyFrom(batch.images());
      labels = batch.labels().clone();
      pass = pass(images, labels);
      opened.release();
    }
  }

  private BatchLoader loader(int[] served, int batch) {
    return new BatchLoader(
        run.data().train(),
        run.normalization(),
        run.augmentation(),
        served,
        batch,
        run.epochSeed(1),
        0);
  }

  private LayerPass pass(Tensor batch, int[] classes) {
    return new LayerPass(run.graph(), parameters, batch, classes, run.loss(), run.config().seed());
  }

  /// The network.
  ///
  /// @return its graph
  public Graph graph() {
    return run.graph();
  }

  /// Where its linear layers were.
  ///
  /// @return the plan
  public Plan plan() {
    return run.plan();
  }

  /// The batch as it went in: augmented and normalised.
  ///
  /// @return `[N, H, W, C]`, a view
  public Tensor images() {
    return images;
  }

  /// The classes of the batch.
  ///
  /// @return one number for each image, a copy
  public int[] labels() {
    return labels.clone();
  }

  /// The pass.
  ///
  /// @return its activations, closed with this
  public LayerPass pass() {
    return pass;
  }

  /// How pixels were normalised.
  ///
  /// @return what the run used
  public Normalization normalization() {
    return run.normalization();
  }

  /// The learning rates of the run's first steps.
  ///
  /// @param steps how many
  /// @return one for each
  public float[] learningRates(int steps) {
    float[] rates = new float[steps];
    for (int i = 0; i < steps; i++) {
      rates[i] = run.schedule().at(i);
    }
    return rates;
  }

  /// A pass of another batch that an attacker with the weights could make: images of the step in
  /// its first half, as many that come later in the order and were not in the step in its second.
  ///
  /// @return the pass, which the caller closes; half of its size is members
  /// @throws IllegalArgumentException if there are no other images
  public LayerPass candidates() {
    int batch = labels.length;
    int[] members = Arrays.copyOf(order, batch);
    int[] others =
        Arrays.stream(order)
            .skip(batch)
            .filter(i -> i >= 0 && Arrays.stream(members).noneMatch(member -> member == i))
            .distinct()
            .limit(Math.min(batch, CANDIDATES))
            .toArray();
    if (others.length == 0) {
      throw new IllegalArgumentException(
          "membership needs images that were not in the batch: the run has "
              + Arrays.stream(order).filter(i -> i >= 0).distinct().count());
    }
    int[] chosen = Arrays.copyOf(members, 2 * others.length);
    System.arraycopy(others, 0, chosen, others.length, others.length);
    try (BatchLoader loader = loader(chosen, chosen.length)) {
      Batch mixed = loader.next();
      return pass(mixed.images(), mixed.labels());
    }
  }

  /// Zeroes and frees everything.
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      pass.close();
      parameters.close();
      images.fill(0);
      arena.close();
    }
  }
}
