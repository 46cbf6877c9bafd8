package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.score.Score;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.session.TrainingSpec;
import asymml.study.StudyException;
import asymml.trusted.data.DataSet;
import java.nio.file.Path;
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

  @Test
  void the_run_tells_which_image_had_which_place() {
    assertThat(run.drawn())
        .hasSize(IMAGES)
        .containsExactlyInAnyOrderElementsOf(IntStream.range(0, IMAGES).boxed().toList());
  }

  /// The area under the curve of 32 members and 32 others has a standard error of 0.073: the
  /// tolerance is four of them, exceeded by chance with a probability of 6e-5. Cosines are over
  /// thousands of values.
  @Test
  void attacks_on_what_is_under_masks_stay_at_chance() throws Exception {
    AttackReport report = attack(run.drawn());
    assertThat(report.scores()).extracting(Score::attack).contains("mask", "membership");
    for (Score score : report.scores()) {
      if (score.measure().equals("norm correlation")) {
        continue; // of 64 numbers: its standard error is 0.13
      }
      double tolerance = score.measure().equals("AUC") ? 0.58 : 0.1;
      assertThat(score.value())
          .as(score.toString())
          .isCloseTo(score.chance(), within(tolerance * (score.best() - score.chance())));
    }
  }

  @Test
  void without_the_draw_it_cannot_be_scored() {
    assertThatThrownBy(() -> attack(List.of()))
        .isInstanceOf(StudyException.class)
        .hasMessageContaining("Poisson sampling from an unpredictable generator");
  }
}
