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
import asymml.study.compare.CompareSpec.Training;
import asymml.study.compare.ComparisonFile.About;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.RankPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Files of three ranks at two inputs: norms of 16 and 4 without directions, 4 and 1 with an eighth
/// of them, 1 and 1/4 with 6.
class ComparisonFileTest {
  private static final RankPolicy EIGHTH = new RankPolicy.Fraction(1, 8);
  private static final RankPolicy SIX = new RankPolicy.Fixed(6);
  private static final PrivacyBudget BUDGET = new PrivacyBudget(new Epsilon(2), new Delta(1e-6));
  private static final Comparison COMPARISON =
      new Comparison(
          List.of(NoiseAlone.RANK, EIGHTH, SIX),
          List.of(
              new Place(
                  "conv2",
                  new Shape(4, 4, 16),
                  List.of(
                      new Residual(0, 16, 1), new Residual(2, 4, 0.5), new Residual(6, 1, 0.1))),
              new Place(
                  "conv3",
                  new Shape(2, 2, 32),
                  List.of(
                      new Residual(0, 4, 1), new Residual(4, 1, 0.25), new Residual(6, 0.25, 0)))),
          new Guarantee(
              BUDGET,
              new Guarantee.Sampling(new SamplingRate(0.5), 3, 6, 2),
              new NoiseMultiplier(5)),
          Map.of());

  @TempDir Path folder;

  private static CompareSpec spec(Optional<Training> training) {
    return new CompareSpec(
        TrainingSpec.defaults().withBatchSize(24), List.of(EIGHTH, SIX), BUDGET, 3, 2, training);
  }

  private static ComparisonFile file(Optional<Training> training) {
    return new ComparisonFile(spec(training), new About("shapes", "d1", "a network", "1.2.3"));
  }

  private JsonNode written(Optional<Training> training, Comparison comparison) throws IOException {
    Path file = folder.resolve("compare.json");
    file(training).write(file, comparison);
    return JsonMapper.shared().readTree(Files.readString(file));
  }

  /// Of ratios 1/4 and 1/4, and of 1/16 and 1/16.
  @Test
  void a_rank_is_summed_up_by_means_over_the_inputs() throws Exception {
    JsonNode ranks = written(Optional.empty(), COMPARISON).get("ranks");
    double[] clip = {8, 2, 0.5};
    double[] ratio = {1, 0.25, 0.0625};
    double[] energy = {1, 0.375, 0.05};
    assertThat(ranks)
        .extracting(rank -> rank.get("rank").asString())
        .containsExactly("0", "1/8", "6");
    for (int i = 0; i < 3; i++) {
      JsonNode rank = ranks.get(i);
      assertThat(rank.get("clipNormGeometricMean").asDouble()).isCloseTo(clip[i], within(1e-9));
      assertThat(rank.get("sigmaGeometricMean").asDouble()).isCloseTo(5 * clip[i], within(1e-9));
      assertThat(rank.get("noiseRatioGeometricMean").asDouble()).isCloseTo(ratio[i], within(1e-9));
      assertThat(rank.get("noiseRatioLeast").asDouble()).isEqualTo(ratio[i]);
      assertThat(rank.get("noiseRatioLargest").asDouble()).isEqualTo(ratio[i]);
      assertThat(rank.get("residualEnergyShareMean").asDouble()).isCloseTo(energy[i], within(1e-9));
    }
  }

  @Test
  void an_input_says_which_rank_was_asked_for_and_which_it_had() throws Exception {
    JsonNode conv3 = written(Optional.empty(), COMPARISON).at("/inputs/1");
    assertThat(conv3.get("layer").asString()).isEqualTo("conv3");
    assertThat(conv3.get("shape").asString()).isEqualTo("2x2x32");
    JsonNode residual = conv3.at("/residuals/1");
    assertThat(residual.get("asked").asString()).isEqualTo("1/8");
    assertThat(residual.get("rank").asInt()).isEqualTo(4);
    assertThat(residual.get("clipNorm").asDouble()).isEqualTo(1);
    assertThat(residual.get("sigma").asDouble()).isEqualTo(5);
    assertThat(residual.get("noiseRatio").asDouble()).isEqualTo(0.25);
  }

  @Test
  void the_head_says_how_norms_were_taken() throws Exception {
    JsonNode facts = written(Optional.empty(), COMPARISON);
    assertThat(facts.get("warmUpEpochs").asInt()).isEqualTo(2);
    assertThat(facts.get("batchSize").asInt()).isEqualTo(24);
    assertThat(facts.get("decomposer").asString()).isEqualTo("shared");
    assertThat(facts.get("model").asString()).isEqualTo("a network");
    assertThat(facts.at("/guarantee/delta").asDouble()).isEqualTo(1e-6);
    assertThat(facts.at("/guarantee/accountant").asString()).isEqualTo("PLD");
    assertThat(facts.at("/guarantee/epochs").asInt()).isEqualTo(3);
  }

  /// Training may have been stopped before a rank's turn.
  @Test
  void a_rank_that_was_not_trained_says_nothing_of_it() throws Exception {
    Optional<Training> training = Optional.of(new Training(1, 0.3));
    assertThat(written(training, COMPARISON).has("trainedWithNoiseRatio")).isFalse();
    JsonNode facts = written(training, COMPARISON.with(Map.of(EIGHTH, OptionalDouble.of(0.625))));
    assertThat(facts.get("trainedWithNoiseRatio").asDouble()).isEqualTo(0.3);
    assertThat(facts.at("/ranks/1/testAccuracy").asDouble()).isEqualTo(0.625);
    assertThat(facts.at("/ranks/0").has("training")).isFalse();
    assertThat(facts.at("/ranks/2").has("training")).isFalse();
  }

  @Test
  void a_file_is_private_and_replaces_an_earlier_one_when_it_is_written() throws Exception {
    Path file = Files.writeString(folder.resolve("compare.json"), "earlier");
    assertThat(written(Optional.empty(), COMPARISON).has("ranks")).isTrue();
    assertThat(Files.getPosixFilePermissions(file))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    assertThatThrownBy(() -> ComparisonFile.requireFree(file))
        .isInstanceOf(IOException.class)
        .hasMessage(folder + " already holds a comparison: choose another directory");
  }

  @Test
  void a_directory_is_made_for_its_owner_or_the_reason_told() throws Exception {
    Path made = folder.resolve("a/b");
    ComparisonFile.createDirectory(made);
    ComparisonFile.createDirectory(made);
    assertThat(Files.getPosixFilePermissions(made))
        .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    Path file = Files.writeString(folder.resolve("mine"), "text");
    assertThatThrownBy(() -> ComparisonFile.createDirectory(file))
        .isInstanceOf(IOException.class)
        .hasMessage(file + " is a file, not a directory: choose another one");
    assertThatThrownBy(() -> ComparisonFile.createDirectory(file.resolve("below")))
        .isInstanceOf(IOException.class)
        .message()
        .contains(file.toString())
        .doesNotContain("\n");
  }
}
