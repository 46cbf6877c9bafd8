package asymml.session;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainConfig.Algorithm;
import asymml.trusted.train.TrainConfig.Optimizer;
import asymml.trusted.train.TrainConfig.Schedule;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The defaults; some of it follows from other settings.
final class Defaults {
  /// A tenth of a residual at the clip bound.
  private static final NoiseStrength NOISE = new NoiseStrength.Ratio(0.1);

  /// The noise multiplier of masks where nothing else says how large they are.
  private static final NoiseStrength MASKS = new NoiseStrength.Multiplier(10);

  private static final float LEARNING_RATE = 0.05f;

  /// What a step schedule multiplies the rate by.
  static final float STEP_FACTOR = 0.1f;

  private Defaults() {}

  static TrainingSpec spec() {
    Shield shield = new Shield.Residual();
    TrainConfig config =
        new TrainConfig(
            "cnn",
            Zoo.Norm.BATCH,
            Mode.ASYMML,
            Decomposition.SHARED,
            rank(shield),
            List.of(Plan.FIRST, Plan.LAST),
            noise(PrivacyConfig.NONE, shield),
            new NoiseStrength.None(),
            8,
            64,
            new Optimizer(
                LEARNING_RATE, 0.9f, 0.0005f, Schedule.COSINE, 0.5, List.of(), STEP_FACTOR),
            0,
            true,
            1,
            PrivacyConfig.NONE,
            shield);
    return new TrainingSpec(
        DataSpec.of("generated"),
        config,
        InitSpec.SEED,
        WorkerSpec.local(),
        Runtime.getRuntime().availableProcessors(),
        0);
  }

  /// What is computed with DP-SGD: few large steps, whose gradients have a norm of at most 1.
  static TrainConfig dpSgd() {
    Shield shield = new Shield.Residual();
    PrivacyConfig privacy = PrivacyConfig.of(DpSgd.DEFAULT, null, PrivacyConfig.NONE.delta());
    return spec()
        .training()
        .withNorm(Zoo.Norm.GROUP)
        .withMode(Mode.TRUSTED_ONLY)
        .withNoise(noise(privacy, shield))
        .withEpochs(30)
        .withBatchSize(128)
        .withOptimizer(new Optimizer(2, 0.9f, 0, Schedule.COSINE, 0, List.of(), 0.1f))
        .withAugment(false)
        .withPrivacy(privacy);
  }

  /// The learning rate of training without DP-SGD. At the usual one VGG learns next to nothing, and
  /// a network on scattering features, which has no batch norm, little.
  static float learningRate(String model) {
    if (model.equals("scatter-cnn")) {
      return 0.003f;
    }
    return model.startsWith("vgg") ? 0.01f : LEARNING_RATE;
  }

  /// The learning rate of DP-SGD: a smaller budget is a larger noise, beside which smaller steps do
  /// better.
  ///
  /// @param target epsilon, null where the noise is given
  static float dpSgdLearningRate(@Nullable Epsilon target) {
    float most = dpSgd().optimizer().learningRate();
    return target == null ? most : (float) Math.min(most, (1 + target.value()) / 4);
  }

  /// How many views of an image a step of DP-SGD has. Two cost a network on scattering features
  /// little, since these are computed once.
  static int views(String model) {
    return model.equals("scatter-cnn") ? 2 : DpSgd.DEFAULT.views();
  }

  /// AdamW in place of SGD, whose steps have the size of the gradient: a rate of its own, and a
  /// decay that is of the weights and not of the loss. With DP-SGD there is none, as with SGD.
  static Optimizer adamw(Optimizer sgd, boolean dpSgd) {
    return sgd.withAlgorithm(Algorithm.ADAMW)
        .withLearningRate(0.001f)
        .withWeightDecay(dpSgd ? 0 : 0.01f);
  }

  /// Where two workers hold masked values and masks, results are exact whatever the rank.
  static RankPolicy rank(Shield shield) {
    return switch (shield) {
      case Shield.Residual _ -> new RankPolicy.Fraction(1, 8);
      case Shield.Shares _ -> new RankPolicy.Fixed(0);
    };
  }

  /// The noise; none where it is to follow from a target, or a run that is accounted for must say
  /// how much it takes.
  static NoiseStrength noise(PrivacyConfig privacy, Shield shield) {
    if (shield.masks() && privacy.target() == null && privacy.dpSgd() == null) {
      return MASKS;
    }
    return privacy.accounted() ? new NoiseStrength.None() : NOISE;
  }

  /// The protected channels.
  static Set<Channel> protect(@Nullable Epsilon target, Shield shield) {
    return switch (shield) {
      case Shield.Residual _ -> target == null ? Set.of() : Set.of(Channel.RESIDUALS);
      case Shield.Shares _ -> with(Channel.GRADIENTS);
    };
  }

  /// A channel with those that it rests on.
  static Set<Channel> with(Channel channel) {
    return switch (channel) {
      case RESIDUALS -> EnumSet.of(Channel.RESIDUALS);
      case GRADIENTS -> EnumSet.of(Channel.RESIDUALS, Channel.GRADIENTS);
      case WEIGHTS -> EnumSet.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS);
      case BASIS ->
          throw new IllegalArgumentException("a basis is not protected by itself: see Basis");
    };
  }

  static Drawing drawing(Set<Channel> protect) {
    return protect.contains(Channel.WEIGHTS) ? Drawing.POISSON : Drawing.SHUFFLE;
  }

  static Basis basis(Set<Channel> protect) {
    return protect.isEmpty() ? Basis.BATCH : Basis.PUBLIC;
  }

  static Clip clip(Set<Channel> protect) {
    return protect.isEmpty() ? new Clip.Median() : new Clip.Public();
  }

  /// What a run accounts for.
  static PrivacyConfig privacy(Set<Channel> protect, @Nullable Epsilon target) {
    return new PrivacyConfig(
        protect,
        target,
        PrivacyConfig.NONE.delta(),
        drawing(protect),
        basis(protect),
        clip(protect));
  }
}
