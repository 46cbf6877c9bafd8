package asymml.trusted.train;

import static asymml.trusted.train.TinyRuns.layout;
import static asymml.trusted.train.TinyRuns.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.train.TinyRuns.Course;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClassWeightsTest {
  private static final DataSet DATA = TinyRuns.data(11, 5, 3);

  @TempDir Path folder;

  private static ClassWeights given(Float... weights) {
    return new ClassWeights.Given(List.of(weights));
  }

  /// 11 images in classes of 4, 4 and 3.
  @Test
  void balanced_classes_count_the_same_in_all() {
    assertThat(new ClassWeights.Balanced().of(DATA.train()))
        .containsExactly(11 / 12f, 11 / 12f, 11 / 9f);
    ImageSet one =
        ImageSet.of(
            DATA.train().shape(),
            DATA.train().classNames(),
            new int[] {1, 1},
            new byte[2 * DATA.train().shape().size()]);
    assertThat(new ClassWeights.Balanced().of(one)).containsExactly(1f, 1f, 1f);
    assertThat(new ClassWeights.Equal().of(one)).isEmpty();
  }

  @Test
  void there_is_one_weight_for_each_class() {
    assertThat(given(1f, 2f, 0.5f).of(DATA.train())).containsExactly(1f, 2f, 0.5f);
    assertThatThrownBy(() -> given(1f, 2f).of(DATA.train()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "2 class weights for 3 classes: give one for each, in the order of their names");
  }

  @ParameterizedTest
  @ValueSource(floats = {0, -1, Float.NaN, Float.POSITIVE_INFINITY})
  void a_weight_that_is_none_is_refused(float weight) {
    assertThatThrownBy(() -> given(1f, weight))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("class weights must be above 0 and finite: " + weight);
  }

  @Test
  void equal_weights_change_nothing_and_others_do() throws Exception {
    TrainConfig config = TinyRuns.config(2, 4);
    var plain = layout(folder.resolve("plain"));
    run(config, DATA, plain, false, Course.toTheEnd());
    var ones = layout(folder.resolve("ones"));
    run(config.withClassWeights(given(1f, 1f, 1f)), DATA, ones, false, Course.toTheEnd());
    assertThat(TinyRuns.trace(ones).metrics()).isEqualTo(TinyRuns.trace(plain).metrics());
    var others = layout(folder.resolve("others"));
    run(config.withClassWeights(given(1f, 4f, 1f)), DATA, others, false, Course.toTheEnd());
    assertThat(TinyRuns.trace(others).metrics()).isNotEqualTo(TinyRuns.trace(plain).metrics());
  }

  /// With weights of 2 everywhere the gradient is twice as large, as with twice the rate.
  @Test
  void weights_multiply_the_gradient() throws Exception {
    TrainConfig config =
        TinyRuns.with(
            TinyRuns.config(2, 4),
            new TrainConfig.Optimizer(
                0.02f, 0.9f, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), 0.1f),
            0);
    var rate = layout(folder.resolve("rate"));
    run(
        config.withOptimizer(config.optimizer().withLearningRate(0.04f)),
        DATA,
        rate,
        false,
        Course.toTheEnd());
    var weights = layout(folder.resolve("weights"));
    run(config.withClassWeights(given(2f, 2f, 2f)), DATA, weights, false, Course.toTheEnd());
    try (TrainedModel one = TrainedModel.read(rate);
        TrainedModel two = TrainedModel.read(weights)) {
      one.parameters()
          .all()
          .forEach(p ->
              assertThat(two.parameters().value(p.name()).toArray())
                  .containsExactly(one.parameters().value(p.name()).toArray(), offset(1e-5f)));
    }
  }

  @Test
  void weights_that_follow_from_labels_are_refused_in_an_accounted_run_and_given_ones_are_not() {
    TrainConfig accounted =
        TinyRuns.config(2, 4)
            .withPrivacy(
                PrivacyConfig.of(
                    new DpSgd(8, 1, 0.9, 0.02, 1L << 30), new Epsilon(8), new Delta(1e-4)));
    assertThatThrownBy(() -> accounted.withClassWeights(new ClassWeights.Balanced()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("balanced class weights are counts of private labels");
    assertThat(accounted.withClassWeights(given(1f, 2f, 3f)).classWeights())
        .isEqualTo(given(1f, 2f, 3f));
  }
}
