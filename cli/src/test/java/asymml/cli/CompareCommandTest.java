package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

  @Test
  void noise_by_rank_is_printed_drawn_and_written_and_no_model_is_left() throws Exception {
    Path out = folder.resolve("falls");
    Outcome outcome =
        compare("--decomposer", "per-example", "--ranks", "8,32", "--out", out.toString());
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .contains("epsilon 50 at delta 1e-5 needs z = ", "no worker, nothing is released")
        .contains("statistics of private data", "Epsilon of the whole view is infinite")
        .contains("* fewer than the rank asked for (32)")
        .contains(out.resolve("compare.json").toString(), out.resolve("compare.svg").toString());
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
    assertThat(Files.readString(out.resolve("compare.json"))).contains("testAccuracy");
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
        "--threads 0                | threads must be 1 to 4096",
        "--target-epsilon -1        | epsilon must be at least 0",
        "--target-epsilon Infinity  | finite epsilon",
        "--delta 0                  | a budget needs a delta above 0",
        "--delta 2                  | delta must be from 0 to 1",
        "--noise-ratio 0.1          | go with --train",
        "--train-epochs 2           | go with --train",
        "--train --noise-ratio 0    | noise ratio must be finite and above 0",
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
