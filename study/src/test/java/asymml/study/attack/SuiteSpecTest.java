package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.session.TrainingSpec;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import asymml.trusted.train.TrainConfig;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SuiteSpecTest {
  private static final AttackSettings SETTINGS = new AttackSettings(2, 512, 64, 5);

  private static SuiteSpec suite(int images) {
    return new SuiteSpec(
        SuiteSpec.runs("generated", "cnn", images, 2, 7), SuitePlan.all(), SETTINGS);
  }

  private static SuitePlan plan(String name) {
    return SuitePlan.all().stream()
        .filter(plan -> plan.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static TrainConfig run(String plan) {
    return suite(32).run(plan(plan)).training();
  }

  @ParameterizedTest
  @ValueSource(ints = {31, 257})
  void runs_have_enough_images_for_two_batches_and_no_more_than_shadows_train_on(int images) {
    assertThatThrownBy(() -> suite(images)).hasMessage("images must be from 32 to 256: " + images);
  }

  @Test
  void runs_are_short_and_without_augmentation() {
    TrainingSpec runs = SuiteSpec.runs("images.zip", "vgg11", 96, 10, 3);
    assertThat(runs.data().source()).isEqualTo("images.zip");
    assertThat(runs.data().limitTrain().images()).isEqualTo(96);
    assertThat(runs.training().model().name()).isEqualTo("vgg11");
    assertThat(runs.training().epochs()).isEqualTo(10);
    assertThat(runs.training().batchSize()).isEqualTo(16);
    assertThat(runs.training().optimizer().learningRate()).isEqualTo(0.005f);
    assertThat(runs.training().augment()).isFalse();
    assertThat(runs.training().seed()).isEqualTo(3);
  }

  @Test
  void plans_have_different_names_that_can_be_files() {
    assertThat(SuitePlan.all())
        .extracting(SuitePlan::name)
        .doesNotHaveDuplicates()
        .allMatch(name -> name.matches("[a-z0-9.-]+"));
  }

  @Test
  void the_base_is_the_default() {
    assertThat(run("base")).isEqualTo(SuiteSpec.runs("generated", "cnn", 32, 2, 7).training());
    assertThat(run("base").noise()).isEqualTo(new NoiseStrength.Ratio(0.1));
    assertThat(run("base").rank()).isEqualTo(RankPolicy.parse("1/8"));
  }

  @Test
  void each_plan_changes_what_it_says() {
    assertThat(run("unprotected").mode()).isEqualTo(Mode.UNTRUSTED_ONLY);
    assertThat(run("nothing-trusted").trustedLayers()).isEmpty();
    assertThat(run("rank-1-16").rank()).isEqualTo(RankPolicy.parse("1/16"));
    assertThat(run("rank-1-4").rank()).isEqualTo(RankPolicy.parse("1/4"));
    assertThat(run("noise-0").noise()).isEqualTo(new NoiseStrength.None());
    assertThat(run("update-worker")).isEqualTo(run("base").withUpdate(Update.WORKER));
    TrainConfig gradients = run("gradients-noised");
    assertThat(gradients.norm()).isEqualTo(Zoo.Norm.GROUP);
    assertThat(gradients.privacy().protect()).contains(Channel.RESIDUALS, Channel.GRADIENTS);
    assertThat(gradients.privacy().protect()).doesNotContain(Channel.WEIGHTS);
    assertThat(gradients.noise()).isEqualTo(new NoiseStrength.Ratio(0.3));
  }

  @ParameterizedTest
  @CsvSource({"noise-0.3, 0.3", "noise-1, 1", "noise-3, 3"})
  void a_plan_of_noise_has_it_in_its_name(String name, double ratio) {
    assertThat(run(name)).isEqualTo(run("base").withNoise(new NoiseStrength.Ratio(ratio)));
  }

  @Test
  void masks_are_seen_from_both_workers() {
    assertThat(run("shares-values")).isEqualTo(run("shares-masks"));
    assertThat(run("shares-masks").shield()).isEqualTo(new Shield.Shares(1));
    assertThat(run("shares-masks").noise()).isEqualTo(new NoiseStrength.Multiplier(10));
    assertThat(run("shares-masks").privacy().protect()).contains(Channel.GRADIENTS);
    assertThat(plan("shares-values").view()).isZero();
    assertThat(plan("shares-masks").view()).isEqualTo(1);
  }

  @Test
  void gradients_are_inverted_on_few_images_in_one_epoch() {
    TrainingSpec few = suite(32).onFewImages(plan("base"));
    assertThat(few.data().limitTrain().images()).isEqualTo(4);
    assertThat(few.training().batchSize()).isEqualTo(2);
    assertThat(few.training().epochs()).isEqualTo(1);
  }

  @Test
  void what_must_be_the_same_to_stand_in_one_table_is_text() {
    assertThat(suite(32).identity())
        .containsExactly(
            Map.entry("data", "generated"),
            Map.entry("model", "cnn"),
            Map.entry("limit-train", "32"),
            Map.entry("epochs", "2"),
            Map.entry("batch-size", "16"),
            Map.entry("learning-rate", "0.005"),
            Map.entry("augment", "false"),
            Map.entry("seed", "7"),
            Map.entry("public-images", "64"),
            Map.entry("layers", "2"),
            Map.entry("max-unknowns", "512"),
            Map.entry("inversion-iterations", "5"));
  }

  @Test
  void the_settings_of_a_plan_are_the_shared_ones_and_its_own() {
    List<String> shared =
        List.of(
            "data",
            "limit-train",
            "augment",
            "model",
            "epochs",
            "batch-size",
            "learning-rate",
            "seed");
    assertThat(suite(32).settings(plan("base")).keySet())
        .containsExactlyInAnyOrderElementsOf(shared);
    assertThat(suite(32).settings(plan("rank-1-4")))
        .containsEntry("rank", "1/4")
        .hasSize(shared.size() + 1);
    assertThat(suite(32).settings(plan("unprotected"))).containsEntry("mode", "untrusted-only");
  }
}
