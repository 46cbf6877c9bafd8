package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.session.Settings;
import asymml.session.TrainedRun;
import asymml.session.TrainingSpec;
import asymml.study.PlantedModel;
import asymml.study.StudyException;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.train.TrainListener;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Runs whose ledger the test wrote, so that what they claim is known.
class PrivacyAuditTest {
  @TempDir Path folder;

  private static TrainingSpec dpSgd() {
    return Settings.parse(
            "run.yaml",
            """
            dp-sgd: true
            mode: trusted-only
            model: cnn
            noise-multiplier: 1
            batch-size: 128
            threads: 1
            """)
        .spec();
  }

  private TrainedRun run(TrainingSpec spec) throws Exception {
    return PlantedModel.open(folder.resolve("run"), spec, Map.of());
  }

  /// The model's 21 steps, each on all of 16 images.
  private static void claim(TrainedRun run, Release.Mechanism mechanism) throws Exception {
    Release sums = new Release(Channel.WEIGHTS, "all parameters", 1000, mechanism);
    LedgerFile.write(
        run.layout().ledger(),
        new Ledger(
            new Sampling.Shuffled(16, 16),
            new Delta(1e-5),
            List.of(new Ledger.Entry(List.of(sums), 21)),
            0));
  }

  private static AuditReport audit(TrainedRun run) throws Exception {
    return PrivacyAudit.ofSteps(1).of(run, TrainListener.NONE);
  }

  /// 21 Gaussian releases of z = 1 are one of z = 1 / sqrt(21), which has epsilon 29.3398 at delta
  /// 1e-5 (Balle and Wang, theorem 8). The bound of 1024 canaries lies some tenths below mu = 1.
  @Test
  void a_claim_is_that_of_the_ledger_and_stands_beside_what_its_steps_show() throws Exception {
    try (TrainedRun run = run(dpSgd())) {
      claim(run, new Release.Gaussian(new ClipNorm(1), new NoiseMultiplier(1)));
      AuditReport report = audit(run);
      assertThat(report.noiseMultiplier()).isEqualTo(1);
      assertThat(report.epsilon()).isBetween(29.339, 29.345);
      assertThat(report.delta()).isEqualTo(1e-5);
      assertThat(report.training()).isNull();
      assertThat(report.steps())
          .singleElement()
          .satisfies(view -> {
            assertThat(view.claimed()).isEqualTo(1);
            assertThat(view.found().canaries()).isEqualTo(1024);
            assertThat(view.found().confidence()).isEqualTo(0.95);
            assertThat(view.found().lower()).isBetween(0.3, 1.5);
          });
    }
  }

  @Test
  void a_run_without_dp_sgd_cannot_be_audited() throws Exception {
    try (TrainedRun run = run(TrainingSpec.defaults())) {
      assertThatThrownBy(() -> audit(run))
          .isInstanceOf(StudyException.class)
          .hasMessage(
              folder.resolve("run")
                  + " was not trained with --dp-sgd: only runs with DP-SGD can be audited");
    }
  }

  /// It was trained with DP-SGD: another reason must be given.
  @Test
  void a_run_whose_ledger_is_gone_claims_nothing() throws Exception {
    try (TrainedRun run = run(dpSgd())) {
      assertThatThrownBy(() -> audit(run))
          .isInstanceOf(StudyException.class)
          .hasMessage(
              folder.resolve("run")
                  + " has no ledger.json: nothing is claimed that could be audited");
    }
  }

  @Test
  void a_ledger_without_noised_sums_is_of_no_such_run() throws Exception {
    try (TrainedRun run = run(dpSgd())) {
      claim(run, new Release.Uncovered("sent unprotected"));
      assertThatThrownBy(() -> audit(run))
          .isInstanceOf(StudyException.class)
          .hasMessage("the ledger of the run has no noised gradients");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1})
  void an_audit_makes_a_step(int steps) {
    assertThatThrownBy(() -> PrivacyAudit.ofSteps(steps))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("steps must be at least 1: " + steps);
  }
}
