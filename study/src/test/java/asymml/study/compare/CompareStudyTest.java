package asymml.study.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.PrivacyBudget;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.study.NoiseAlone;
import asymml.study.Silent;
import asymml.study.StudyRun;
import asymml.study.compare.CompareSpec.Training;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Norms of a small network that has trained for two steps.
class CompareStudyTest {
  private static final PrivacyBudget BUDGET = new PrivacyBudget(new Epsilon(50), new Delta(1e-5));

  @TempDir static Path folder;

  private static CompareStudy study;
  private static Comparison comparison;

  private static CompareSpec spec(
      TrainingSpec common, Optional<Training> training, String... ranks) {
    return new CompareSpec(
        common, Stream.of(ranks).map(RankPolicy::parse).toList(), BUDGET, 8, 1, training);
  }

  private static TrainingSpec common() {
    return TrainingSpec.defaults().withLimits(128, 50);
  }

  private static CompareStudy open(CompareSpec spec, Path directory) throws Exception {
    return CompareStudy.open(spec, directory, (_, _, _) -> {});
  }

  @BeforeAll
  static void measure() throws Exception {
    study = open(spec(common(), Optional.empty(), "8", "2", "1/8", "32"), folder.resolve("falls"));
    comparison = study.measure(new Silent(), (_, _, _) -> {});
  }

  @Test
  void inputs_of_split_layers_are_measured_at_each_rank() {
    assertThat(comparison.places()).extracting(Place::layer).containsExactly("conv2", "conv3");
    assertThat(comparison.ranks())
        .extracting(RankPolicy::toString)
        .containsExactly("0", "8", "2", "1/8", "32");
    assertThat(study.guarantee().sampling().releases()).isEqualTo(2);
    assertThat(study.guarantee().sampling().rate().value()).isCloseTo(0.5, within(1e-12));
    assertThat(study.data().train().size()).isEqualTo(128);
    assertThat(study.graph().name()).isEqualTo("cnn");
  }

  @Test
  void noise_for_one_guarantee_falls_with_the_rank_as_the_residual_does() {
    assertThat(comparison.meanRatio(0)).isCloseTo(1, within(1e-12));
    assertThat(comparison.meanRatio(1)).isLessThan(comparison.meanRatio(2));
    assertThat(comparison.meanRatio(2)).isLessThan(1);
    // No input has so many directions: nothing but rounding is left.
    assertThat(comparison.meanRatio(4)).isLessThan(1e-3);
    for (Place place : comparison.places()) {
      double z = comparison.guarantee().noiseMultiplier().value();
      double whole = place.residuals().getFirst().medianNorm();
      for (int rank = 0; rank < comparison.ranks().size(); rank++) {
        double bound = place.residuals().get(rank).medianNorm();
        assertThat(comparison.noise(place, rank).residualDeviation())
            .isCloseTo(z * bound, within(1e-12 * z * bound));
        assertThat(comparison.ratio(place, rank)).isCloseTo(bound / whole, within(1e-12));
      }
    }
  }

  @Test
  void noise_alone_leaves_all_of_the_energy() {
    assertThat(comparison.places())
        .allSatisfy(place ->
            assertThat(place.residuals().getFirst())
                .extracting(Residual::rank, Residual::energyShare)
                .containsExactly(0, 1.0));
  }

  @Test
  void nothing_is_left_of_the_warm_up() throws Exception {
    try (Stream<Path> files = Files.list(folder.resolve("falls"))) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .doesNotContain("warm-up")
          .allMatch(name -> name.equals("compare.json"));
    }
  }

  @Test
  void a_directory_with_a_comparison_is_not_written_to() throws Exception {
    Path used = Files.createDirectory(folder.resolve("used"));
    Files.writeString(used.resolve("compare.json"), "{}");
    assertThatThrownBy(() -> open(spec(common(), Optional.empty(), "2"), used))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("already holds a comparison");
    assertThat(used.resolve("compare.json")).hasContent("{}");
  }

  @Test
  void a_model_is_trained_for_every_rank_if_asked_for() throws Exception {
    Path directory = folder.resolve("trained");
    CompareStudy trained = open(spec(common(), Optional.of(new Training(1, 0.5)), "2"), directory);
    List<String> started = new ArrayList<>();
    Comparison accuracies =
        trained
            .train(
                new Comparison(
                    List.of(NoiseAlone.RANK, new RankPolicy.Fixed(2)),
                    List.of(),
                    trained.guarantee(),
                    Map.of()),
                new StudyRun(List.of(), new Silent(), () -> false),
                run -> started.add(run.spec().training().mode().label()))
            .orElseThrow();
    assertThat(started).containsExactly("dp-only", "asymml");
    assertThat(accuracies.accuracies().values())
        .hasSize(2)
        .allSatisfy(accuracy -> assertThat(accuracy.orElseThrow()).isBetween(0.0, 1.0));
    Settings alone = Settings.read(new RunLayout(directory.resolve("rank-0")).config());
    assertThat(alone.text("mode")).isEqualTo("dp-only");
    assertThat(alone.text("noise-ratio")).isEqualTo("0.5");
    // Only divergence is an answer: with the checkpoint of another rank a run cannot be resumed.
    Path own = new RunLayout(directory.resolve("rank-2")).checkpoint();
    Files.copy(
        new RunLayout(directory.resolve("rank-0")).checkpoint(),
        own,
        StandardCopyOption.REPLACE_EXISTING);
    assertThatThrownBy(() ->
            trained.train(accuracies, new StudyRun(List.of(), new Silent(), () -> false), _ -> {}))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining("belongs to a run with another plan");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "conv9 | 'conv9' is no linear layer of cnn",
        "conv1,conv2,conv3,fc | the plan keeps all layers here"
      })
  void layers_that_do_not_fit_are_refused_before_anything_is_written(String layers, String said) {
    CompareSpec other =
        spec(common().withTrustedLayers(List.of(layers.split(","))), Optional.empty(), "2");
    Path directory = folder.resolve("refused");
    assertThatThrownBy(() -> open(other, directory))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(said);
    assertThat(directory).doesNotExist();
  }
}
