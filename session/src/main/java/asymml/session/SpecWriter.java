package asymml.session;

import asymml.trusted.data.Decoding;
import asymml.trusted.ops.PerExampleMethod;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.ClassWeights;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// Writes specifications as settings, each under its name.
final class SpecWriter {
  private final Map<String, Object> values = new LinkedHashMap<>();

  private SpecWriter() {}

  static Map<String, Object> values(TrainingSpec spec) {
    SpecWriter writer = new SpecWriter();
    writer.data(spec.data(), spec.training());
    writer.network(spec.training(), spec.init());
    writer.noise(spec.training());
    writer.privacy(spec.training(), spec.data());
    writer.optimisation(spec.training());
    writer.values.put("analyze-every", spec.analyzeEvery());
    writer.values.put("threads", spec.threads());
    writer.workers(spec.workers());
    return writer.values;
  }

  private void data(DataSpec data, TrainConfig training) {
    values.put("data", data.source());
    values.put("limit-train", data.limitTrain().toString());
    values.put("limit-test", data.limitTest().toString());
    values.put("validation-split", training.validation().share());
    Decoding decoding = data.decoding();
    values.put(SpecReader.MAX_IMAGE_PIXELS, decoding.limits().imagePixels());
    values.put(
        SpecReader.IMAGE_SIZE,
        decoding.imageSize() == 0 ? SpecReader.STORED : decoding.imageSize());
    values.put(
        SpecReader.IMAGE_CACHE,
        decoding.cacheBytes() == Long.MAX_VALUE ? SpecReader.ALL : decoding.cacheBytes());
    values.put(SpecReader.ON_BAD_IMAGE, decoding.onBadImage().label());
    values.put(
        SpecReader.WINDOW,
        decoding.window() == null ? SpecReader.FULL : decoding.window().toString());
    if (decoding.columns().label() != null) {
      values.put(SpecReader.LABEL_COLUMN, decoding.columns().label());
    }
    if (decoding.columns().group() != null) {
      values.put(SpecReader.GROUP_COLUMN, decoding.columns().group());
    }
    values.put("augment", training.augment());
    values.put(SpecReader.RANDOM_CROP, decoding.randomCrop());
  }

  private void network(TrainConfig training, InitSpec init) {
    values.put("model", training.model().text());
    values.put("norm", label(training.norm()));
    if (init.file() != null) {
      values.put("init", init.file().toString());
    }
    if (init.isPublic()) {
      values.put("init-public", true);
    }
    if (!training.frozen().isEmpty()) {
      values.put("freeze", training.frozen());
    }
    values.put("mode", training.mode().label());
    values.put("decomposer", training.decomposition().label());
    values.put("rank", training.rank().toString());
    values.put("update", training.update().label());
    values.put(
        "trusted-layers",
        training.trustedLayers().isEmpty() ? List.of(SpecReader.NONE) : training.trustedLayers());
  }

  private void noise(TrainConfig training) {
    switch (training.noise()) {
      case NoiseStrength.Ratio(double rho) -> values.put(SpecReader.NOISE_RATIO, rho);
      case NoiseStrength.Multiplier(double z) -> values.put(SpecReader.NOISE_MULTIPLIER, z);
      case NoiseStrength.None _ -> {
        // Not where it is the default: there it follows from the target, and is no setting.
        if (Defaults.noise(training.privacy(), training.shield()).isOn()) {
          values.put(SpecReader.NOISE_RATIO, 0.0);
        }
      }
    }
    switch (training.gradientNoise()) {
      case NoiseStrength.Ratio(double rho) -> values.put("gradient-noise-ratio", rho);
      case NoiseStrength.None _ -> {}
      case NoiseStrength.Multiplier _ ->
          throw new IllegalStateException("TrainingSpec refuses a multiplier on output gradients");
    }
  }

  private void privacy(TrainConfig training, DataSpec data) {
    switch (training.shield()) {
      case Shield.Residual _ -> {
        values.put("shield", "residual");
        values.put("weight-gradient", SpecReader.EXACT);
      }
      case Shield.Shares(double positions) -> {
        values.put("shield", "shares");
        values.put(
            "weight-gradient", positions == 1 ? SpecReader.EXACT : SpecReader.SAMPLED + positions);
      }
    }
    PrivacyConfig privacy = training.privacy();
    values.put(SpecReader.DP_SGD, privacy.dpSgd() != null);
    if (privacy.dpSgd() != null) {
      values.put(SpecReader.LOGICAL_BATCH_SIZE, privacy.dpSgd().logicalBatchSize());
      values.put(SpecReader.MAX_GRAD_NORM, privacy.dpSgd().maxGradNorm());
      values.put(SpecReader.AUGMENTATION_MULTIPLICITY, privacy.dpSgd().views());
      values.put(SpecReader.WEIGHT_AVERAGE, privacy.dpSgd().weightAverage());
      values.put(SpecReader.MASKS_SHARE, privacy.dpSgd().masksShare());
      PerExampleMethod method = privacy.dpSgd().perExample();
      values.put(SpecReader.PER_EXAMPLE, method == null ? SpecReader.AUTO : method.label());
      values.put(SpecReader.PER_EXAMPLE_MEMORY, privacy.dpSgd().memoryBytes());
    }
    values.put(
        "protect",
        privacy.accounted()
            ? EnumSet.copyOf(privacy.protect()).stream().map(c -> c.label()).toList()
            : List.of(SpecReader.NONE));
    if (privacy.target() != null) {
      values.put("target-epsilon", privacy.target().value());
    }
    values.put("delta", privacy.delta().value());
    values.put("sampling", privacy.drawing().label());
    values.put("basis", privacy.basis().label());
    values.put("clip", privacy.clip().toString());
    values.put("public-data", data.publicSource());
  }

  private void optimisation(TrainConfig training) {
    TrainConfig.Optimizer optimizer = training.optimizer();
    values.put("epochs", training.epochs());
    int patience = training.validation().patience();
    values.put("early-stopping", patience == 0 ? SpecReader.NONE : patience);
    values.put("batch-size", training.batchSize());
    values.put("optimizer", label(optimizer.algorithm()));
    values.put("learning-rate", optimizer.learningRate());
    values.put("momentum", optimizer.momentum());
    values.put("weight-decay", optimizer.weightDecay());
    values.put("schedule", label(optimizer.schedule()));
    values.put("milestones", optimizer.milestones());
    values.put("step-factor", optimizer.factor());
    values.put("warm-up-epochs", optimizer.warmUpEpochs());
    values.put("label-smoothing", training.labelSmoothing());
    values.put(
        "class-weights",
        training.classWeights() instanceof ClassWeights.Given(List<Float> weights)
            ? weights
            : training.classWeights().toString());
    values.put("seed", training.seed());
  }

  private void workers(WorkerSpec workers) {
    values.put("worker", workers.workers().stream().map(Object::toString).toList());
    if (workers.tlsTrust() != null) {
      values.put("tls-trust", workers.tlsTrust().toString());
    }
    if (workers.tlsKey() != null) {
      values.put("tls-keystore", workers.tlsKey().keystore().toString());
      values.put("tls-password-file", workers.tlsKey().passwordFile().toString());
    }
    if (workers.tlsAllowExpired()) {
      values.put("tls-allow-expired", true);
    }
    values.put("wire", label(workers.wire()));
    values.put("chunks", workers.chunks());
    values.put("verify", workers.verification().toString());
    values.put("worker-timeout", workers.timeout().toSeconds());
  }

  static String label(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }
}
