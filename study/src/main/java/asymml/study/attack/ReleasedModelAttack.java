package asymml.study.attack;

import asymml.analysis.Engine;
import asymml.analysis.Maps;
import asymml.analysis.ReleasedMembership;
import asymml.analysis.ReleasedMembership.Shadow;
import asymml.analysis.score.ChanceDeviation;
import asymml.analysis.score.Score;
import asymml.analysis.score.SpanScores;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Tells from a finished model who was trained on, by shadow models.
final class ReleasedModelAttack {
  private static final int SHADOWS = 4;
  private static final String ALL = "all layers";

  private final Engine engine;
  private final AttackContext context;
  private final @Nullable Path model;
  private final AttackCache cache;

  /// @param engine who computes
  /// @param context what is attacked, and where scores go
  /// @param model the run's checkpoint; null if there is none
  /// @param cache from plan to plan
  ReleasedModelAttack(
      Engine engine, AttackContext context, @Nullable Path model, AttackCache cache) {
    this.engine = engine;
    this.context = context;
    this.model = model;
    this.cache = cache;
  }

  /// Attacks.
  ///
  /// @throws IOException if the checkpoint cannot be read
  void attack() throws IOException {
    AttackName name = AttackName.RELEASED_MEMBERSHIP;
    int members =
        Math.min(
            context.data().train().size(), context.data().test().size() - context.publicImages());
    if (model == null) {
      context.note(name, ALL, "there is no released model");
      return;
    }
    if (members < context.data().train().size()) {
      context.note(
          name,
          ALL,
          "shadows are trained on runs of at most %s images".formatted(AttackTarget.CANDIDATES));
      return;
    }
    if (context.config().optimizer().algorithm() != TrainConfig.Algorithm.SGD) {
      context.note(name, ALL, "shadows are trained by SGD, and the run was not");
      return;
    }
    Maps candidates = context.candidates(members);
    int[] labels = context.candidateLabels(members);
    double[] confidence;
    try (TrainedModel released = TrainedModel.read(model)) {
      Map<String, float[]> parameters = new LinkedHashMap<>();
      released
          .parameters()
          .all()
          .forEach(p -> parameters.put(p.name(), released.parameters().value(p.name()).toArray()));
      try (Engine.Net net = ReleasedMembership.load(engine, released.graph(), parameters)) {
        confidence =
            ReleasedMembership.confidence(net, candidates, labels, context.config().batchSize());
      }
    }
    List<Shadow> shadows = shadows(candidates, labels, members);
    released("AUC, shadow models", ReleasedMembership.scores(confidence, shadows), members);
    released("AUC, loss threshold", confidence, members);
  }

  private void released(String measure, double[] scores, int members) {
    double auc =
        SpanScores.auc(
            Arrays.copyOf(scores, members), Arrays.copyOfRange(scores, members, scores.length));
    context.add(
        new Score(
            AttackName.RELEASED_MEMBERSHIP.label(),
            "model",
            measure,
            auc,
            0.5,
            1,
            ChanceDeviation.auc(members, scores.length - members)));
  }

  private List<Shadow> shadows(Maps candidates, int[] labels, int members) {
    TrainConfig config = context.config();
    List<Object> key =
        List.of(
            context.truth().graph().name(),
            config.norm(),
            config.epochs(),
            config.batchSize(),
            config.optimizer(),
            Arrays.hashCode(candidates.values()));
    return cache.shadows(
        key,
        () -> {
          int steps = Math.ceilDiv(members, config.batchSize()) * config.epochs();
          ReleasedMembership.Training training =
              new ReleasedMembership.Training(
                  config.batchSize(),
                  config.epochs(),
                  context.truth().learningRates(steps),
                  config.optimizer().momentum(),
                  config.optimizer().weightDecay());
          // Shadows are trained without augmentation, whatever the run did.
          return ReleasedMembership.shadows(
              engine,
              context.truth().graph(),
              candidates,
              labels,
              SHADOWS,
              training,
              config.seed());
        });
  }
}
