package asymml.trusted.train;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.Graph;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.ops.PerExamplePlan;
import asymml.trusted.plan.Plan;
import java.util.LinkedHashMap;
import java.util.Map;

/// What follows from a configuration and its data before anything is computed.
///
/// @param config what to compute
/// @param data what on
/// @param normalization of pixels
/// @param description of the model
/// @param graph the network
/// @param plan where its linear layers run
/// @param schedule of the learning rate
/// @param loss how much each training example counts, and its targets
record RunPlan(
    TrainConfig config,
    DataSet data,
    Normalization normalization,
    TrainedModel.Description description,
    Graph graph,
    Plan plan,
    LearningRateSchedule schedule,
    SoftmaxCrossEntropy.Terms loss) {
  static RunPlan of(TrainConfig config, DataSet all) {
    DataSet data = config.split(all);
    // The statistics of private pixels would be a release of their own.
    Normalization normalization =
        config.privacy().accounted()
            ? Normalization.constant(data.train().shape().channels())
            : data.normalization();
    TrainedModel.Description description =
        TrainedModel.Description.of(config.model(), config.norm(), data.train(), normalization);
    return of(config, data, description, description.graph().frozen(config.frozen()));
  }

  /// A run of a network that its description does not name.
  static RunPlan of(
      TrainConfig config, DataSet data, TrainedModel.Description description, Graph graph) {
    Plan plan =
        Plan.of(graph, config.mode(), config.decomposition(), config.rank(), config.trustedLayers())
            .updatedBy(graph, config.update());
    int examples = data.train().size();
    int batches = Math.ceilDiv(examples, Math.min(batchSize(config), examples));
    return new RunPlan(
        config,
        data,
        description.normalization(),
        description,
        graph,
        plan,
        config.optimizer().schedule(batches, config.epochs()),
        new SoftmaxCrossEntropy.Terms(
            config.labelSmoothing(), config.classWeights().of(data.train())));
  }

  /// Training images.
  int examples() {
    return data.train().size();
  }

  /// The (expected) examples of a step.
  int batchSize() {
    return Math.min(batchSize(config), examples());
  }

  private static int batchSize(TrainConfig config) {
    DpSgd dpSgd = config.privacy().dpSgd();
    return dpSgd == null ? config.batchSize() : dpSgd.logicalBatchSize();
  }

  /// The examples that are computed at a time, with all of their views.
  int physicalBatch() {
    DpSgd dpSgd = config.privacy().dpSgd();
    return dpSgd == null ? batchSize() : perExample(dpSgd).examples();
  }

  /// How the gradients of single examples are found.
  PerExamplePlan perExample(DpSgd dpSgd) {
    return dpSgd.plan(graph, Math.min(config.batchSize(), batchSize()));
  }

  /// How many views of an example there are in a step.
  private int views() {
    DpSgd dpSgd = config.privacy().dpSgd();
    return dpSgd == null ? 1 : dpSgd.views();
  }

  /// Steps of an epoch.
  int batches() {
    return Math.ceilDiv(examples(), batchSize());
  }

  /// Steps of the run.
  long steps() {
    return (long) batches() * config.epochs();
  }

  /// Whether the number of examples in a step is random, and private.
  boolean isPoisson() {
    return config.privacy().drawing() == PrivacyConfig.Drawing.POISSON;
  }

  /// How training images are varied.
  Augmentation augmentation() {
    Augmentation own = config.augment() ? data.augmentation().suiting(graph) : Augmentation.none();
    return own.withViews(views());
  }

  /// What order and augmentation of an epoch follow from.
  ///
  /// @param epoch from 1
  long epochSeed(int epoch) {
    return config.seed() * 1_000_003 + epoch;
  }

  /// What a checkpoint must share with the run that resumes it.
  Map<String, String> identity() {
    Map<String, String> identity = new LinkedHashMap<>();
    description.save(identity);
    identity.put("plan", plan.layers().toString());
    identity.put("noise", config.noise().toString());
    if (config.shield().masks()) {
      identity.put("shield", config.shield().toString());
    }
    if (!plan.heldWeights().isEmpty()) {
      identity.put("update", plan.update().label());
    }
    if (config.gradientNoise().isOn()) {
      identity.put("gradientNoise", config.gradientNoise().toString());
    }
    if (config.privacy().accounted()) {
      identity.put("privacy", config.privacy().toString());
      identity.put(Checkpoint.EPOCHS, Integer.toString(config.epochs()));
    }
    identity.put("seed", Long.toString(config.seed()));
    identity.put("batchSize", Integer.toString(batchSize()));
    if (config.privacy().dpSgd() != null) {
      identity.put("physicalBatch", Integer.toString(physicalBatch()));
    }
    identity.put("optimizer", config.optimizer().toString());
    identity.put("labelSmoothing", Float.toString(config.labelSmoothing()));
    if (!loss.classWeights().isEmpty()) {
      identity.put("classWeights", loss.classWeights().toString());
    }
    identity.put("augmentation", augmentation().toString());
    identity.put("trainData", data.train().digest());
    if (data.validation() != null) {
      identity.put("validationData", data.validation().digest());
    }
    identity.put("testData", data.test().digest());
    return identity;
  }
}
