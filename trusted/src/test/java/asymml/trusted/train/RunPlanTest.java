package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Closer;
import asymml.model.Initializer;
import asymml.model.Zoo;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.network.Network;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunPlanTest {
  private static final DataSet DATA = TinyRuns.data(11, 5, 1);
  private static final TrainConfig CONFIG =
      TinyRuns.config(3, 4).withNorm(Zoo.Norm.GROUP).withMode(Mode.ASYMML);
  private static final PrivacyConfig ALL =
      PrivacyRuns.protecting(PrivacyRuns.ALL, null, Drawing.SHUFFLE, Basis.PUBLIC);
  private static final TrainConfig ACCOUNTED =
      CONFIG.withNoise(new NoiseStrength.Multiplier(1)).withPrivacy(ALL);

  private static RunPlan run(TrainConfig config) {
    return RunPlan.of(config, DATA);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 11", "4, 4, 3", "10, 10, 2", "11, 11, 1", "12, 11, 1", "1000, 11, 1"})
  void a_batch_has_no_more_examples_than_there_are_and_the_last_one_the_rest(
      int asked, int size, int batches) {
    RunPlan run = run(CONFIG.withBatchSize(asked));
    assertThat(run.batchSize()).isEqualTo(size);
    assertThat(run.batches()).isEqualTo(batches);
    assertThat(run.steps()).isEqualTo(3L * batches);
    assertThat(run.schedule()).isEqualTo(run.config().optimizer().schedule(batches, 3));
  }

  /// The mean of private pixels would be a release of its own.
  @Test
  void a_run_that_is_accounted_for_takes_no_statistics_from_its_images() {
    assertThat(run(CONFIG).normalization()).isEqualTo(DATA.normalization());
    assertThat(run(ACCOUNTED).normalization()).isEqualTo(Normalization.constant(3));
    assertThat(run(ACCOUNTED).description().normalization()).isEqualTo(Normalization.constant(3));
    assertThat(run(ACCOUNTED).identity()).doesNotContainValue(DATA.normalization().toString());
  }

  @Test
  void only_a_run_that_asks_for_it_augments() {
    assertThat(run(CONFIG).augmentation()).isEqualTo(new Augmentation(true, 1));
    assertThat(run(CONFIG.withAugment(false)).augmentation()).isEqualTo(Augmentation.none());
  }

  @Test
  void no_two_epochs_of_runs_with_neighbouring_seeds_share_a_seed() {
    Set<Long> seeds = new HashSet<>();
    int epochs = 0;
    for (long seed = -3; seed <= 3; seed++) {
      RunPlan run = run(CONFIG.withSeed(seed));
      for (int epoch = 1; epoch <= 400; epoch++) {
        seeds.add(run.epochSeed(epoch));
        epochs++;
      }
    }
    assertThat(seeds).hasSize(epochs);
  }

  /// What a run computes or releases, changed one by one; each has to make it another run.
  private static Map<String, RunPlan> others() {
    TrainConfig c = ACCOUNTED;
    Map<String, RunPlan> runs = new LinkedHashMap<>();
    runs.put("model", run(c.withModel("resnet20")));
    runs.put("norm", run(c.withNorm(Zoo.Norm.BATCH)));
    runs.put("mode", run(c.withMode(Mode.DP_ONLY)));
    runs.put("decomposition", run(c.withDecomposition(Decomposition.PER_EXAMPLE)));
    runs.put("rank", run(c.withRank(RankPolicy.parse("3"))));
    runs.put("rank of one layer", run(c.withRank(RankPolicy.parse("layers:2:2:4:7"))));
    runs.put("trusted layers", run(c.withTrustedLayers(List.of(Plan.LAST))));
    runs.put("noise", run(c.withNoise(new NoiseStrength.Multiplier(1.0000001))));
    runs.put("kind of noise", run(c.withNoise(new NoiseStrength.Ratio(1))));
    runs.put("epochs", run(c.withEpochs(4)));
    runs.put("batch size", run(c.withBatchSize(5)));
    runs.put("learning rate", run(c.withOptimizer(c.optimizer().withLearningRate(0.06f))));
    runs.put("label smoothing", run(c.withLabelSmoothing(0.2f)));
    runs.put("augmentation", run(c.withAugment(false)));
    runs.put("seed", run(c.withSeed(8)));
    runs.put("shield", run(c.withShield(new Shield.Shares(1))));
    runs.put("positions", run(c.withShield(new Shield.Shares(0.5))));
    runs.put("no privacy", run(c.withPrivacy(PrivacyConfig.NONE)));
    runs.put(
        "gradient noise",
        run(c.withPrivacy(PrivacyConfig.NONE).withGradientNoise(new NoiseStrength.Ratio(0.1))));
    runs.put(
        "target",
        run(
            c.withPrivacy(
                PrivacyRuns.protecting(PrivacyRuns.ALL, 3.0, Drawing.SHUFFLE, Basis.PUBLIC))));
    runs.put(
        "sampling",
        run(
            c.withPrivacy(
                PrivacyRuns.protecting(PrivacyRuns.ALL, null, Drawing.POISSON, Basis.PUBLIC))));
    runs.put(
        "basis",
        run(
            c.withPrivacy(
                PrivacyRuns.protecting(PrivacyRuns.ALL, null, Drawing.SHUFFLE, Basis.DP))));
    for (String clip : List.of("20", "20:1", "20:1:0.5")) {
      runs.put("clip " + clip, run(c.withPrivacy(clipped(Clip.parse(clip)))));
    }
    runs.put("training images", RunPlan.of(c, TinyRuns.data(11, 5, 9)));
    runs.put("fewer images", RunPlan.of(c, TinyRuns.data(10, 5, 1)));
    return runs;
  }

  private static PrivacyConfig clipped(Clip clip) {
    return new PrivacyConfig(
        ALL.protect(), ALL.target(), ALL.delta(), ALL.drawing(), ALL.basis(), clip);
  }

  @Test
  void every_setting_that_changes_a_run_changes_its_identity() {
    Map<String, RunPlan> others = others();
    others.put("none", run(ACCOUNTED));
    Map<Map<String, String>, String> seen = new LinkedHashMap<>();
    others.forEach((name, run) ->
        assertThat(seen.put(run.identity(), name)).as("the same as %s", name).isNull());
  }

  @Test
  void an_identity_is_a_function_of_settings_and_images() {
    assertThat(run(ACCOUNTED).identity())
        .isEqualTo(RunPlan.of(ACCOUNTED, TinyRuns.data(11, 5, 1)).identity());
    // Batches larger than the set are the set.
    assertThat(run(ACCOUNTED.withBatchSize(11)).identity())
        .isEqualTo(run(ACCOUNTED.withBatchSize(99)).identity());
  }

  @Test
  void a_model_that_does_not_fit_the_images_has_no_plan() {
    assertThatThrownBy(() -> run(CONFIG.withModel("alexnet")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("alexnet");
    assertThatThrownBy(() -> run(CONFIG.withTrustedLayers(List.of("conv9"))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("conv9");
  }

  private static PlannedSizes sizes(RunPlan run, int slots, List<Integer> planned, Closer owned) {
    Parameters parameters = owned.own(new Parameters(run.graph(), new Initializer(1), true));
    return PlannedSizes.of(
        run,
        slots,
        size -> {
          planned.add(size);
          return owned.own(TrustedNetwork.forTraining(run.graph(), size, parameters, 1));
        });
  }

  @Test
  void networks_are_planned_for_whole_batches_and_for_the_rest() {
    try (Closer owned = new Closer()) {
      List<Integer> planned = new ArrayList<>();
      PlannedSizes sizes = sizes(run(CONFIG), 4, planned, owned);
      assertThat(planned).containsExactly(4, 3);
      for (int size : planned) {
        Network network = sizes.of(size);
        assertThat(network.input().length(0)).isEqualTo(size);
      }
      assertThat(sizes.all()).hasSize(2);
      assertThat(sizes.regionBytes()).isZero(); // nothing is shared with workers
      assertThatThrownBy(() -> sizes.of(2))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("no network was planned for 2 examples");
    }
  }

  @Test
  void without_a_rest_or_with_slots_one_size_is_enough() {
    PrivacyConfig poisson =
        PrivacyRuns.protecting(PrivacyRuns.ALL, null, Drawing.POISSON, Basis.PUBLIC);
    try (Closer owned = new Closer()) {
      List<Integer> planned = new ArrayList<>();
      var _ = sizes(run(CONFIG.withBatchSize(11)), 11, planned, owned);
      var _ = sizes(run(ACCOUNTED.withPrivacy(poisson)), 9, planned, owned);
      assertThat(planned).containsExactly(11, 9);
    }
  }
}
