package asymml.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.session.TrainedRun;
import asymml.session.TrainingSpec;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.rank.MaskErrors;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Masks of a model that was not trained. The inputs of its split layers have 4x4x16 and 2x2x32
/// values an image, their output gradients 4x4x32 and 2x2x64.
class MaskStudyTest {
  @TempDir Path folder;

  private static List<RankPolicy> ranks(String... ranks) {
    return Stream.of(ranks).map(RankPolicy::parse).toList();
  }

  private MaskReport measure(MaskStudy study, TrainingSpec spec) throws Exception {
    try (TrainedRun run = PlantedModel.open(folder.resolve("run"), spec, Map.of())) {
      return study.measure(run, PlantedModel.data(4, 1, false));
    }
  }

  @Test
  void split_layers_have_a_row_for_each_rank_and_one_for_their_gradients() throws Exception {
    MaskReport report =
        measure(new MaskStudy(10, ranks("4", "0", "1/4", "1/2"), 4), TrainingSpec.defaults());
    assertThat(report.model()).isEqualTo("cnn");
    // A quarter of 16 channels is 4 as well.
    assertThat(report.forward())
        .extracting(at -> at.layer() + " " + at.rank())
        .containsExactly(
            "conv2 0", "conv2 4", "conv2 8", "conv3 0", "conv3 4", "conv3 8", "conv3 16");
    assertThat(report.backward())
        .extracting(MaskErrors.OfGradient::layer)
        .containsExactly("conv2", "conv3");
  }

  /// Masks of z times the norm in each of n values are `z sqrt(n)` times their root mean square.
  @Test
  void masks_are_as_large_as_their_definition_says() throws Exception {
    MaskReport report = measure(new MaskStudy(10, ranks("0"), 4), TrainingSpec.defaults());
    assertThat(report.forward())
        .extracting(at -> at.y().masks())
        .satisfiesExactly(
            conv2 -> assertThat(conv2).isCloseTo(10 * 16, within(1e-9)),
            conv3 -> assertThat(conv3).isCloseTo(10 * Math.sqrt(128), within(1e-9)));
    assertThat(report.backward())
        .extracting(of -> of.dx().masks())
        .satisfiesExactly(
            conv2 -> assertThat(conv2).isCloseTo(10 * Math.sqrt(512), within(1e-9)),
            conv3 -> assertThat(conv3).isCloseTo(10 * 16, within(1e-9)));
    assertThat(report.backward().getLast().dx().bits()).isCloseTo(7.321928, within(1e-5));
  }

  @Test
  void what_stays_makes_masks_and_errors_smaller() throws Exception {
    MaskReport report =
        measure(new MaskStudy(1000, ranks("0", "8", "16"), 4), TrainingSpec.defaults());
    List<MaskErrors.Errors> conv2 =
        report.forward().stream()
            .filter(at -> at.layer().equals("conv2"))
            .map(MaskErrors.AtRank::y)
            .toList();
    assertThat(conv2.get(0).normShare()).isEqualTo(1);
    assertThat(conv2.get(1).normShare()).isBetween(0.01, 0.9);
    assertThat(conv2.get(1).masks()).isLessThan(conv2.get(0).masks());
    assertThat(conv2.get(1).measured()).isLessThan(conv2.get(0).measured());
    // All of 16 channels: nothing but rounding is released.
    assertThat(conv2.get(2).normShare()).isLessThan(1e-3);
    assertThat(conv2.get(0).measured())
        .isBetween(0.1 * conv2.get(0).predicted(), 10 * conv2.get(0).predicted());
  }

  @Test
  void a_report_says_how_many_images_there_were_not_how_many_were_asked_for() throws Exception {
    assertThat(measure(new MaskStudy(10, ranks("0"), 3), TrainingSpec.defaults()).images())
        .isEqualTo(3);
    assertThat(measure(new MaskStudy(10, ranks("0"), 1000), TrainingSpec.defaults()).images())
        .isEqualTo(4);
  }

  @Test
  void where_all_layers_are_kept_nothing_is_masked() throws Exception {
    MaskReport report =
        measure(
            new MaskStudy(10, ranks("0"), 2),
            TrainingSpec.defaults().withTrustedLayers(List.of("conv1", "conv2", "conv3", "fc")));
    assertThat(report.forward()).isEmpty();
    assertThat(report.verdict()).contains("0.0e+00 (nothing), inside the limit");
  }

  @Test
  void a_model_that_diverged_has_no_errors_to_measure() throws Exception {
    try (TrainedRun run =
        PlantedModel.open(
            folder.resolve("run"),
            TrainingSpec.defaults(),
            Map.of("fc.bias", new float[] {Float.POSITIVE_INFINITY, 0}))) {
      MaskStudy study = new MaskStudy(10, ranks("0"), 2);
      assertThatThrownBy(() -> study.measure(run, PlantedModel.data(4, 1, true)))
          .isInstanceOf(StudyException.class)
          .hasMessage("the activations are not finite: training of this model diverged");
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 9.9e-4, 1.1e9, -1, Double.NaN, Double.POSITIVE_INFINITY})
  void noise_multipliers_have_a_range(double noiseMultiplier) {
    assertThatThrownBy(() -> new MaskStudy(noiseMultiplier, ranks("0"), 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the noise multiplier must be 0.001 to 1e9: " + noiseMultiplier);
  }

  @Test
  void at_least_one_image_runs_through() {
    assertThatThrownBy(() -> new MaskStudy(1, ranks("0"), 0))
        .hasMessage("images must be at least 1: 0");
  }
}
