package asymml.study.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyBudget;
import asymml.privacy.PrivacyEvent;
import asymml.session.TrainingSpec;
import asymml.study.NoiseAlone;
import asymml.study.compare.CompareSpec.Training;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CompareSpecTest {
  private static final RankPolicy TWO = new RankPolicy.Fixed(2);
  private static final PrivacyBudget BUDGET = new PrivacyBudget(new Epsilon(8), new Delta(1e-5));

  private static CompareSpec spec(int epochs, int warmUpEpochs, Optional<Training> training) {
    return new CompareSpec(
        TrainingSpec.defaults().withBatchSize(24).withSeed(3),
        List.of(TWO),
        BUDGET,
        epochs,
        warmUpEpochs,
        training);
  }

  @Test
  void counts_are_at_least_1() {
    assertThatThrownBy(() -> spec(0, 1, Optional.empty()))
        .hasMessage("epochs must be at least 1: 0");
    assertThatThrownBy(() -> spec(1, 0, Optional.empty()))
        .hasMessage("warm-up epochs must be at least 1: 0");
    assertThatThrownBy(() -> new Training(0, 1))
        .hasMessage("epochs of trained runs must be at least 1: 0");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN})
  void ranks_are_not_compared_without_noise(double ratio) {
    assertThatThrownBy(() -> new Training(1, ratio))
        .hasMessageContaining("must be finite and above 0");
  }

  @Test
  void noise_alone_is_always_compared() {
    assertThat(spec(1, 1, Optional.empty()).ranks()).containsExactly(NoiseAlone.RANK, TWO);
  }

  @Test
  void the_warm_up_releases_nothing() {
    TrainingSpec warmUp = spec(5, 2, Optional.empty()).warmUp();
    assertThat(warmUp.training().mode()).isEqualTo(Mode.TRUSTED_ONLY);
    assertThat(warmUp.training().epochs()).isEqualTo(2);
    assertThat(warmUp.training().batchSize()).isEqualTo(24);
    assertThat(warmUp.training().noise()).isEqualTo(new NoiseStrength.None());
  }

  @Test
  void a_model_of_each_rank_trains_under_the_same_noise_ratio() {
    CompareSpec spec = spec(5, 2, Optional.of(new Training(3, 0.5)));
    TrainingSpec alone = spec.run(NoiseAlone.RANK);
    TrainingSpec ranked = spec.run(TWO);
    assertThat(alone.training().mode()).isEqualTo(Mode.DP_ONLY);
    assertThat(ranked.training().mode()).isEqualTo(Mode.ASYMML);
    assertThat(ranked.training().rank()).isEqualTo(TWO);
    assertThat(ranked.training().epochs()).isEqualTo(3);
    assertThat(ranked.training().noise()).isEqualTo(new NoiseStrength.Ratio(0.5));
    assertThat(alone.training().noise()).isEqualTo(new NoiseStrength.Ratio(0.5));
    assertThat(ranked.training().seed()).isEqualTo(3);
  }

  @Test
  void without_training_there_are_no_runs() {
    CompareSpec spec = spec(5, 2, Optional.empty());
    assertThatThrownBy(() -> spec.run(TWO)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void an_input_that_several_layers_read_is_released_once() {
    Graph graph = Zoo.build("cnn", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
    assertThat(releases(graph, List.of("first", "last"))).isEqualTo(2);
    assertThat(releases(graph, List.of())).isEqualTo(4);
    Graph residual = Zoo.build("resnet20", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
    int linear = residual.linearLayers().size();
    // Two shortcuts read what the block's first convolution reads.
    assertThat(releases(residual, List.of())).isEqualTo(linear - 2);
  }

  private static int releases(Graph graph, List<String> trusted) {
    return CompareStudy.releases(
        graph, Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, TWO, trusted));
  }

  @Test
  void the_noise_multiplier_meets_the_budget_and_hardly_more() {
    Guarantee.Sampling sampling = Guarantee.Sampling.of(1000, 100, 2, 2);
    assertThat(sampling.steps()).isEqualTo(20);
    assertThat(sampling.rate().value()).isCloseTo(0.1, within(1e-12));
    Guarantee guarantee = Guarantee.of(BUDGET, sampling);
    PrivacyEvent step =
        new PrivacyEvent.SelfComposed(new PrivacyEvent.Gaussian(guarantee.noiseMultiplier()), 2);
    PrivacyEvent run =
        new PrivacyEvent.SelfComposed(new PrivacyEvent.PoissonSampled(sampling.rate(), step), 20);
    assertThat(new PldAccountant().epsilon(run, BUDGET.delta()).value()).isBetween(7.5, 8.0);
    assertThat(guarantee.describe())
        .contains("epsilon 8 at delta 1e-5 needs z = ", "2 releases a step, 20 steps (2 epochs)");
  }

  @Test
  void a_last_batch_that_is_not_full_is_a_step() {
    assertThat(Guarantee.Sampling.of(101, 100, 3, 1).steps()).isEqualTo(6);
  }
}
