package asymml.trusted.train;

import asymml.model.Architecture;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/// Everything that decides what a training run computes.
///
/// @param model which network
/// @param norm the normalisation of a network of the zoo; a described one has its own
/// @param mode which plan its linear layers get
/// @param decomposition how split layers' inputs are decomposed
/// @param rank how many directions stay
/// @param trustedLayers linear layers that stay trusted in `asymml` and `dp-only` mode
/// @param noise strength of the noise on residuals
/// @param gradientNoise strength of the noise on output gradients where nothing is accounted for
/// @param epochs passes over the training images, at least 1
/// @param batchSize examples a step, at least 1; with DP-SGD those of a physical batch
/// @param optimizer optimiser hyperparameters; its warm-up is shorter than the run, and its
///   milestones lie before the end
/// @param labelSmoothing share of the target spread over all classes, 0 to below 1
/// @param augment whether training images are flipped and cropped as suits the data
/// @param seed of initial weights, order, augmentation and dropout; never of noise
/// @param privacy what is accounted for; with a target epsilon and no noise above, the noise
///   follows from the target
/// @param shield what hides the data from workers; with [Shield.Shares] the run is accounted for
/// @param frozen layers that are not trained, as [asymml.model.Graph#frozen] takes them
/// @param validation which training images are set aside, and what they decide
/// @param classWeights how much the examples of each class count in the loss
/// @param update who updates the weights of split layers with a shared basis; the worker only where
///   nothing is accounted for
public record TrainConfig(
    Architecture model,
    Zoo.Norm norm,
    Mode mode,
    Decomposition decomposition,
    RankPolicy rank,
    List<String> trustedLayers,
    NoiseStrength noise,
    NoiseStrength gradientNoise,
    int epochs,
    int batchSize,
    Optimizer optimizer,
    float labelSmoothing,
    boolean augment,
    long seed,
    PrivacyConfig privacy,
    Shield shield,
    List<String> frozen,
    Validation validation,
    ClassWeights classWeights,
    Update update) {

  /// A configuration that trains all layers; see the components.
  ///
  /// @param model a name of the zoo
  /// @param norm its normalisation
  /// @param mode which plan its linear layers get
  /// @param decomposition how split layers' inputs are decomposed
  /// @param rank how many directions stay
  /// @param trustedLayers linear layers that stay trusted
  /// @param noise strength of the noise on residuals
  /// @param gradientNoise strength of the noise on output gradients
  /// @param epochs passes over the training images
  /// @param batchSize examples a step
  /// @param optimizer optimiser hyperparameters
  /// @param labelSmoothing share of the target spread over all classes
  /// @param augment whether training images are flipped and cropped
  /// @param seed of initial weights, order, augmentation and dropout
  /// @param privacy what is accounted for
  /// @param shield what hides the data from workers
  public TrainConfig(
      String model,
      Zoo.Norm norm,
      Mode mode,
      Decomposition decomposition,
      RankPolicy rank,
      List<String> trustedLayers,
      NoiseStrength noise,
      NoiseStrength gradientNoise,
      int epochs,
      int batchSize,
      Optimizer optimizer,
      float labelSmoothing,
      boolean augment,
      long seed,
      PrivacyConfig privacy,
      Shield shield) {
    this(
        Architecture.of(model),
        norm,
        mode,
        decomposition,
        rank,
        trustedLayers,
        noise,
        gradientNoise,
        epochs,
        batchSize,
        optimizer,
        labelSmoothing,
        augment,
        seed,
        privacy,
        shield,
        List.of(),
        Validation.NONE,
        new ClassWeights.Equal(),
        Update.TRUSTED);
  }

  /// What is done with a step's gradient.
  public enum Algorithm {
    /// Stochastic gradient descent with momentum; weight decay is part of the gradient.
    SGD,
    /// AdamW (arXiv 1711.05101v3): a step is the mean gradient over the root of the mean squared
    /// one; weights decay apart from it.
    ADAMW
  }

  /// The optimiser.
  ///
  /// @param algorithm what is done with a step's gradient
  /// @param learningRate highest rate, above 0 and finite
  /// @param momentum 0 to below 1; of AdamW beta 1, beside a beta 2 of 0.999
  /// @param weightDecay on weights of linear layers only, at least 0 and finite
  /// @param schedule how the rate falls
  /// @param warmUpEpochs epochs over which it first rises, at least 0 and finite; fractions are
  ///   allowed
  /// @param milestones for [Schedule#STEP]: epochs at whose end the rate falls, from 1 on in
  ///   increasing order; empty with other schedules
  /// @param factor for [Schedule#STEP]: what it is multiplied by then, above 0 and at most 1
  public record Optimizer(
      Algorithm algorithm,
      float learningRate,
      float momentum,
      float weightDecay,
      Schedule schedule,
      double warmUpEpochs,
      List<Integer> milestones,
      float factor) {
    /// Checks the ranges above.
    public Optimizer {
      milestones = List.copyOf(milestones);
      check(
          learningRate > 0 && Float.isFinite(learningRate),
          "learning rate must be above 0 and finite",
          learningRate);
      check(momentum >= 0 && momentum < 1, "momentum must be in [0, 1)", momentum);
      check(
          weightDecay >= 0 && Float.isFinite(weightDecay),
          "weight decay must be at least 0 and finite",
          weightDecay);
      check(
          warmUpEpochs >= 0 && Double.isFinite(warmUpEpochs),
          "warm-up must be at least 0 epochs and finite",
          warmUpEpochs);
      LearningRateSchedule.requireMilestones(milestones, factor);
      if (schedule != Schedule.STEP && !milestones.isEmpty()) {
        throw new IllegalArgumentException(
            "milestones are for the schedule step, not for %s: %s"
                .formatted(schedule.name().toLowerCase(Locale.ROOT), milestones));
      }
    }

    /// Stochastic gradient descent.
    ///
    /// @param learningRate highest rate
    /// @param momentum 0 to below 1
    /// @param weightDecay on weights of linear layers only
    /// @param schedule how the rate falls
    /// @param warmUpEpochs epochs over which it first rises
    /// @param milestones for [Schedule#STEP]
    /// @param factor for [Schedule#STEP]
    public Optimizer(
        float learningRate,
        float momentum,
        float weightDecay,
        Schedule schedule,
        double warmUpEpochs,
        List<Integer> milestones,
        float factor) {
      this(
          Algorithm.SGD,
          learningRate,
          momentum,
          weightDecay,
          schedule,
          warmUpEpochs,
          milestones,
          factor);
    }

    /// The same with another algorithm.
    ///
    /// @param algorithm what is done with a step's gradient
    /// @return a new optimiser
    public Optimizer withAlgorithm(Algorithm algorithm) {
      return new Optimizer(
          algorithm,
          learningRate,
          momentum,
          weightDecay,
          schedule,
          warmUpEpochs,
          milestones,
          factor);
    }

    /// The same with another weight decay.
    ///
    /// @param decay at least 0
    /// @return a new optimiser
    public Optimizer withWeightDecay(float decay) {
      return new Optimizer(
          algorithm, learningRate, momentum, decay, schedule, warmUpEpochs, milestones, factor);
    }

    /// The same with another highest rate.
    ///
    /// @param rate above 0
    /// @return a new optimiser
    public Optimizer withLearningRate(float rate) {
      return new Optimizer(
          algorithm, rate, momentum, weightDecay, schedule, warmUpEpochs, milestones, factor);
    }

    /// As checkpoints hold it, which those of before there was a choice did without the algorithm.
    @Override
    public String toString() {
      return "Optimizer[%slearningRate=%s, momentum=%s, weightDecay=%s, schedule=%s, warmUpEpochs=%s, milestones=%s, factor=%s]"
          .formatted(
              algorithm == Algorithm.SGD ? "" : "algorithm=" + algorithm + ", ",
              learningRate,
              momentum,
              weightDecay,
              schedule,
              warmUpEpochs,
              milestones,
              factor);
    }

    /// Refuses what a run of some epochs would ignore or cut short.
    private void requireWithin(int epochs) {
      check(
          warmUpEpochs < epochs,
          "warm-up must be shorter than the run of " + epochs(epochs),
          warmUpEpochs);
      if (!milestones.isEmpty() && milestones.getLast() >= epochs) {
        throw new IllegalArgumentException(
            "milestones must lie before the end of the run of %s: %s"
                .formatted(epochs(epochs), milestones));
      }
    }

    private static String epochs(int epochs) {
      return epochs == 1 ? "1 epoch" : epochs + " epochs";
    }

    /// The learning rate's course over a run.
    ///
    /// @param stepsPerEpoch batches an epoch
    /// @param epochs of the run
    /// @return the schedule
    LearningRateSchedule schedule(long stepsPerEpoch, int epochs) {
      long total = stepsPerEpoch * epochs;
      long warmUp = Math.min(total - 1, Math.round(warmUpEpochs * stepsPerEpoch));
      return switch (schedule) {
        case CONSTANT -> new LearningRateSchedule.Constant(learningRate, warmUp);
        case COSINE -> new LearningRateSchedule.Cosine(learningRate, warmUp, total, 0);
        case STEP ->
            new LearningRateSchedule.Step(learningRate, warmUp, milestones, factor, stepsPerEpoch);
      };
    }
  }

  /// How the learning rate falls.
  public enum Schedule {
    /// Not at all.
    CONSTANT,
    /// Along half a cosine to 0 at the end.
    COSINE,
    /// By a factor at each milestone.
    STEP
  }

  /// Checks the ranges above.
  public TrainConfig {
    frozen = List.copyOf(frozen);
    trustedLayers = List.copyOf(trustedLayers);
    if (model.described() && norm != Zoo.Norm.BATCH) {
      throw new IllegalArgumentException(
          "a described network has its own normalisation: norm is for those of the zoo");
    }
    if (privacy.accounted() && !(gradientNoise instanceof NoiseStrength.None)) {
      throw new IllegalArgumentException(
          "a gradient noise ratio is for runs that account for nothing: in others protecting"
              + " gradients gives output gradients the noise of residuals");
    }
    check(epochs >= 1, "epochs must be at least 1", epochs);
    if (validation.patience() > 0 && privacy.accounted()) {
      throw new IllegalArgumentException(
          "early stopping lets private validation images decide when training ends, which is a"
              + " release that no epsilon covers: it does not go with a run that is accounted for");
    }
    if (classWeights instanceof ClassWeights.Balanced && privacy.accounted()) {
      throw new IllegalArgumentException(
          "balanced class weights are counts of private labels, which no epsilon covers: in a run"
              + " that is accounted for, give the weights themselves (class-weights 1,2,0.5)");
    }
    check(
        validation.patience() < epochs,
        "early stopping has an effect only if its patience is below the run's "
            + epochs
            + " epochs",
        validation.patience());
    optimizer.requireWithin(epochs);
    check(batchSize >= 1, "batch size must be at least 1", batchSize);
    check(
        labelSmoothing >= 0 && labelSmoothing < 1,
        "label smoothing must be in [0, 1)",
        labelSmoothing);
    if (update == Update.WORKER && mode == Mode.ASYMML) {
      requireUpdate(decomposition, optimizer, privacy, shield);
    }
    if (shield.masks()
        && mode != Mode.TRUSTED_ONLY
        && !privacy.protect().contains(Channel.GRADIENTS)) {
      throw new IllegalArgumentException(
          "masks hide residuals and gradients, and both are accounted for: protect gradients or"
              + " all channels");
    }
  }

  /// Whether the model of the run is that of the epoch with the best validation accuracy, and not
  /// of the last one. In a run that is accounted for it never is: private images that choose a
  /// model are a release that no epsilon covers.
  ///
  /// @return false without validation images
  public boolean choosesBest() {
    return validation.isOn() && !privacy.accounted();
  }

  /// Sets the validation images of this run aside. In a run that is accounted for the choice is not
  /// stratified, so that whether an image is trained on follows from no other image's label, and
  /// pixels are normalised by constants.
  ///
  /// @param data all images
  /// @return the same data set if nothing is to be set aside, or it is already
  /// @throws IllegalArgumentException if there are too few images
  public DataSet split(DataSet data) {
    if (!validation.isOn() || data.validation() != null) {
      return data;
    }
    return privacy.accounted()
        ? data.withIndependentValidation(validation.share(), seed)
        : data.withValidation(validation.share(), seed);
  }

  /// A worker that updates weights learns exact gradients, needs a basis to get its part of them
  /// by, and knows the rule of SGD alone.
  private static void requireUpdate(
      Decomposition decomposition, Optimizer optimizer, PrivacyConfig privacy, Shield shield) {
    String worker = "the worker cannot update weights ";
    String instead = ": use update trusted";
    if (shield.masks()) {
      throw new IllegalArgumentException(
          worker + "under the shield shares, where none has their gradients" + instead);
    }
    if (privacy.accounted()) {
      throw new IllegalArgumentException(
          worker
              + "in a run that is accounted for, since it learns exact weight gradients"
              + instead);
    }
    if (decomposition == Decomposition.PER_EXAMPLE) {
      throw new IllegalArgumentException(
          worker + "with the decomposer per-example, which has a basis for each image" + instead);
    }
    if (optimizer.algorithm() != Algorithm.SGD) {
      throw new IllegalArgumentException(
          worker + "by AdamW, only by SGD" + instead + " or optimizer sgd");
    }
  }

  /// Whether clip bounds or bases come from public images.
  ///
  /// @param plan where the layers of this run are, with their ranks
  /// @return true if the run needs some
  public boolean needsPublicImages(Plan plan) {
    if (privacy.dpSgd() != null) {
      return plan.sharesBases();
    }
    return privacy.accounted()
        && (!shield.masks() || privacy.protect().contains(Channel.WEIGHTS) || plan.sharesBases());
  }

  /// This configuration with another `model`.
  ///
  /// @param model a name of the zoo, or a description, as [Architecture#of(String)] takes them
  /// @return a new configuration
  /// @throws IllegalArgumentException if there is no such network, or it does not go with the rest
  public TrainConfig withModel(String model) {
    return withModel(Architecture.of(model));
  }

  /// This configuration with another `model`.
  ///
  /// @param model which network
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withModel(Architecture model) {
    return with(draft -> draft.model = model);
  }

  /// This configuration with another `norm`.
  ///
  /// @param norm its normalisation
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withNorm(Zoo.Norm norm) {
    return with(draft -> draft.norm = norm);
  }

  /// This configuration with another `mode`.
  ///
  /// @param mode which plan its linear layers get
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withMode(Mode mode) {
    return with(draft -> draft.mode = mode);
  }

  /// This configuration with another `decomposition`.
  ///
  /// @param decomposition how split layers' inputs are decomposed
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withDecomposition(Decomposition decomposition) {
    return with(draft -> draft.decomposition = decomposition);
  }

  /// This configuration with another `rank`.
  ///
  /// @param rank how many directions stay
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withRank(RankPolicy rank) {
    return with(draft -> draft.rank = rank);
  }

  /// This configuration with another `trustedLayers`.
  ///
  /// @param trustedLayers linear layers that stay trusted in `asymml` and `dp-only` mode
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withTrustedLayers(List<String> trustedLayers) {
    return with(draft -> draft.trustedLayers = trustedLayers);
  }

  /// This configuration with another `noise`.
  ///
  /// @param noise strength of the noise on residuals
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withNoise(NoiseStrength noise) {
    return with(draft -> draft.noise = noise);
  }

  /// This configuration with another `gradientNoise`.
  ///
  /// @param gradientNoise strength of the noise on output gradients where nothing is accounted for
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withGradientNoise(NoiseStrength gradientNoise) {
    return with(draft -> draft.gradientNoise = gradientNoise);
  }

  /// This configuration with another `epochs`.
  ///
  /// @param epochs passes over the training images, at least 1
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withEpochs(int epochs) {
    return with(draft -> draft.epochs = epochs);
  }

  /// This configuration with another `batchSize`.
  ///
  /// @param batchSize examples a step, at least 1
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withBatchSize(int batchSize) {
    return with(draft -> draft.batchSize = batchSize);
  }

  /// This configuration with another `optimizer`.
  ///
  /// @param optimizer optimiser hyperparameters
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withOptimizer(Optimizer optimizer) {
    return with(draft -> draft.optimizer = optimizer);
  }

  /// This configuration with another `labelSmoothing`.
  ///
  /// @param labelSmoothing share of the target spread over all classes, 0 to below 1
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withLabelSmoothing(float labelSmoothing) {
    return with(draft -> draft.labelSmoothing = labelSmoothing);
  }

  /// This configuration with another `augment`.
  ///
  /// @param augment whether training images are flipped and cropped as suits the data
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withAugment(boolean augment) {
    return with(draft -> draft.augment = augment);
  }

  /// This configuration with another `seed`.
  ///
  /// @param seed of initial weights, order, augmentation and dropout; never of noise
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withSeed(long seed) {
    return with(draft -> draft.seed = seed);
  }

  /// This configuration with another `privacy`.
  ///
  /// @param privacy what is accounted for
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withPrivacy(PrivacyConfig privacy) {
    return with(draft -> draft.privacy = privacy);
  }

  /// This configuration with another `shield`.
  ///
  /// @param shield what hides the data from workers
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withShield(Shield shield) {
    return with(draft -> draft.shield = shield);
  }

  /// This configuration with other `frozen` layers.
  ///
  /// @param frozen layers that are not trained, as [asymml.model.Graph#frozen] takes them
  /// @return a new configuration
  public TrainConfig withFrozen(List<String> frozen) {
    return with(draft -> draft.frozen = frozen);
  }

  /// This configuration with another `validation`.
  ///
  /// @param validation which training images are set aside, and what they decide
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withValidation(Validation validation) {
    return with(draft -> draft.validation = validation);
  }

  /// This configuration with other `classWeights`.
  ///
  /// @param classWeights how much the examples of each class count in the loss
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withClassWeights(ClassWeights classWeights) {
    return with(draft -> draft.classWeights = classWeights);
  }

  /// This configuration with another `update`.
  ///
  /// @param update who updates the weights of split layers with a shared basis
  /// @return a new configuration
  /// @throws IllegalArgumentException if it does not go with the rest
  public TrainConfig withUpdate(Update update) {
    return with(draft -> draft.update = update);
  }

  private TrainConfig with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.config();
  }

  /// A configuration while one component changes.
  private static final class Draft {
    private Architecture model;
    private Zoo.Norm norm;
    private Mode mode;
    private Decomposition decomposition;
    private RankPolicy rank;
    private List<String> trustedLayers;
    private NoiseStrength noise;
    private NoiseStrength gradientNoise;
    private int epochs;
    private int batchSize;
    private Optimizer optimizer;
    private float labelSmoothing;
    private boolean augment;
    private long seed;
    private PrivacyConfig privacy;
    private Shield shield;
    private List<String> frozen;
    private Validation validation;
    private ClassWeights classWeights;
    private Update update;

    private Draft(TrainConfig config) {
      model = config.model;
      norm = config.norm;
      mode = config.mode;
      decomposition = config.decomposition;
      rank = config.rank;
      trustedLayers = config.trustedLayers;
      noise = config.noise;
      gradientNoise = config.gradientNoise;
      epochs = config.epochs;
      batchSize = config.batchSize;
      optimizer = config.optimizer;
      labelSmoothing = config.labelSmoothing;
      augment = config.augment;
      seed = config.seed;
      privacy = config.privacy;
      shield = config.shield;
      frozen = config.frozen;
      validation = config.validation;
      classWeights = config.classWeights;
      update = config.update;
    }

    private TrainConfig config() {
      return new TrainConfig(
          model,
          norm,
          mode,
          decomposition,
          rank,
          trustedLayers,
          noise,
          gradientNoise,
          epochs,
          batchSize,
          optimizer,
          labelSmoothing,
          augment,
          seed,
          privacy,
          shield,
          frozen,
          validation,
          classWeights,
          update);
    }
  }

  private static void check(boolean holds, String rule, Number value) {
    if (!holds) {
      throw new IllegalArgumentException(rule + ": " + value);
    }
  }
}
