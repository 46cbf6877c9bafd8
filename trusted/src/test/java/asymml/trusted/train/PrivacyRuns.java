package asymml.trusted.train;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A run that is accounted for and breaks no rule, changed one setting at a time.
record PrivacyRuns(
    Zoo.Norm norm,
    Mode mode,
    Decomposition decomposition,
    RankPolicy rank,
    NoiseStrength noise,
    int epochs,
    PrivacyConfig privacy) {
  static final Shape SHAPE = new Shape(8, 8, 3);
  static final int EXAMPLES = 1000;
  static final int BATCH = 50;
  static final Set<Channel> ALL = Set.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS);

  static PrivacyRuns clean() {
    return new PrivacyRuns(
        Zoo.Norm.GROUP,
        Mode.ASYMML,
        Decomposition.SHARED,
        RankPolicy.parse("1/8"),
        new NoiseStrength.Multiplier(1),
        2,
        protecting(ALL, null, Drawing.POISSON, Basis.PUBLIC));
  }

  static PrivacyConfig protecting(
      Set<Channel> channels, @Nullable Double target, Drawing drawing, Basis basis) {
    return new PrivacyConfig(
        channels,
        target == null ? null : new Epsilon(target),
        new Delta(1e-5),
        drawing,
        basis,
        new Clip.Public());
  }

  PrivacyRuns with(Zoo.Norm other) {
    return new PrivacyRuns(other, mode, decomposition, rank, noise, epochs, privacy);
  }

  PrivacyRuns with(Mode other) {
    return new PrivacyRuns(norm, other, decomposition, rank, noise, epochs, privacy);
  }

  PrivacyRuns with(Decomposition other) {
    return new PrivacyRuns(norm, mode, other, rank, noise, epochs, privacy);
  }

  PrivacyRuns withRank(String other) {
    return new PrivacyRuns(
        norm, mode, decomposition, RankPolicy.parse(other), noise, epochs, privacy);
  }

  PrivacyRuns with(NoiseStrength other) {
    return new PrivacyRuns(norm, mode, decomposition, rank, other, epochs, privacy);
  }

  PrivacyRuns withEpochs(int other) {
    return new PrivacyRuns(norm, mode, decomposition, rank, noise, other, privacy);
  }

  PrivacyRuns with(PrivacyConfig other) {
    return new PrivacyRuns(norm, mode, decomposition, rank, noise, epochs, other);
  }

  PrivacyRuns with(Clip clip) {
    return with(
        new PrivacyConfig(
            privacy.protect(),
            privacy.target(),
            privacy.delta(),
            privacy.drawing(),
            privacy.basis(),
            clip));
  }

  PrivacyRuns with(Basis basis) {
    return with(
        new PrivacyConfig(
            privacy.protect(),
            privacy.target(),
            privacy.delta(),
            privacy.drawing(),
            basis,
            privacy.clip()));
  }

  PrivacyRuns with(Delta delta) {
    return with(
        new PrivacyConfig(
            privacy.protect(),
            privacy.target(),
            delta,
            privacy.drawing(),
            privacy.basis(),
            privacy.clip()));
  }

  TrainConfig config() {
    return new TrainConfig(
        "cnn",
        norm,
        mode,
        decomposition,
        rank,
        List.of(Plan.FIRST),
        noise,
        new NoiseStrength.None(),
        epochs,
        BATCH,
        TinyRuns.optimizer(0.05f),
        0,
        false,
        7,
        privacy,
        new Shield.Residual());
  }

  Graph graph() {
    return Zoo.build("cnn", SHAPE, 10, norm);
  }

  Plan plan() {
    return Plan.of(graph(), mode, decomposition, rank, List.of(Plan.FIRST));
  }
}
