package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.WorkerView;
import asymml.analysis.score.Score;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.Release;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.session.TrainingSpec;
import asymml.study.StudyException;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunFile;
import asymml.trusted.train.FirstStep;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Runs with real workers, recorded and attacked. Seeds are fixed; noise is not, where there is
/// any.
class RecordingAttackTest {
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults().withLimits(48, 320).withBatchSize(16).withEpochs(1);
  private static final AttackSettings SETTINGS = new AttackSettings(4, 1024, 32, 150);
  private static final NoiseStrength NONE = new NoiseStrength.None();

  @TempDir static Path folder;

  private static DataSet data;
  private static AttackTarget open;
  private static AttackReport openReport;

  /// Three steps of 16 images, all layers at the worker, nothing protected.
  @BeforeAll
  static void attack_an_unprotected_run() throws Exception {
    data =
        DataSpec.of("generated").withLimits(new Limit(48), new Limit(320)).open(1, (_, _, _) -> {});
    open = recorded("open", SPEC.withMode(Mode.UNTRUSTED_ONLY));
    openReport = RecordingAttack.run(open, EnumSet.allOf(AttackName.class), SETTINGS);
  }

  private static AttackTarget recorded(String name, TrainingSpec spec) throws Exception {
    RecordedRun run = RecordedRun.of(spec, 0, data, folder.resolve(name));
    return new AttackTarget(run.recording(), run.layout(), spec.training(), data);
  }

  private static AttackReport attack(AttackTarget target, AttackName attack) throws Exception {
    return RecordingAttack.run(target, Set.of(attack), SETTINGS);
  }

  private static double score(AttackReport report, String layer, String measure) {
    return report.scores().stream()
        .filter(s -> s.layer().equals(layer) && s.measure().equals(measure))
        .mapToDouble(Score::value)
        .findFirst()
        .orElseThrow(
            () -> new AssertionError(layer + " " + measure + " is not in " + report.scores()));
  }

  @Test
  void masks_activations_and_norms_of_an_unprotected_run_are_read_off_its_gradients() {
    for (String layer : List.of("conv1", "conv2")) {
      assertThat(score(openReport, layer, "mask accuracy")).isGreaterThan(0.97);
      assertThat(score(openReport, layer, "activation cosine")).isGreaterThan(0.97);
      assertThat(score(openReport, layer, "norm correlation")).isGreaterThan(0.97);
    }
  }

  @Test
  void images_of_an_unprotected_run_come_back() {
    assertThat(score(openReport, "conv1", "norm leak: cosine")).isGreaterThan(0.95);
    assertThat(score(openReport, "conv1", "norm leak: PSNR, dB")).isGreaterThan(22);
    assertThat(score(openReport, "conv1", "mask: cosine")).isGreaterThan(0.7);
    assertThat(score(openReport, "conv1", "norm leak: re-identified")).isEqualTo(1);
  }

  /// 1024 unknowns and 576 equations: a projection, sqrt(576 / 1024) = 0.75 at best.
  @Test
  void a_small_map_of_an_unprotected_run_follows_from_successive_weights() {
    assertThat(score(openReport, "conv3", "cosine, weights + optimiser")).isGreaterThan(0.5);
    assertThat(score(openReport, "conv3", "re-identified, weights + optimiser")).isEqualTo(1);
    assertThat(openReport.notes())
        .contains(
            new AttackNote(
                AttackName.GRADIENT_SOLVE,
                "conv1",
                "16384 unknowns a channel are more than the limit"));
  }

  @Test
  void members_of_an_unprotected_batch_are_told() {
    assertThat(score(openReport, "conv1", "AUC")).isEqualTo(1);
  }

  @Test
  void the_verdict_says_what_was_recovered() {
    assertThat(openReport.verdict())
        .startsWith("recovered: ")
        .contains("activations by mask (conv", "images by image (conv1", "members of the batch");
  }

  @Test
  void the_file_holds_scores_and_what_was_not_applied() throws Exception {
    Path file = folder.resolve("open.json");
    openReport.write(file, open, SETTINGS);
    Map<String, Object> facts = RunFile.read(file);
    assertThat(facts)
        .containsEntry("format", "asymml-attack-1")
        .containsEntry("notice", AttackReport.NOTICE)
        .containsEntry("truth", folder.resolve("open").toString())
        .containsEntry("maxUnknowns", 1024);
    assertThat((List<?>) facts.get("scores")).hasSize(openReport.scores().size());
    assertThat((List<?>) facts.get("notApplied"))
        .hasSize(openReport.notes().size())
        .allMatch(note -> String.valueOf(note).startsWith("not applied: "));
  }

