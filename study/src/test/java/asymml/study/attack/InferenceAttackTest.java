package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.analysis.score.Score;
import asymml.session.InferenceSpec;
import asymml.session.ResolvedRun;
import asymml.session.TrainedRun;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.study.StudyException;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A trained network that runs with real workers, one of which records.
class InferenceAttackTest {
  private static final int BATCH = 24;
  private static final AttackSettings SETTINGS = new AttackSettings(2, 1, 72, 1);

  private static final TrainingSpec SPEC =
      TrainingSpec.defaults().withLimits(48, 2 * BATCH + 72).withBatchSize(16).withThreads(1);

  @TempDir static Path folder;

  private static DataSet data;

  @BeforeAll
  static void train() throws Exception {
    data = SPEC.data().open(SPEC.training().seed(), (_, _, _) -> {});
    TrainingSpec trusted = SPEC.withMode(Mode.TRUSTED_ONLY).withEpochs(1);
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(trusted, data, null), folder.resolve("run"))) {
      session.train();
    }
  }

  private static AttackReport attack(TrainingSpec split) throws Exception {
    try (TrainedRun run = TrainedRun.open(folder.resolve("run"))) {
      return InferenceAttack.run(
          run, InferenceSpec.of(split.withBatchSize(BATCH)), data.test(), SETTINGS);
    }
  }

  private static List<Score> of(AttackReport report, AttackName name, String measure) {
    return report.scores().stream()
        .filter(s -> s.attack().equals(name.label()) && s.measure().contains(measure))
        .toList();
  }

  @Test
  void without_noise_the_basis_and_the_images_of_the_batch_are_found() throws Exception {
    AttackReport report =
        attack(SPEC.withNoise(new NoiseStrength.None()).withRank(RankPolicy.parse("1/4")));
    assertThat(of(report, AttackName.SUBSPACE, "cosine"))
        .isNotEmpty()
        .allSatisfy(score -> assertThat(score.value()).isGreaterThan(0.95));
    assertThat(of(report, AttackName.MEMBERSHIP, "AUC"))
        .hasSize(2)
        .allSatisfy(score -> assertThat(score.value()).isGreaterThan(0.95));
    assertThat(of(report, AttackName.MODEL_INVERSION, "")).hasSize(3);
    assertThat(report.verdict()).contains("subspace", "membership");
  }

  @Test
  void masks_hide_both() throws Exception {
    AttackReport report = attack(SPEC.withShield(new Shield.Shares(1)));
    assertThat(of(report, AttackName.SUBSPACE, "cosine")).isEmpty();
    assertThat(report.notes()).anyMatch(note -> note.why().contains("nothing is withheld"));
    // Of 24 and 24 candidates, chance has a standard error of 0.08.
    assertThat(of(report, AttackName.MEMBERSHIP, "AUC"))
        .hasSize(2)
        .allSatisfy(score -> assertThat(score.value()).isBetween(0.1, 0.9));
    assertThat(of(report, AttackName.MODEL_INVERSION, "cosine"))
        .singleElement()
        .satisfies(score -> assertThat(score.value()).isLessThan(0.3));
  }

  @Test
  void what_cannot_be_attacked_is_told() {
    assertThatThrownBy(() -> attack(SPEC.withRank(RankPolicy.parse("energy:0.1"))))
        .isInstanceOf(StudyException.class)
        .hasMessageContaining("energy");
    assertThatThrownBy(
            () -> {
              try (TrainedRun run = TrainedRun.open(folder.resolve("run"))) {
                InferenceAttack.run(
                    run, InferenceSpec.of(SPEC.withBatchSize(60)), data.test(), SETTINGS);
              }
            })
        .isInstanceOf(StudyException.class)
        .hasMessageContaining("120 test images are too few");
  }
}
