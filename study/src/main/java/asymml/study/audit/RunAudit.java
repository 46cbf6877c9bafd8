package asymml.study.audit;

import asymml.kernels.TemporaryFolder;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.session.TrainingSpec;
import asymml.session.WorkerPool;
import asymml.session.WorkerSpec;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunDirectory;
import asymml.trusted.train.ClassWeights;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.Trainer;
import asymml.trusted.train.TrainingException;
import asymml.trusted.train.Validation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// An audit of one whole training with the network and settings of a run, at a small epsilon, on
/// drawn images (Steinke, Nasr and Jagielski, arXiv 2305.08846): each image is a canary that takes
/// part by a coin, and an observer of all weights guesses which do. It shows faults that are gross,
/// such as missing noise, and no others: [StepAudit] is for factors.
///
/// @param spec of a run with DP-SGD
/// @param input shape of its images
/// @param classNames their classes
/// @param settings how large the audited training is
public record RunAudit(TrainingSpec spec, Shape input, List<String> classNames, Settings settings) {
  private static final double CONFIDENCE = 0.95;

  /// Guesses, as shares of the canaries, fixed beforehand. The confidence is shared between them
  /// and the kinds of scores.
  private static final double[] SHARES = {0.05, 0.125, 0.33};

  private static final int KINDS = 3;
  private static final int STEPS_PER_EPOCH = 10;
  private static final int EPOCHS = 10;

  private static final int TEST_IMAGES = 10;

  /// Images are made of squares of one colour, of at most so many pixels a side, and at least so
  /// many of them across: with fewer, images would be alike.
  private static final int LARGEST_SQUARE = 4;

  private static final int FEWEST_SQUARES = 8;

  /// How large the audited training is.
  ///
  /// @param canaries how many take part by a coin, at least 100
  /// @param target epsilon of the training
  public record Settings(int canaries, Epsilon target) {
    /// The number of canaries below which nothing can be proved.
    public static final int FEWEST = 100;

    /// Checks the number.
    public Settings {
      if (canaries < FEWEST) {
        throw new IllegalArgumentException(
            "an audit needs at least %s canaries: %s".formatted(FEWEST, canaries));
      }
    }
  }

  /// What was found.
  ///
  /// @param canaries m
  /// @param included how many took part
  /// @param steps of the training
  /// @param delta of the guarantee
  /// @param upper epsilon by the accountant
  /// @param guesses by kind of score and number
  /// @param confidence of all lower bounds together
  public record Result(
      int canaries,
      int included,
      long steps,
      double delta,
      double upper,
      List<Guesses> guesses,
      double confidence) {
    /// Copies the list.
    public Result {
      guesses = List.copyOf(guesses);
    }

    /// The largest lower bound.
    ///
    /// @return an epsilon
    public double lower() {
      return guesses.stream().mapToDouble(Guesses::lower).max().orElse(0);
    }

    /// Whether the claim withstands the audit.
    ///
    /// @return false if the training is less private than is claimed
    public boolean holds() {
      return lower() <= upper;
    }
  }

  /// Guesses by one kind of score.
  ///
  /// @param score `projection`, `separated projection` or `loss`
  /// @param count how many
  /// @param correct of those
  /// @param lower the least epsilon that this proves
  public record Guesses(String score, int count, int correct, double lower) {}

  /// Checks the settings.
  public RunAudit {
    if (spec.training().privacy().dpSgd() == null) {
      throw new IllegalArgumentException("an audit is of a run with DP-SGD");
    }
    classNames = List.copyOf(classNames);
  }

  /// Trains and guesses. Starts two workers on this machine where the run has some.
  ///
  /// @param listener hears how the training goes
  /// @return the lower bounds beside the upper one
  /// @throws IOException if a file cannot be written or a worker fails
  /// @throws TrainingException if training is not finite
  public Result run(TrainListener listener) throws IOException, TrainingException {
    return run(null, listener);
  }

  /// The same with noise that does not follow from the target, for what is claimed of the target.
  Result run(@Nullable NoiseStrength given, TrainListener listener)
      throws IOException, TrainingException {
    SplittableRandom random = new SplittableRandom(spec.training().seed());
    ImageSet canaries = images(settings.canaries(), random);
    ImageSet tested = images(TEST_IMAGES, random);
    boolean[] there = new boolean[canaries.size()];
    for (int i = 0; i < there.length; i++) {
      there[i] = random.nextBoolean();
    }
    Normalization normalization = Normalization.constant(input.channels());
    DataSet data =
        new DataSet("canaries", chosen(canaries, there), tested, normalization, false, 0);
    TrainConfig config = config(data.train().size(), given);
    Graph graph =
        TrainedModel.Description.of(config.model(), config.norm(), data.train(), normalization)
            .graph();
    double maxGradNorm = dpSgd().maxGradNorm();
    try (TemporaryFolder folder = TemporaryFolder.create();
        RunObserver observer =
            new RunObserver(graph, canaries, normalization, config, maxGradNorm)) {
      Ledger ledger = train(config, data, folder.path(), observer, listener);
      double upper =
          given == null
              ? ledger.epsilon(_ -> true, new PldAccountant()).value()
              : settings.target().value();
      List<Guesses> guesses = new ArrayList<>();
      guesses.addAll(guesses("projection", observer.projections(), there));
      guesses.addAll(guesses("separated projection", observer.separated(), there));
      guesses.addAll(guesses("loss", observer.losses(), there));
      return new Result(
          canaries.size(),
          data.train().size(),
          ledger.steps(),
          ledger.delta().value(),
          upper,
          guesses,
          CONFIDENCE);
    }
  }

