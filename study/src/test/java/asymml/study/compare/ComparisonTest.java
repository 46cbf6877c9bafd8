package asymml.study.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Shape;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyBudget;
import asymml.privacy.SamplingRate;
import asymml.session.TrainingSpec;
import asymml.study.NoiseAlone;
import asymml.study.compare.ComparisonFile.About;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.RankPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Planted norms: noise alone leaves 8 and 2, rank 4 leaves 2 and 1.
class ComparisonTest {
  private static final RankPolicy FOUR = new RankPolicy.Fixed(4);
  private static final List<RankPolicy> RANKS = List.of(NoiseAlone.RANK, FOUR);
  private static final PrivacyBudget BUDGET = new PrivacyBudget(new Epsilon(8), new Delta(1e-5));
  private static final Guarantee GUARANTEE =
      new Guarantee(
          BUDGET, new Guarantee.Sampling(new SamplingRate(0.25), 2, 8, 2), new NoiseMultiplier(3));
  private static final Place WIDE =
      new Place(
          "conv2", new Shape(16, 16, 16), List.of(new Residual(0, 8, 1), new Residual(4, 2, 0.1)));
  private static final Place NARROW =
      new Place(
          "conv3", new Shape(8, 8, 32), List.of(new Residual(0, 2, 1), new Residual(4, 1, 0.3)));

  @TempDir Path directory;

  private static Comparison comparison() {
    return new Comparison(RANKS, List.of(WIDE, NARROW), GUARANTEE, Map.of());
  }

  @Test
  void the_noise_of_a_rank_is_that_of_its_residuals() {
    Comparison comparison = comparison();
    assertThat(comparison.noise(WIDE, 1).residualDeviation()).isEqualTo(3 * 2);
    assertThat(comparison.noise(WIDE, 1).activationDeviation()).isEqualTo(3 * 8);
    assertThat(comparison.ratio(WIDE, 1)).isEqualTo(0.25);
    assertThat(comparison.ratio(NARROW, 1)).isEqualTo(0.5);
    assertThat(comparison.ratio(NARROW, 0)).isEqualTo(1);
  }

  @Test
  void ratios_norms_and_deviations_have_geometric_means() {
    Comparison comparison = comparison();
    assertThat(comparison.meanRatio(1)).isCloseTo(Math.sqrt(0.25 * 0.5), within(1e-12));
    assertThat(comparison.meanRatio(0)).isCloseTo(1, within(1e-12));
    assertThat(comparison.meanClipNorm(0)).isCloseTo(4, within(1e-12));
    assertThat(comparison.meanClipNorm(1)).isCloseTo(Math.sqrt(2), within(1e-12));
    assertThat(comparison.meanDeviation(1)).isCloseTo(3 * Math.sqrt(2), within(1e-12));
  }

  @Test
  void the_range_is_that_of_all_places_and_the_energy_an_arithmetic_mean() {
    assertThat(comparison().leastRatio(1)).isEqualTo(0.25);
    assertThat(comparison().largestRatio(1)).isEqualTo(0.5);
    assertThat(comparison().meanEnergyShare(1)).isCloseTo(0.2, within(1e-12));
  }

  private static CompareSpec spec(boolean train) {
    return new CompareSpec(
        TrainingSpec.defaults().withSeed(4),
        List.of(FOUR),
        BUDGET,
        2,
        1,
        train ? Optional.of(new CompareSpec.Training(3, 0.5)) : Optional.empty());
  }

  private JsonNode written(CompareSpec spec, Comparison comparison) throws IOException {
    Path file = directory.resolve("compare.json");
    new ComparisonFile(spec, new About("shapes", "d1", "a network", "1.2.3"))
        .write(file, comparison);
    return JsonMapper.shared().readTree(Files.readString(file));
  }

  @Test
  void the_file_says_what_was_measured_for_which_guarantee() throws Exception {
    JsonNode facts = written(spec(false), comparison());
    assertThat(facts.get("notice").asString()).startsWith("PRIVATE");
    assertThat(facts.get("version").asString()).isEqualTo("1.2.3");
    assertThat(facts.get("data").asString()).isEqualTo("shapes");
    assertThat(facts.get("dataDigest").asString()).isEqualTo("d1");
    assertThat(facts.get("seed").asInt()).isEqualTo(4);
    JsonNode guarantee = facts.get("guarantee");
    assertThat(guarantee.get("epsilon").asDouble()).isEqualTo(8);
    assertThat(guarantee.get("noiseMultiplier").asDouble()).isEqualTo(3);
    assertThat(guarantee.get("samplingRate").asDouble()).isEqualTo(0.25);
    assertThat(guarantee.get("steps").asInt()).isEqualTo(8);
    assertThat(guarantee.get("releasesPerStep").asInt()).isEqualTo(2);
    assertThat(facts.get("covers").asString()).contains("residuals alone", "infinite");
    assertThat(facts.has("trainedWithNoiseRatio")).isFalse();
  }

  @Test
  void the_file_has_ranks_over_all_inputs_and_inputs_by_rank() throws Exception {
    JsonNode facts = written(spec(false), comparison());
    assertThat(facts.get("ranks"))
        .extracting(rank -> rank.get("rank").asString())
        .containsExactly("0", "4");
    assertThat(facts.get("ranks").get(1).get("noiseRatioLeast").asDouble()).isEqualTo(0.25);
    assertThat(facts.get("ranks").get(1).has("testAccuracy")).isFalse();
    JsonNode input = facts.get("inputs").get(0);
    assertThat(input.get("layer").asString()).isEqualTo("conv2");
    assertThat(input.get("shape").asString()).isEqualTo("16x16x16");
    JsonNode residual = input.get("residuals").get(1);
    assertThat(residual.get("clipNorm").asDouble()).isEqualTo(2);
    assertThat(residual.get("sigma").asDouble()).isEqualTo(6);
    assertThat(residual.get("residualEnergyShare").asDouble()).isEqualTo(0.1);
  }

  @Test
  void accuracies_of_trained_models_join_and_divergence_is_an_answer() throws Exception {
    Map<RankPolicy, OptionalDouble> trained = new LinkedHashMap<>();
    trained.put(NoiseAlone.RANK, OptionalDouble.empty());
    trained.put(FOUR, OptionalDouble.of(0.75));
    JsonNode facts = written(spec(true), comparison().with(trained));
    assertThat(facts.get("trainedWithNoiseRatio").asDouble()).isEqualTo(0.5);
    assertThat(facts.get("ranks").get(0).get("training").asString()).isEqualTo("diverged");
    assertThat(facts.get("ranks").get(0).has("testAccuracy")).isFalse();
    assertThat(facts.get("ranks").get(1).get("training").asString()).isEqualTo("finished");
    assertThat(facts.get("ranks").get(1).get("testAccuracy").asDouble()).isEqualTo(0.75);
  }

  @Test
  void a_comparison_is_not_written_over_before_it_begins() throws Exception {
    Path file = directory.resolve("compare.json");
    ComparisonFile.requireFree(file);
    Files.writeString(file, "{}");
    assertThatThrownBy(() -> ComparisonFile.requireFree(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("already holds a comparison: choose another directory");
  }

  @Test
  void a_file_in_the_place_of_the_directory_is_told() throws Exception {
    Path file = Files.writeString(directory.resolve("mine"), "text");
    assertThatThrownBy(() -> ComparisonFile.createDirectory(file))
        .hasMessageContaining("is a file, not a directory");
    ComparisonFile.createDirectory(directory.resolve("a/b"));
    assertThat(directory.resolve("a/b")).isDirectory();
  }
}
