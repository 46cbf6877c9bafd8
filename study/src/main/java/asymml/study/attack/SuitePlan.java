package asymml.study.attack;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.session.TrainingSpec;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.PrivacyConfig;
import java.util.Collection;
import java.util.List;
import java.util.function.UnaryOperator;

/// One way to train that a suite attacks.
///
/// @param name of letters, digits, points and dashes, for files
/// @param words what it is
/// @param change what it changes of the suite's other runs
/// @param view of which worker, where there are two: 0 for the one with masked values, 1 for the
///   one with the masks
public record SuitePlan(String name, String words, UnaryOperator<TrainingSpec> change, int view) {
  /// For a gradient of norm 1 at most.
  private static final float DP_SGD_RATE = 0.05f;

  private SuitePlan(String name, String words, UnaryOperator<TrainingSpec> change) {
    this(name, words, change, 0);
  }

  /// The default, one without protection, and changes to the default one at a time.
  ///
  /// @return in the order of tables
  public static List<SuitePlan> all() {
    return List.of(
        new SuitePlan(
            "unprotected",
            "all layers at the worker, exact inputs, weights and gradients: no privacy",
            spec -> spec.withMode(Mode.UNTRUSTED_ONLY)),
        new SuitePlan(
            "base",
            "the default: rank 1/8, noise 0.1 of the residual, first and last layer trusted,"
                + " gradients exact",
            UnaryOperator.identity()),
        new SuitePlan(
            "nothing-trusted",
            "as base, but first and last layer split like the others",
            spec -> spec.withTrustedLayers(List.of())),
        new SuitePlan(
            "noise-0", "as base, without noise", spec -> spec.withNoise(new NoiseStrength.None())),
        noise("0.3", "as base, noise 0.3 of the residual"),
        noise("1", "as base, noise as large as the residual"),
        noise("3", "as base, noise 3 times the residual"),
        rank("1/16"),
        rank("1/4"),
        new SuitePlan(
            "update-worker",
            "as base, but the worker updates the weights of split layers: it receives bases and the"
                + " trusted part of each weight gradient",
            spec -> spec.withTraining(spec.training().withUpdate(Update.WORKER))),
        new SuitePlan(
            "gradients-noised",
            "as base, noise 0.3 of residuals and of output gradients; with the group norm, the"
                + " public bounds and bases that this needs",
            spec ->
                spec.withNorm(Zoo.Norm.GROUP)
                    .withProtection(null, Channel.GRADIENTS)
                    .withNoise(new NoiseStrength.Ratio(0.3))),
        shares(
            "shares-values",
            "two workers, masks with noise multiplier 10, group norm: what the worker with masked"
                + " values sees",
            0),
        shares("shares-masks", "the same: what the worker with the masks sees", 1),
        dpSgd(
            "dp-sgd-values",
            "two workers, DP-SGD with noise multiplier 1.2228 and all images in every step, group"
                + " norm: what the worker with masked values sees",
            0),
        dpSgd("dp-sgd-masks", "the same: what the worker with the masks sees", 1));
  }

  /// Some of [#all].
  ///
  /// @param names which
  /// @return in the order of tables
  /// @throws IllegalArgumentException if a name is none of a plan
  public static List<SuitePlan> named(Collection<String> names) {
    List<SuitePlan> all = all();
    List<String> known = all.stream().map(SuitePlan::name).toList();
    for (String name : names) {
      if (!known.contains(name)) {
        throw new IllegalArgumentException(
            "'%s' is none of %s".formatted(name, String.join(", ", known)));
      }
    }
    return all.stream().filter(plan -> names.contains(plan.name())).toList();
  }

  private static SuitePlan shares(String name, String words, int view) {
    return new SuitePlan(
        name,
        words,
        spec ->
            spec.withNorm(Zoo.Norm.GROUP)
                .withShield(new Shield.Shares(1))
                .withNoise(new NoiseStrength.Multiplier(10)),
        view);
  }

  /// All images take part in every step: sampling hides nothing.
  private static SuitePlan dpSgd(String name, String words, int view) {
    DpSgd all = DpSgd.DEFAULT;
    PrivacyConfig privacy =
        PrivacyConfig.of(
            new DpSgd(
                AttackTarget.CANDIDATES,
                all.maxGradNorm(),
                all.weightAverage(),
                all.masksShare(),
                all.memoryBytes()),
            null,
            PrivacyConfig.NONE.delta());
    return new SuitePlan(
        name,
        words,
        spec ->
            spec.withNorm(Zoo.Norm.GROUP)
                .withPrivacy(privacy)
                .withShield(new Shield.Shares(1))
                .withOptimizer(spec.training().optimizer().withLearningRate(DP_SGD_RATE))
                .withNoise(new NoiseStrength.Multiplier(1.2228)),
        view);
  }

  private static SuitePlan rank(String share) {
    return new SuitePlan(
        "rank-" + share.replace('/', '-'),
        "as base, rank " + share,
        spec -> spec.withRank(RankPolicy.parse(share)));
  }

  private static SuitePlan noise(String ratio, String words) {
    return new SuitePlan(
        "noise-" + ratio,
        words,
        spec -> spec.withNoise(new NoiseStrength.Ratio(Double.parseDouble(ratio))));
  }
}