  /// The cap is 16 of 32 channels; fewer directions leave a third of the energy.
  @Test
  void a_rank_that_follows_the_data_is_attacked_as_it_came_out() throws Exception {
    AttackTarget energy =
        recorded("energy", SPEC.withNoise(NONE).withRank(RankPolicy.parse("energy:0.3:1/2")));
    List<Score> scores =
        attack(energy, AttackName.SUBSPACE).scores().stream()
            .filter(score -> score.layer().equals("conv3"))
            .toList();
    assertThat(scores).hasSize(1);
    String measure = scores.getFirst().measure();
    assertThat(Integer.parseInt(measure.substring(measure.indexOf("r=") + 2))).isBetween(1, 15);
    assertThat(scores.getFirst().value()).isGreaterThan(0.99);
  }

  /// The decoder trains on images under noise as strong as the run's.
  @Test
  void noise_that_a_budget_came_to_is_what_the_attacker_takes_it_for() throws Exception {
    TrainingSpec spec =
        SPEC.withNorm(Zoo.Norm.GROUP)
            .withShield(new Shield.Shares(1))
            .withProtection(new Epsilon(8), Channel.GRADIENTS);
    AttackTarget budget = recorded("budget", spec);
    Ledger ledger = LedgerFile.read(budget.run().ledger());
    Release.Gaussian first =
        ledger.entries().getFirst().releases().stream()
            .filter(r -> r.channel() == Channel.RESIDUALS && r.layer().equals("conv2"))
            .map(Release::mechanism)
            .map(Release.Gaussian.class::cast)
            .findFirst()
            .orElseThrow();
    try (WorkerView view = WorkerView.open(budget.recording());
        FirstStep step = new FirstStep(spec.training(), data)) {
      AttackContext context = new AttackContext(view, step, spec.training(), ledger, data, 4, 2);
      int conv2 = context.first().getFirst();
      assertThat(context.architecture().name(conv2)).isEqualTo("conv2");
      assertThat(context.noiseRatio(conv2))
          .isCloseTo(
              first.noiseMultiplier().value() * Math.sqrt(context.sent(conv2).exampleSize()),
              within(1e-9))
          .isGreaterThan(50);
    }
  }

  @Test
  void a_shared_basis_is_read_off_its_residuals() throws Exception {
    AttackTarget split = recorded("split", SPEC.withNoise(NONE));
    assertThat(score(attack(split, AttackName.SUBSPACE), "conv3", "squared cosine of angles, r=4"))
        .isGreaterThan(0.99);
    AttackReport image = attack(split, AttackName.IMAGE);
    assertThat(image.notes())
        .containsExactly(
            new AttackNote(
                AttackName.IMAGE, "all layers", "nothing in this recording for it to work on"));
    assertThat(image.verdict()).isEqualTo("no attack could be applied");
  }

  /// The first layer stays here and noise of a thousand times the residual goes out: the span is no
  /// better than a guess of 4 among 32 directions, whose mean is 0.125 and deviation 0.04. Beyond
  /// 0.45 lies less than one run in a million.
  @Test
  void noise_that_does_not_train_hides_the_span() throws Exception {
    AttackTarget noisy =
        recorded(
            "noisy",
            SPEC.withNoise(new NoiseStrength.Ratio(1000))
                .withOptimizer(SPEC.training().optimizer().withLearningRate(1e-6f)));
    AttackReport report = attack(noisy, AttackName.SUBSPACE);
    assertThat(score(report, "conv3", "squared cosine of angles, r=4")).isLessThan(0.45);
    assertThat(report.verdict()).startsWith("none of the 1 attacks recovered anything");
  }

  /// Nobody tries that many seeds, and the first layer's weights were not sent.
  @Test
  void a_seed_that_nobody_guesses_keeps_the_decoder_from_training() throws Exception {
    AttackTarget secret = recorded("secret", SPEC.withSeed(7263541980L).withNoise(NONE));
    assertThat(attack(secret, AttackName.MODEL_INVERSION).notes())
        .extracting(AttackNote::toString)
        .contains(
            "not applied: model-inversion, conv2: weights of trusted layers are not known: the run's"
                + " seed is none of 0 to 999");
  }

  @Test
  void a_recording_of_another_seed_is_refused_in_one_line() {
    AttackTarget other =
        new AttackTarget(
            open.recording(),
            open.run(),
            SPEC.withMode(Mode.UNTRUSTED_ONLY).withSeed(2).training(),
            data);
    assertThatThrownBy(() -> attack(other, AttackName.MASK))
        .isInstanceOf(StudyException.class)
        .hasMessageContaining("that can be scored: its first weights of conv1 are not those");
  }
}
