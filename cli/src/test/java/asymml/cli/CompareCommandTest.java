package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.trusted.run.RunFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CompareCommandTest {
  @TempDir static Path folder;

  private static Outcome compare(String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "privacy",
                "compare",
                "--limit-train",
                "128",
                "--limit-test",
                "50",
                "--progress",
                "plain"));
    all.addAll(List.of(more));
    return Outcome.of(all.toArray(String[]::new));
  }

  @SuppressWarnings("unchecked")
  private static List<Map<String, Object>> list(Map<String, Object> facts, String key) {
    return (List<Map<String, Object>>) Objects.requireNonNull(facts.get(key));
  }

  private static double number(Map<String, Object> facts, String key) {
    return ((Number) Objects.requireNonNull(facts.get(key))).doubleValue();
  }

  @Test
  void noise_for_one_guarantee_falls_with_the_rank_as_the_residual_does() throws Exception {
    Path out = folder.resolve("falls");
    Outcome outcome = compare("--ranks", "8,2,1/8,200", "--out", out.toString());
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .contains("epsilon 50 at delta 1e-5 needs z = ", "no worker, nothing is released")
        .contains("statistics of private data", "Epsilon of the whole view is infinite")
        .contains("* fewer than the rank asked for (200)")
        .contains(out.resolve("compare.json").toString(), out.resolve("compare.svg").toString());

    Map<String, Object> facts = RunFile.read(out.resolve("compare.json"));
    @SuppressWarnings("unchecked")
    double z =
        number(
            (Map<String, Object>) Objects.requireNonNull(facts.get("guarantee")),
            "noiseMultiplier");
    List<Map<String, Object>> ranks = list(facts, "ranks");
    assertThat(ranks).extracting(r -> r.get("rank")).containsExactly("0", "8", "2", "1/8", "200");
    assertThat(number(ranks.get(0), "noiseRatioGeometricMean")).isEqualTo(1, within(1e-12));
    assertThat(number(ranks.get(1), "noiseRatioGeometricMean"))
        .isLessThan(number(ranks.get(2), "noiseRatioGeometricMean"));
    assertThat(number(ranks.get(2), "noiseRatioGeometricMean")).isLessThan(1);
    assertThat(number(ranks.get(4), "noiseRatioGeometricMean")).isLessThan(1e-3);
    assertThat(list(facts, "inputs"))
        .extracting(input -> input.get("layer"))
        .containsExactly("conv2", "conv3");
    for (Map<String, Object> input : list(facts, "inputs")) {
      List<Map<String, Object>> residuals = list(input, "residuals");
      double whole = number(residuals.getFirst(), "clipNorm");
      assertThat(residuals)
          .allSatisfy(residual -> {
            double bound = number(residual, "clipNorm");
            assertThat(number(residual, "sigma")).isCloseTo(z * bound, within(1e-12 * z * bound));
            assertThat(number(residual, "noiseRatio")).isCloseTo(bound / whole, within(1e-12));
          });
    }
  }

  @Test
  void a_picture_and_numbers_are_left_and_no_model() throws Exception {
    Path out = folder.resolve("picture");
    assertThat(
            compare("--decomposer", "per-example", "--ranks", "2", "--out", out.toString()).code())
        .isZero();
    // Text stands in it as outlines: a viewer needs no fonts, and a test finds no words.
    assertThat(Files.readString(out.resolve("compare.svg")))
        .contains("<svg", "rgb(31,78,140)")
        .doesNotContain("rgb(194,90,26)");
    try (var files = Files.list(out)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("compare.json", "compare.svg");
    }
  }

  @Test
  void a_model_is_trained_for_every_rank_if_asked_for() throws Exception {
    Path out = folder.resolve("trained");
    Outcome outcome =
        compare(
            "--ranks",
            "0,2",
            "--train",
            "--train-epochs",
            "1",
            "--noise-ratio",
            "0.5",
            "--out",
            out.toString());
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.out()).contains("dp-only: of 4", "asymml: of 4", "test accuracy");
    assertThat(list(RunFile.read(out.resolve("compare.json")), "ranks"))
        .allSatisfy(rank -> assertThat(number(rank, "testAccuracy")).isBetween(0.0, 1.0));
    assertThat(Files.readString(out.resolve("rank-0/config.yaml")))
        .contains("mode: dp-only", "noise-ratio: 0.5");
    assertThat(Files.readString(out.resolve("compare.svg"))).contains("rgb(194,90,26)");
  }

  @Test
  void a_directory_with_a_comparison_is_not_written_to() throws Exception {
    Path out = Files.createDirectory(folder.resolve("used"));
    Files.writeString(out.resolve("compare.json"), "{}");
    Outcome outcome = compare("--out", out.toString());
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err()).contains("already holds a comparison").hasLineCount(1);
    assertThat(out.resolve("compare.json")).hasContent("{}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--ranks two                | schedule:2:32",
        "--ranks schedule:2:32      | whole numbers and shares",
        "--ranks energy:0.1         | whole numbers and shares",
        "--warm-up-epochs 0         | warm-up epochs must be at least 1",
        "--epochs 0                 | must be at least 1",
        "--batch-size 0             | batch size must be at least 1",
        "--threads 0                | threads must be at least 1",
        "--target-epsilon -1        | epsilon must be at least 0",
        "--target-epsilon Infinity  | finite epsilon",
        "--delta 0                  | a budget needs a delta above 0",
        "--delta 2                  | delta must be from 0 to 1",
        "--noise-ratio 0.1          | go with --train",
        "--train-epochs 2           | go with --train",
        "--train --noise-ratio 0    | noise ratio must be above 0",
        "--train --noise-ratio -1   | above 0",
        "--train --train-epochs 0   | must be at least 1",
        "--model lenet              | resnet20",
        "--unheard-of               | --unheard-of"
      })
  void wrong_usage_is_one_line_and_exit_code_2(String flags, String said) {
    Outcome outcome = compare(flags.split(" +"));
    assertThat(outcome.err()).startsWith("asymml: ").contains(said.strip()).hasLineCount(1);
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.out()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "conv9 | 'conv9' is no linear layer of cnn",
        "conv1,conv2,conv3,fc | keeps all layers here"
      })
  void layers_that_do_not_fit_are_refused_before_anything_is_written(String layers, String said) {
    Path out = folder.resolve("refused");
    Outcome outcome = compare("--trusted-layers", layers, "--out", out.toString());
    assertThat(outcome.err()).startsWith("asymml: ").contains(said).hasLineCount(1);
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(out).doesNotExist();
  }

  @Test
  void the_help_has_examples_and_defaults() {
    Outcome outcome = Outcome.of("privacy", "compare", "--help");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out().replaceAll("\\s+", " "))
        .contains("Examples: asymml privacy compare", "(default: 0,1,2,4,8)", "(default: 50)");
    assertThat(Outcome.of("privacy").err()).contains("compare");
    assertThat(Outcome.of("privacy").code()).isEqualTo(2);
  }
}