  private DpSgd dpSgd() {
    DpSgd dpSgd = spec.training().privacy().dpSgd();
    if (dpSgd == null) {
      throw new IllegalStateException("the settings were checked");
    }
    return dpSgd;
  }

  /// The settings of the run that bear on its privacy, in so few steps. Plain SGD at a constant
  /// rate, smaller as the batch is, so that the parameters show the sum of all gradients.
  private TrainConfig config(int examples, @Nullable NoiseStrength given) {
    TrainConfig own = spec.training();
    DpSgd dpSgd = dpSgd();
    int batch = Math.ceilDiv(examples, STEPS_PER_EPOCH);
    float rate =
        own.optimizer().learningRate() * Math.min(1, (float) batch / dpSgd.logicalBatchSize());
    return own.withPrivacy(
            PrivacyConfig.of(
                new DpSgd(
                    batch,
                    dpSgd.maxGradNorm(),
                    dpSgd.views(),
                    0,
                    dpSgd.masksShare(),
                    dpSgd.perExample(),
                    dpSgd.memoryBytes()),
                given == null ? settings.target() : null,
                own.privacy().delta()))
        .withNoise(given == null ? new NoiseStrength.None() : given)
        .withOptimizer(
            new TrainConfig.Optimizer(
                rate, 0, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), own.optimizer().factor()))
        .withEpochs(EPOCHS)
        .withRank(new RankPolicy.Fixed(0))
        .withAugment(false)
        .withValidation(Validation.NONE)
        .withClassWeights(new ClassWeights.Equal());
  }

  private Ledger train(
      TrainConfig config, DataSet data, Path folder, RunObserver observer, TrainListener listener)
      throws IOException, TrainingException {
    TrainingSpec local = spec.withTraining(config).withWorkers(WorkerSpec.local());
    try (RunDirectory run = RunDirectory.create(folder.resolve("run"));
        @Nullable WorkerPool pool =
            config.mode() == Mode.TRUSTED_ONLY ? null : WorkerPool.open(local, run.layout());
        Trainer trainer =
            new Trainer(config, data, null, pool == null ? null : pool.parties(), null)) {
      trainer.run(run.layout(), false, listener, observer, () -> false);
      return LedgerFile.read(run.layout().ledger());
    }
  }

  /// Images of squares of random colours, of random classes.
  private ImageSet images(int count, SplittableRandom random) {
    int size = input.size();
    byte[] pixels = new byte[count * size];
    int[] labels = new int[count];
    byte[] colours = new byte[size];
    int side = Math.min(input.height(), input.width());
    int largest = Math.clamp(side / FEWEST_SQUARES, 1, LARGEST_SQUARE);
    int sizes = Integer.SIZE - Integer.numberOfLeadingZeros(largest);
    for (int i = 0; i < count; i++) {
      labels[i] = random.nextInt(classNames.size());
      int shift = random.nextInt(sizes);
      random.nextBytes(colours);
      for (int k = 0; k < size; k++) {
        int pixel = k / input.channels();
        int row = ((pixel / input.width()) >> shift) << shift;
        int column = ((pixel % input.width()) >> shift) << shift;
        pixels[i * size + k] =
            colours[(row * input.width() + column) * input.channels() + k % input.channels()];
      }
    }
    return ImageSet.of(input, classNames, labels, pixels);
  }

  private ImageSet chosen(ImageSet canaries, boolean[] there) {
    int[] in = IntStream.range(0, there.length).filter(i -> there[i]).toArray();
    int size = input.size();
    byte[] pixels = new byte[in.length * size];
    int[] labels = new int[in.length];
    byte[] one = new byte[size];
    for (int i = 0; i < in.length; i++) {
      canaries.pixels(in[i], one);
      System.arraycopy(one, 0, pixels, i * size, size);
      labels[i] = canaries.label(in[i]);
    }
    return ImageSet.of(input, classNames, labels, pixels);
  }

  /// The canaries with the highest scores are guessed to have taken part, as many with the lowest
  /// not to have.
  private List<Guesses> guesses(String kind, double[] scores, boolean[] there) {
    double each = 1 - (1 - CONFIDENCE) / (KINDS * SHARES.length);
    int[] ranked =
        IntStream.range(0, scores.length)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> scores[i]))
            .mapToInt(i -> i)
            .toArray();
    List<Guesses> all = new ArrayList<>();
    for (double share : SHARES) {
      int half = (int) (share * scores.length / 2);
      int correct = 0;
      for (int i = 0; i < half; i++) {
        correct += there[ranked[i]] ? 0 : 1;
        correct += there[ranked[ranked.length - 1 - i]] ? 1 : 0;
      }
      double delta = spec.training().privacy().delta().value();
      double lower = LowerBounds.epsilon(scores.length, 2 * half, correct, delta, each);
      all.add(new Guesses(kind, 2 * half, correct, lower));
    }
    return all;
  }
}
