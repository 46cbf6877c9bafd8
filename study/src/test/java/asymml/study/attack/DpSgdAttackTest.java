package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.score.Score;
import asymml.model.Graph;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.session.TrainingSpec;
import asymml.study.StudyException;
import asymml.trusted.data.DataSet;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.train.FirstStep;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the worker with masked values sees of a run with DP-SGD, attacked by all that needs no
/// training. The draw and the noise cannot be seeded.
class DpSgdAttackTest {
  private static final int IMAGES = 128;
  private static final int BATCH = 64;
  private static final AttackSettings SETTINGS = new AttackSettings(4, 1024, 32, 1);

  @TempDir static Path folder;

  private static DataSet data;
  private static TrainingSpec spec;
  private static RecordedRun run;

  @BeforeAll
  static void record() throws Exception {
    data =
        DataSpec.of("generated")
            .withLimits(new Limit(IMAGES), new Limit(128))
            .open(1, (_, _, _) -> {});
    SuitePlan plan = SuitePlan.named(List.of("dp-sgd-values")).getFirst();
    spec = plan.change().apply(TrainingSpec.defaults().withBatchSize(BATCH).withEpochs(2));
    run = RecordedRun.of(spec, plan.view(), data, folder.resolve("run"));
  }

  private static AttackReport attack(List<Integer> drawn) throws Exception {
    return RecordingAttack.run(
        new AttackTarget(run.recording(), run.layout(), spec.training(), data, drawn),
        EnumSet.of(
            AttackName.GRADIENT_SOLVE,
            AttackName.MASK,
            AttackName.IMAGE,
            AttackName.SUBSPACE,
            AttackName.MEMBERSHIP),
        SETTINGS);
  }

  /// Steps draw on their own: an image of the first may be in the second again, and places be
  /// empty.
  @Test
  void candidates_that_were_not_in_the_batch_are_no_members_of_it() {
    List<Integer> drawn = new ArrayList<>(IntStream.range(0, BATCH).boxed().toList());
    drawn.addAll(List.of(3, -1, BATCH + 5, BATCH + 5, 0, BATCH + 7));
    try (FirstStep step = new FirstStep(spec.training(), data, drawn);
        LayerPass pass = step.candidates()) {
      int size = step.images().length(1) * step.images().length(2) * step.images().length(3);
      float[] members = step.images().toArray();
      float[] mixed = pass.output(Graph.INPUT).toArray();
      assertThat(pass.output(Graph.INPUT).length(0)).isEqualTo(4);
      assertThat(Arrays.copyOf(mixed, 2 * size)).isEqualTo(Arrays.copyOf(members, 2 * size));
      for (int i = 2; i < 4; i++) {
        float[] other = Arrays.copyOfRange(mixed, i * size, (i + 1) * size);
        for (int m = 0; m < BATCH; m++) {
          assertThat(Arrays.equals(other, 0, size, members, m * size, (m + 1) * size)).isFalse();
        }
      }
    }
  }

  @Test
  void the_run_tells_which_image_had_which_place() {
    assertThat(run.drawn())
        .hasSize(IMAGES)
        .containsExactlyInAnyOrderElementsOf(IntStream.range(0, IMAGES).boxed().toList());
  }

  /// The tolerance is 4.5 standard deviations of guesses, exceeded by chance with a probability of
  /// 7e-6 a score. Where they are not known, values are means over thousands.
  @Test
  void attacks_on_what_is_under_masks_stay_at_chance() throws Exception {
    AttackReport report = attack(run.drawn());
    assertThat(report.scores()).extracting(Score::attack).contains("mask", "membership");
    for (Score score : report.scores()) {
      double tolerance =
          score.deviation() > 0 ? 4.5 * score.deviation() : 0.1 * (score.best() - score.chance());
      assertThat(score.value()).as(score.toString()).isCloseTo(score.chance(), within(tolerance));
    }
  }

  @Test
  void without_the_draw_it_cannot_be_scored() {
    assertThatThrownBy(() -> attack(List.of()))
        .isInstanceOf(StudyException.class)
        .hasMessageContaining("Poisson sampling from an unpredictable generator");
  }
}
