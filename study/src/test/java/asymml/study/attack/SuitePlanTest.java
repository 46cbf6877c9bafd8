package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.session.ResolvedRun;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.TrainConfig;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SuitePlanTest {
  private static final TrainingSpec COMMON = SuiteSpec.runs("generated", "cnn", 32, 2, 7);

  private static DataSet data;

  @BeforeAll
  static void open() throws Exception {
    data =
        DataSpec.of("generated").withLimits(new Limit(32), new Limit(24)).open(7, (_, _, _) -> {});
  }

  static List<SuitePlan> plans() {
    return SuitePlan.all();
  }

  private static TrainingSpec run(String name) {
    return SuitePlan.named(List.of(name)).getFirst().change().apply(COMMON);
  }

  /// A run that could not begin would stop a suite after an hour.
  @ParameterizedTest
  @MethodSource("plans")
  void the_run_of_every_plan_goes_with_the_suites_images_and_has_a_worker(SuitePlan plan) {
    ResolvedRun run = RecordedRun.resolved(plan.change().apply(COMMON), data);
    assertThat(run.needsWorker()).isTrue();
    assertThat(run.data().train().digest()).isEqualTo(data.train().digest());
  }

  /// Bounds and bases of a run that is accounted for come from images that are none of its own.
  @Test
  void the_test_images_are_public_and_no_run_is_tested_on_them() {
    ResolvedRun run = RecordedRun.resolved(run("gradients-noised"), data);
    ImageSet publicImages = Objects.requireNonNull(run.publicImages());
    assertThat(publicImages.digest()).isEqualTo(data.test().digest());
    assertThat(publicImages.sharedWith(run.data().train(), run.data().test())).isZero();
  }

  /// A run is told by its settings alone.
  @ParameterizedTest
  @MethodSource("plans")
  void the_settings_of_every_plan_are_read_as_they_are_written(SuitePlan plan) {
    TrainingSpec spec = plan.change().apply(COMMON);
    assertThat(Settings.parse("run.yaml", Settings.of(spec).yaml()).spec()).isEqualTo(spec);
  }

  @ParameterizedTest
  @MethodSource("plans")
  void what_a_suite_is_known_by_is_the_same_in_every_plan(SuitePlan plan) {
    Settings shared = Settings.of(COMMON);
    Settings own = Settings.of(plan.change().apply(COMMON));
    for (String key : List.of("data", "model", "limit-train", "epochs", "batch-size", "seed")) {
      assertThat(own.text(key)).isEqualTo(shared.text(key));
    }
    assertThat(plan.view()).isBetween(0, own.text("shield").startsWith("shares") ? 1 : 0);
  }

  @Test
  void plans_are_found_by_name_in_the_order_of_tables_and_each_once() {
    assertThat(SuitePlan.named(List.of("dp-sgd-masks", "base", "unprotected", "base")))
        .extracting(SuitePlan::name)
        .containsExactly("unprotected", "base", "dp-sgd-masks");
    assertThat(SuitePlan.named(Set.of())).isEmpty();
  }

  @Test
  void a_name_of_no_plan_is_told_with_those_that_there_are() {
    assertThatThrownBy(() -> SuitePlan.named(List.of("base", "noise-2")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("'noise-2' is none of unprotected, base, nothing-trusted, noise-0")
        .hasMessageEndingWith("shares-values, shares-masks, dp-sgd-values, dp-sgd-masks");
  }

  @Test
  void nothing_is_hidden_where_nothing_is_protected() {
    assertThat(RecordedRun.resolved(run("unprotected"), data).plan().layers().values())
        .isNotEmpty()
        .allMatch(Placement.Untrusted.class::isInstance);
  }

  /// Sampling would hide something: all of at most 256 images are in every step.
  @Test
  void dp_sgd_is_not_helped_by_sampling() {
    TrainConfig config = run("dp-sgd-values").training();
    DpSgd dpSgd = Objects.requireNonNull(config.privacy().dpSgd());
    assertThat(dpSgd.logicalBatchSize()).isEqualTo(256);
    assertThat(dpSgd.maxGradNorm()).isEqualTo(DpSgd.DEFAULT.maxGradNorm());
    assertThat(config.privacy().protect())
        .contains(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS);
    assertThat(config.noise()).isEqualTo(new NoiseStrength.Multiplier(1.2228));
    assertThat(config.norm()).isEqualTo(Zoo.Norm.GROUP);
    assertThat(config.shield()).isEqualTo(new Shield.Shares(1));
    assertThat(run("dp-sgd-masks").training()).isEqualTo(config);
  }

  /// What a plan says of itself stands in the report.
  @Test
  void figures_in_words_are_those_of_the_run() {
    for (SuitePlan plan : SuitePlan.all()) {
      switch (plan.change().apply(COMMON).training().noise()) {
        case NoiseStrength.Ratio(double ratio) when plan.name().startsWith("noise-") ->
            assertThat(plan.words())
                .contains(ratio == 1 ? "as large as" : ratio == 3 ? "3" : "0.3");
        case NoiseStrength.Multiplier(double z) when plan.view() == 0 ->
            assertThat(plan.words())
                .contains("noise multiplier " + (z == 10 ? "10" : String.valueOf(z)));
        default -> assertThat(plan.words()).isNotBlank();
      }
    }
  }
}
