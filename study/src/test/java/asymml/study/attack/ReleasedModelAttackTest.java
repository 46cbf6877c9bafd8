package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.Engine;
import asymml.analysis.score.Score;
import asymml.model.Graph;
import asymml.session.ResolvedRun;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.study.attack.PlantedStep.Extent;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Membership in finished models of 16 images with labels that say nothing of them: one that has
/// learned them by heart, and one that has learned nothing.
class ReleasedModelAttackTest {
  private static final int MEMBERS = 16;
  private static final int PUBLIC = 16;
  private static final DataSet DATA = PlantedStep.images(MEMBERS, PUBLIC + MEMBERS);

  @TempDir Path folder;

  private int built;
  private int views;

  private final Engine engine =
      (graph, seed) -> {
        built++;
        return new AttackerEngine().build(graph, seed);
      };

  private static TrainingSpec spec(int epochs, float rate) {
    TrainingSpec spec = PlantedStep.spec(8);
    return spec.withMode(Mode.TRUSTED_ONLY)
        .withEpochs(epochs)
        .withTraining(
            spec.training()
                .withMode(Mode.TRUSTED_ONLY)
                .withEpochs(epochs)
                .withAugment(false)
                .withOptimizer(spec.training().optimizer().withLearningRate(rate)));
  }

  private Path trained(TrainingSpec spec) throws Exception {
    Path directory = folder.resolve("run");
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(spec, DATA, null), directory)) {
      session.train();
    }
    return new RunLayout(directory).checkpoint();
  }

  private AttackContext attacked(
      TrainingSpec spec, @Nullable Path model, int known, AttackCache cache) throws Exception {
    // The attack reads nothing of the view.
    Path file = folder.resolve("view" + views++ + ".rec");
    try (PlantedStep step =
        new PlantedStep(spec.withMode(Mode.UNTRUSTED_ONLY), DATA, file)
            .record(input -> input, new Extent(false, false, 0))) {
      AttackContext context = step.context(known, 1);
      new ReleasedModelAttack(engine, context, model, cache).attack();
      return context;
    }
  }

  private static double score(AttackContext context, String measure) {
    return context.scores().stream()
        .filter(score -> score.measure().equals(measure))
        .mapToDouble(Score::value)
        .findFirst()
        .orElseThrow(() -> new AssertionError(measure + " is not in " + context.scores()));
  }

  private static List<String> notes(AttackContext context) {
    return context.notes().stream().map(AttackNote::toString).toList();
  }

  @Test
  void members_that_were_learned_by_heart_are_told() throws Exception {
    TrainingSpec spec = spec(40, 0.05f);
    AttackContext found = attacked(spec, trained(spec), PUBLIC, new AttackCache());
    assertThat(score(found, "AUC, loss threshold")).isGreaterThan(0.85);
    assertThat(score(found, "AUC, shadow models")).isGreaterThan(0.7);
    assertThat(found.scores())
        .allSatisfy(score -> {
          assertThat(score.layer()).isEqualTo("model");
          assertThat(score.chance()).isEqualTo(0.5);
          assertThat(score.best()).isEqualTo(1);
        });
    assertThat(AttackVerdict.of(found.scores()))
        .contains("members of the training set by released-membership (model, AUC, ");
  }

  /// 16 members and 16 others: an AUC of chance has deviation 0.103, and 0.45 is beyond four.
  @Test
  void members_of_a_model_that_learned_nothing_are_a_guess() throws Exception {
    TrainingSpec spec = spec(1, 1e-9f);
    AttackContext found = attacked(spec, trained(spec), PUBLIC, new AttackCache());
    assertThat(score(found, "AUC, loss threshold")).isCloseTo(0.5, within(0.45));
    assertThat(score(found, "AUC, shadow models")).isCloseTo(0.5, within(0.45));
  }

  @Test
  void shadows_are_trained_once_for_all_plans_of_a_suite() throws Exception {
    TrainingSpec spec = spec(1, 0.01f);
    Path model = trained(spec);
    AttackCache cache = new AttackCache();
    attacked(spec, model, PUBLIC, cache);
    assertThat(built).isEqualTo(1 + 4);
    attacked(spec, model, PUBLIC, cache);
    assertThat(built).isEqualTo(2 * 1 + 4);
  }

  @Test
  void other_epochs_have_other_shadows() throws Exception {
    TrainingSpec spec = spec(1, 0.01f);
    Path model = trained(spec);
    AttackCache cache = new AttackCache();
    attacked(spec, model, PUBLIC, cache);
    attacked(spec.withEpochs(2), model, PUBLIC, cache);
    assertThat(built).isEqualTo(2 * (1 + 4));
  }

  @Test
  void without_a_model_there_is_nothing_to_attack() throws Exception {
    AttackContext found = attacked(spec(1, 0.01f), null, PUBLIC, new AttackCache());
    assertThat(found.scores()).isEmpty();
    assertThat(notes(found))
        .containsExactly(
            "not applied: released-membership, all layers: there is no released model");
    assertThat(built).isZero();
  }

  @Test
  void as_many_others_as_members_are_needed() throws Exception {
    TrainingSpec spec = spec(1, 0.01f);
    AttackContext found = attacked(spec, trained(spec), PUBLIC + 1, new AttackCache());
    assertThat(notes(found))
        .containsExactly(
            "not applied: released-membership, all layers: shadows are trained on runs of at most"
                + " 256 images");
  }

  @Test
  void a_damaged_checkpoint_is_named_in_one_line() throws Exception {
    Path damaged = Files.writeString(folder.resolve("model.safetensors"), "no checkpoint");
    assertThatThrownBy(() -> attacked(spec(1, 0.01f), damaged, PUBLIC, new AttackCache()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("model.safetensors")
        .hasMessageNotContaining("\n");
  }

  @Test
  void the_engine_of_the_attacker_is_given_the_released_graph() throws Exception {
    Graph[] seen = new Graph[1];
    TrainingSpec spec = spec(1, 0.01f);
    Path model = trained(spec);
    try (PlantedStep step =
        new PlantedStep(spec.withMode(Mode.UNTRUSTED_ONLY), DATA, folder.resolve("own.rec"))
            .record(input -> input, new Extent(false, false, 0))) {
      Engine noting =
          (graph, seed) -> {
            seen[0] = seen[0] == null ? graph : seen[0];
            return new AttackerEngine().build(graph, seed);
          };
      new ReleasedModelAttack(noting, step.context(PUBLIC, 1), model, new AttackCache()).attack();
    }
    assertThat(seen[0].nodes()).hasSameSizeAs(step(spec).nodes());
    assertThat(seen[0].name()).isEqualTo("cnn");
  }

  private static Graph step(TrainingSpec spec) {
    return ResolvedRun.of(spec, DATA, null).graph();
  }
}
