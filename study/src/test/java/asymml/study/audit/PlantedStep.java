package asymml.study.audit;

import asymml.kernels.DoubleSum;
import asymml.kernels.Elementwise;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.boundary.NullExamples;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.boundary.SumNoise;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.JointClip;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.ops.PerExampleMethod;
import asymml.trusted.ops.PerExamplePlan;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// A step of DP-SGD put together from the parts that runs have, with one fault of [Fault] planted
/// between them.
final class PlantedStep implements StepObserver, AutoCloseable {
  private static final int PHYSICAL = 256;
  private static final int BATCHES = Canaries.COUNT / PHYSICAL;
  private static final String WEIGHT = Canaries.weight(Canaries.HIDDEN);

  /// What is wrong with it.
  enum Fault {
    /// Nothing.
    NONE,
    /// The noise is smaller by the square root of two than it is accounted for.
    LESS_NOISE,
    /// Gradients are divided by the clip norm, and not clipped.
    NO_CLIPPING,
    /// A place without an example counts, and a hostile worker puts the opposite of the gradient
    /// there that the example would have: presence changes the sum by 2.
    NULL_COUNTS,
    /// The same worker, and the place counts as nothing, as it should.
    NULL_IS_HOSTILE,
    /// After each physical batch the sum so far gets fresh noise and is released; one release is
    /// accounted for.
    NOISE_PER_BATCH
  }

  private final Canaries canaries;
  private final double maxGradNorm;
  private final Fault fault;
  private final Parameters parameters;
  private final PerExampleGradients rows;
  private final TrustedNetwork network;
  private final JointClip clip;
  private final SumNoise noise;
  private final ReleaseLog log = new ReleaseLog();
  private final Release release;

  PlantedStep(Canaries canaries, double maxGradNorm, double z, Fault fault, long seed) {
    this.canaries = canaries;
    this.maxGradNorm = maxGradNorm;
    this.fault = fault;
    List<Parameter> trained = canaries.graph().parameters();
    parameters = new Parameters(canaries.graph(), new Initializer(1), true);
    rows =
        new PerExampleGradients(
            new PerExamplePlan(
                canaries.graph(),
                PHYSICAL,
                1,
                Map.of(
                    Canaries.HIDDEN, PerExampleMethod.STORED,
                    Canaries.CLASSIFIER, PerExampleMethod.STORED)));
    network = TrustedNetwork.forPrivateTraining(canaries.graph(), parameters, 1, rows);
    clip = new JointClip(rows, parameters, maxGradNorm);
    noise = new SumNoise(new Seeded(seed), 1);
    noise.log(log);
    release =
        new Release(
            Channel.WEIGHTS,
            "all parameters",
            trained.stream().mapToLong(Parameter::size).sum(),
            new Release.Gaussian(
                new ClipNorm(1),
                new NoiseMultiplier(fault == Fault.LESS_NOISE ? z / Math.sqrt(2) : z)));
  }

  /// Noise that can be drawn again.
  private static final class Seeded extends SecureRandom {
    private static final long serialVersionUID = 1;

    private final transient SplittableRandom random;

    Seeded(long seed) {
      random = new SplittableRandom(seed);
    }

    @Override
    public void nextBytes(byte[] bytes) {
      random.nextBytes(bytes);
    }
  }

  @Override
  public double[][] scores(boolean[][] there) {
    double[][] scores = new double[there.length][];
    for (int i = 0; i < there.length; i++) {
      scores[i] = step(there[i]);
    }
    return scores;
  }

  private double[] step(boolean[] there) {
    int[] places = SumObserver.places(there, Canaries.COUNT);
    double[] scores = new double[Canaries.COUNT];
    DoubleSum faulty = rows.newSum();
    clip.begin();
    try (BatchLoader loader =
        new BatchLoader(
            canaries.images(),
            canaries.normalization(),
            Augmentation.none(),
            places,
            PHYSICAL,
            0,
            0)) {
      for (int j = 0; j < BATCHES; j++) {
        backward(loader.next());
        NullExamples none = i -> false;
        int first = j * PHYSICAL;
        switch (fault) {
          case NONE, LESS_NOISE, NULL_IS_HOSTILE -> {
            hostile(there, first);
            clip.add(i -> !there[first + i]);
          }
          case NULL_COUNTS -> {
            hostile(there, first);
            clip.add(none);
          }
          case NO_CLIPPING -> rows.addTo(faulty, factors(there, first, false));
          case NOISE_PER_BATCH -> {
            rows.addTo(faulty, factors(there, first, true));
            average(scores, released(faulty), first + PHYSICAL);
          }
        }
      }
    }
    return switch (fault) {
      case NONE, LESS_NOISE, NULL_IS_HOSTILE, NULL_COUNTS -> {
        log.begin(List.of(release));
        clip.finish(release, noise, Canaries.COUNT);
        yield SumObserver.scores(canaries, parameters.gradient(WEIGHT).toArray());
      }
      case NO_CLIPPING -> released(faulty);
      case NOISE_PER_BATCH -> scores;
    };
  }

  private void backward(Batch batch) {
    network.load(batch.images());
    network.forward(0);
    SoftmaxCrossEntropy.evaluate(network.logits(), batch.labels(), 0, 1, network.logitsGradient());
    network.backward();
  }

  /// Puts the opposite of each gradient into the place of an example that is not there.
  private void hostile(boolean[] there, int first) {
    if (fault != Fault.NULL_COUNTS && fault != Fault.NULL_IS_HOSTILE) {
      return;
    }
    for (int i = 0; i < PHYSICAL; i++) {
      if (!there[first + i]) {
        rows.of(i, WEIGHT).copyFrom(opposite(first + i));
      }
    }
  }

  /// Far above the clip norm, in the direction in which the score falls.
  private float[] opposite(int canary) {
    float[] gradient = new float[Math.toIntExact(parameters.value(WEIGHT).size())];
    float[] one = gradient.clone();
    for (int k = canary; k < gradient.length; k += Canaries.COUNT) {
      one[k] = 1;
      gradient[k] = (float) (-8 * maxGradNorm * canaries.score(canary, one));
      one[k] = 0;
    }
    return gradient;
  }

  private double[] factors(boolean[] there, int first, boolean clipped) {
    double[] norms = rows.norms();
    double[] factors = new double[PHYSICAL];
    for (int i = 0; i < PHYSICAL; i++) {
      double length = clipped ? Math.max(maxGradNorm, norms[i]) : maxGradNorm;
      factors[i] = there[first + i] ? 1 / length : 0;
    }
    return factors;
  }

  /// Adds noise to a copy of a sum.
  private double[] released(DoubleSum sum) {
    rows.parameters().forEach(name -> rows.read(sum, name, parameters.gradient(name)));
    log.begin(List.of(release));
    noise.add(
        release, 0, rows.parameters().stream().map(parameters::gradient).toArray(Tensor[]::new));
    Tensor gradient = parameters.gradient(WEIGHT);
    Elementwise.scale(1f / Canaries.COUNT, gradient);
    return SumObserver.scores(canaries, gradient.toArray());
  }

  /// Averages over the releases that a canary is in: those of its own batch and of later ones.
  private static void average(double[] scores, double[] released, int until) {
    for (int i = 0; i < until; i++) {
      scores[i] += released[i] / (BATCHES - i / PHYSICAL);
    }
  }

  @Override
  public void close() {
    network.close();
    noise.close();
    rows.close();
    parameters.close();
  }
}
