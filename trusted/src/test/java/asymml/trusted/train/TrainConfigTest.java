package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainConfigTest {
  private static final TrainConfig CONFIG = TinyRuns.config(3, 4);
  private static final Set<Channel> RESIDUALS = Set.of(Channel.RESIDUALS);

  private static Map<String, UnaryOperator<TrainConfig>> changes() {
    Map<String, UnaryOperator<TrainConfig>> changes = new LinkedHashMap<>();
    changes.put("model", c -> c.withModel("resnet20"));
    changes.put("norm", c -> c.withNorm(Zoo.Norm.GROUP));
    changes.put("mode", c -> c.withMode(Mode.ASYMML));
    changes.put("decomposition", c -> c.withDecomposition(Decomposition.PER_EXAMPLE));
    changes.put("rank", c -> c.withRank(RankPolicy.parse("3")));
    changes.put("trustedLayers", c -> c.withTrustedLayers(List.of("fc")));
    changes.put("noise", c -> c.withNoise(new NoiseStrength.Ratio(0.5)));
    changes.put("gradientNoise", c -> c.withGradientNoise(new NoiseStrength.Ratio(0.25)));
    changes.put("epochs", c -> c.withEpochs(9));
    changes.put("batchSize", c -> c.withBatchSize(17));
    changes.put("optimizer", c -> c.withOptimizer(TinyRuns.optimizer(0.5f)));
    changes.put("labelSmoothing", c -> c.withLabelSmoothing(0.25f));
    changes.put("augment", c -> c.withAugment(false));
    changes.put("seed", c -> c.withSeed(-1));
    changes.put(
        "privacy",
        c ->
            c.withPrivacy(PrivacyRuns.protecting(PrivacyRuns.ALL, 3.0, Drawing.POISSON, Basis.DP)));
    changes.put("frozen", c -> c.withFrozen(List.of("conv1")));
    changes.put("validation", c -> c.withValidation(new Validation(0.25, 0)));
    changes.put(
        "classWeights", c -> c.withClassWeights(new ClassWeights.Given(List.of(1f, 2f, 3f))));
    changes.put("shield", c -> c.withShield(new Shield.Shares(0.5)));
    changes.put("update", c -> c.withUpdate(Update.WORKER));
    return changes;
  }

  private static List<String> differences(TrainConfig a, TrainConfig b) throws Exception {
    List<String> names = new ArrayList<>();
    for (RecordComponent component : TrainConfig.class.getRecordComponents()) {
      if (!component.getAccessor().invoke(a).equals(component.getAccessor().invoke(b))) {
        names.add(component.getName());
      }
    }
    return names;
  }

  @Test
  void each_component_can_be_changed_and_changes_nothing_else() throws Exception {
    for (RecordComponent component : TrainConfig.class.getRecordComponents()) {
      assertThat(changes()).containsKey(component.getName());
    }
    for (Map.Entry<String, UnaryOperator<TrainConfig>> change : changes().entrySet()) {
      TrainConfig changed = change.getValue().apply(CONFIG);
      assertThat(differences(CONFIG, changed)).containsExactly(change.getKey());
    }
  }

  @Test
  void changes_in_any_order_come_to_the_same() {
    List<UnaryOperator<TrainConfig>> all = new ArrayList<>(changes().values());
    // Noise on gradients and updates at the worker go with no privacy configuration.
    List<String> names = List.copyOf(changes().keySet());
    all.remove(names.indexOf("update"));
    all.remove(names.indexOf("gradientNoise"));
    TrainConfig forwards = CONFIG;
    for (UnaryOperator<TrainConfig> change : all) {
      forwards = change.apply(forwards);
    }
    TrainConfig backwards = CONFIG;
    // Masks need both channels accounted for before the mode sends anything.
    for (UnaryOperator<TrainConfig> change : all.reversed()) {
      backwards = change.apply(backwards);
    }
    assertThat(backwards).isEqualTo(forwards);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1})
  void no_epochs_and_empty_batches_are_refused(int none) {
    assertRefused(() -> CONFIG.withEpochs(none), "epochs must be at least 1: " + none);
    assertRefused(() -> CONFIG.withBatchSize(none), "batch size must be at least 1: " + none);
  }

  @ParameterizedTest
  @ValueSource(floats = {-0.1f, 1, Float.NaN, Float.POSITIVE_INFINITY})
  void a_share_of_smoothing_that_is_none_is_refused(float share) {
    assertRefused(
        () -> CONFIG.withLabelSmoothing(share), "label smoothing must be in [0, 1): " + share);
  }

  @Test
  void noise_on_gradients_alone_is_for_runs_that_account_for_nothing() {
    TrainConfig noisy = CONFIG.withGradientNoise(new NoiseStrength.Ratio(0.1));
    assertRefused(
        () ->
            noisy.withPrivacy(
                PrivacyRuns.protecting(RESIDUALS, null, Drawing.SHUFFLE, Basis.PUBLIC)),
        "a gradient noise ratio is for runs that account for nothing");
  }

  @ParameterizedTest
  @CsvSource({"ASYMML, false", "DP_ONLY, false", "UNTRUSTED_ONLY, false", "TRUSTED_ONLY, true"})
  void masks_are_refused_where_what_they_hide_is_not_accounted_for(Mode mode, boolean accepted) {
    TrainConfig residuals =
        CONFIG
            .withMode(mode)
            .withPrivacy(PrivacyRuns.protecting(RESIDUALS, null, Drawing.SHUFFLE, Basis.PUBLIC));
    for (TrainConfig config : List.of(CONFIG.withMode(mode), residuals)) {
      if (accepted) {
        assertThat(config.withShield(new Shield.Shares(1)).shield().masks()).isTrue();
      } else {
        assertRefused(() -> config.withShield(new Shield.Shares(1)), "masks hide residuals");
      }
    }
    Set<Channel> both = Set.of(Channel.RESIDUALS, Channel.GRADIENTS);
    assertThat(
            residuals
                .withPrivacy(PrivacyRuns.protecting(both, null, Drawing.SHUFFLE, Basis.PUBLIC))
                .withShield(new Shield.Shares(1))
                .shield()
                .workers())
        .isEqualTo(2);
  }

  /// Clip bounds of residuals and gradients, unless masks take their place; of weights always; and
  /// what shared bases are fitted to.
  @ParameterizedTest
  @CsvSource({
    "RESIDUALS, false, 4, true",
    "RESIDUALS, false, 0, true",
    "GRADIENTS, true, 0, false",
    "GRADIENTS, true, 4, true",
    "WEIGHTS, true, 0, true",
    "WEIGHTS, true, 4, true",
    "WEIGHTS, false, 0, true"
  })
  void public_images_are_needed_where_a_bound_or_a_basis_comes_from_them(
      Channel most, boolean masks, String rank, boolean needed) {
    Set<Channel> channels =
        switch (most) {
          case RESIDUALS -> RESIDUALS;
          case GRADIENTS -> Set.of(Channel.RESIDUALS, Channel.GRADIENTS);
          case WEIGHTS, BASIS -> PrivacyRuns.ALL;
        };
    PrivacyRuns run =
        PrivacyRuns.clean()
            .with(PrivacyRuns.protecting(channels, null, Drawing.SHUFFLE, Basis.PUBLIC))
            .withRank(rank);
    TrainConfig config = run.config();
    TrainConfig shielded = masks ? config.withShield(new Shield.Shares(1)) : config;
    Plan plan = run.plan();
    assertThat(shielded.needsPublicImages(plan)).isEqualTo(needed);
    assertThat(run.with(PrivacyConfig.NONE).config().needsPublicImages(plan)).isFalse();
  }

  @Test
  void lists_are_copied() {
    List<String> layers = new ArrayList<>(List.of("conv1"));
    TrainConfig config = CONFIG.withTrustedLayers(layers);
    layers.add("fc");
    assertThat(config.trustedLayers()).containsExactly("conv1");
  }

  private static void assertRefused(Runnable making, String rule) {
    assertThatThrownBy(making::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(rule);
  }
}
