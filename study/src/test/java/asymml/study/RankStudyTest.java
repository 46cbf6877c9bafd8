package asymml.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.session.TrainedRun;
import asymml.session.TrainingSpec;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.rank.LayerRanks;
import asymml.trusted.rank.RankReport;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Ranks of a model that was not trained, on images whose rank is known.
class RankStudyTest {
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults().withRank(new RankPolicy.Fixed(4));

  @TempDir Path folder;

  private RankReport analyze(int images, TrainingSpec spec, boolean grey) throws Exception {
    try (TrainedRun run = PlantedModel.open(folder.resolve("run"), spec, Map.of())) {
      return new RankStudy(images).analyze(run, PlantedModel.data(6, 2, grey));
    }
  }

  private static LayerRanks layer(RankReport report, String name) {
    return report.layers().stream()
        .filter(layer -> layer.layer().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /// Three equal channels are one direction, of which nothing is left beside it.
  @Test
  void grey_images_have_rank_1_and_random_colours_more() throws Exception {
    LayerRanks grey = layer(analyze(2, SPEC, true), "conv1");
    assertThat(Objects.requireNonNull(grey.x()).rank99()).isEqualTo(1);
    assertThat(grey.x().effective()).isCloseTo(1, within(1e-3));
    assertThat(grey.x().entropy()).isCloseTo(0, within(1e-3));
    assertThat(grey.xShares().sharedOptimum()).isCloseTo(0, within(1e-6));
    LayerRanks coloured = layer(analyze(2, SPEC, false), "conv1");
    assertThat(Objects.requireNonNull(coloured.x()).rank99()).isEqualTo(3);
    assertThat(coloured.x().effective()).isBetween(2.5, 3.0);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "6, 6", "1000, 6"})
  void no_more_images_are_decomposed_than_there_are(int asked, int decomposed) throws Exception {
    RankReport report = analyze(asked, SPEC, true);
    assertThat(report.images()).isEqualTo(decomposed);
    assertThat(report.batch()).isEqualTo(6);
    assertThat(report.epoch()).isEqualTo(3);
    assertThat(report.step()).isEqualTo(21);
    assertThat(report.violations()).isEmpty();
  }

  @Test
  void layers_stand_where_the_run_has_them() throws Exception {
    RankReport split = analyze(1, SPEC, true);
    assertThat(split.layers())
        .extracting(LayerRanks::layer)
        .containsExactly("conv1", "conv2", "conv3", "fc");
    assertThat(layer(split, "conv1").placement()).isEqualTo("trusted");
    assertThat(layer(split, "conv2").placement()).startsWith("split shared").endsWith("4");
    assertThat(layer(split, "conv2").xShares().rank()).isEqualTo(4);
    assertThat(layer(split, "conv2").input()).isEqualTo("4x4x16");
    RankReport open = analyze(1, SPEC.withMode(Mode.UNTRUSTED_ONLY), true);
    assertThat(layer(open, "fc").placement()).isEqualTo("untrusted, exact");
  }

  @Test
  void a_model_that_diverged_has_no_ranks() throws Exception {
    try (TrainedRun run =
        PlantedModel.open(
            folder.resolve("run"), SPEC, Map.of("fc.bias", new float[] {Float.NaN, 0}))) {
      assertThatThrownBy(() -> new RankStudy(2).analyze(run, PlantedModel.data(4, 1, true)))
          .isInstanceOf(StudyException.class)
          .hasMessage("the activations are not finite: training of this model diverged");
    }
  }

  @Test
  void at_least_one_image_is_decomposed() {
    assertThatThrownBy(() -> new RankStudy(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("images must be at least 1: 0");
  }
}
