package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.report.Figures;
import java.util.List;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/// The reference values are those of the public dp_accounting library, as in the tests of `privacy`
/// (`shared/vectors/dp-accounting.json`).
class PrivacyCommandTest {
  private static final String MNIST = "--noise-multiplier 1.1 --sampling-rate 0.0042666666";

  @ParameterizedTest
  @CsvSource({"pld, 2.3884794, 1", "rdp, 2.5943634, 0.1"})
  void epsilon_is_that_of_the_reference(String accountant, double reference, double percent) {
    PrivacyAnswer answer =
        PrivacyAnswer.to("epsilon", MNIST, "--steps 14040 --delta 1e-5 --accountant", accountant);
    assertThat(answer.number("epsilon"))
        .isCloseTo(reference, Percentage.withPercentage(percent))
        .isEqualTo(Figures.roundedUp(answer.number("epsilon")));
    assertThat(answer.text("accountant")).isEqualTo(accountant);
  }

  @Test
  void the_tight_accountant_and_delta_1e_5_are_the_defaults() {
    PrivacyAnswer answer = PrivacyAnswer.to("epsilon", MNIST, "--steps 14040");
    assertThat(answer.text("accountant")).isEqualTo("pld");
    assertThat(answer.number("delta")).isEqualTo(1e-5);
    assertThat(answer.count("releasesPerStep")).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"pld", "rdp", "gaussian"})
  void noise_that_ends_before_it_covers_an_example_promises_nothing(String accountant) {
    String question = "epsilon --noise-multiplier 0.05 --steps 1 --accountant " + accountant;
    assertThat(PrivacyAnswer.to(question).text("epsilon")).isEqualTo("infinite");
    assertThat(PrivacyAnswer.run(question).out())
        .startsWith("epsilon           infinite: the noise sampler's missing tails use up delta");
  }

  @ParameterizedTest
  @ValueSource(strings = {"pld", "rdp", "gaussian"})
  void without_a_rate_nothing_is_sampled(String accountant) {
    PrivacyAnswer answer =
        PrivacyAnswer.to("epsilon --noise-multiplier 2 --steps 10 --accountant", accountant);
    assertThat(answer.number("samplingRate")).isEqualTo(1);
    assertThat(answer.text("sampling")).isEqualTo("none");
    double reference = accountant.equals("rdp") ? 8.0794062 : 7.5112759;
    assertThat(answer.number("epsilon")).isCloseTo(reference, Percentage.withPercentage(0.1));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 4.728507067217623, 4.7286",
    "2, 1, 10, 8.079406222420491, 8.0795",
    "0.8, 0.01, 1000, 3.6956131929533838, 3.6957"
  })
  void epsilon_is_rounded_up_where_rounding_to_the_nearest_would_promise_too_much(
      double noise, double rate, long steps, double reference, double printed) {
    assertThat(printed).isGreaterThan(reference).isLessThan(reference + 1e-4);
    PrivacyAnswer answer =
        PrivacyAnswer.to(
            "epsilon --accountant rdp --noise-multiplier",
            noise,
            "--sampling-rate",
            rate,
            "--steps",
            steps);
    assertThat(answer.number("epsilon")).isEqualTo(printed);
  }

  @Test
  void sizes_and_epochs_take_the_place_of_rate_and_steps() {
    PrivacyAnswer sizes =
        PrivacyAnswer.to(
            "epsilon --noise-multiplier 1.1 --accountant rdp"
                + " --batch-size 256 --examples 60000 --epochs 60");
    assertThat(sizes.count("steps")).isEqualTo(60 * 235);
    assertThat(sizes.number("samplingRate")).isEqualTo(256.0 / 60_000);
    assertThat(sizes)
        .isEqualTo(
            PrivacyAnswer.to(
                "epsilon --noise-multiplier 1.1 --accountant rdp"
                    + " --sampling-rate 0.004266666666666667 --steps 14100"));
  }

  /// All of a step counts as one release with `z / sqrt(1 + S)`, whatever the number of tensors.
  @Test
  void masks_cost_their_share() {
    String run = " --sampling-rate 0.08192 --steps 390";
    double alone = PrivacyAnswer.to("noise --target-epsilon 8" + run).number("noiseMultiplier");
    PrivacyAnswer masked = PrivacyAnswer.to("noise --target-epsilon 8 --masks 38:0.02" + run);
    double noise = masked.number("noiseMultiplier");
    assertThat(noise / Math.sqrt(1.02)).isCloseTo(alone, within(3e-4 * alone));
    assertThat(masked.number("masksNoiseMultiplier"))
        .isCloseTo(noise * Math.sqrt(38 / 0.02), within(1e-6 * noise));
    assertThat(
            PrivacyAnswer.to("epsilon --noise-multiplier " + noise + " --masks 3:0.02" + run)
                .number("epsilon"))
        .isCloseTo(8, within(0.01));
  }

  @Test
  void equal_releases_of_a_step_count_as_one_with_less_noise() {
    for (String accountant : List.of("pld", "rdp")) {
      double several =
          PrivacyAnswer.to(
                  "epsilon --noise-multiplier 6 --releases 9 --sampling-rate 0.01 --steps 500 --accountant",
                  accountant)
              .number("epsilon");
      double one =
          PrivacyAnswer.to(
                  "epsilon --noise-multiplier 2 --sampling-rate 0.01 --steps 500 --accountant",
                  accountant)
              .number("epsilon");
      assertThat(several).isCloseTo(one, within(1.001e-4 * one));
    }
    // Without sampling, releases and steps are the same.
    assertThat(
            PrivacyAnswer.to("epsilon --noise-multiplier 9 --steps 10 --releases 4")
                .number("epsilon"))
        .isEqualTo(PrivacyAnswer.to("epsilon --noise-multiplier 9 --steps 40").number("epsilon"));
  }

  @Test
  void people_read_the_number_first_and_then_what_it_assumes() {
    Outcome outcome = PrivacyAnswer.run("epsilon", MNIST, "--steps 14040 --accountant rdp");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out().lines().findFirst()).hasValue("epsilon           2.5944");
    assertThat(outcome.out())
        .contains(
            "14040 steps",
            "zero-out",
            "under replacement 2C: halve the noise multiplier",
            "Poisson, rate 0.0042666666",
            "delta             1e-5",
            "rdp: ",
            "rounded up",
            "these releases only");
  }

  @Test
  void json_is_one_object_with_the_number_that_people_read_and_its_assumptions() {
    PrivacyAnswer answer = PrivacyAnswer.to("epsilon", MNIST, "--steps 14040 --accountant rdp");
    assertThat(answer.number("epsilon")).isEqualTo(2.5944);
    assertThat(answer.keys())
        .containsExactly(
            "epsilon",
            "noiseMultiplier",
            "samplingRate",
            "steps",
            "releasesPerStep",
            "delta",
            "accountant",
            "adjacency",
            "sensitivity",
            "sampling",
            "noise",
            "covers",
            "rounding");
    assertThat(answer.count("steps")).isEqualTo(14040);
    assertThat(answer.text("sampling")).isEqualTo("poisson");
    assertThat(answer.text("adjacency")).contains("zero-out");
    assertThat(answer.text("sensitivity")).contains("2C under replacement");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "epsilon --steps 1                                       | --noise-multiplier",
        "epsilon --noise-multiplier 1                            | --steps is missing",
        "noise --target-epsilon 8 --steps 9 --masks 3            | a number of tensors and their share",
        "noise --target-epsilon 8 --steps 9 --masks 3:0          | share must be above 0",
        "epsilon --noise-multiplier 0 --steps 1                  | positive",
        "epsilon --noise-multiplier -1 --steps 1                 | positive",
        "epsilon --noise-multiplier NaN --steps 1                | positive",
        "epsilon --noise-multiplier much --steps 1               | much' is no number",
        "epsilon --noise-multiplier 1 --steps 0                  | --steps must be at least 1",
        "epsilon --noise-multiplier 1 --steps -5                 | --steps must be at least 1",
        "epsilon --noise-multiplier 1 --steps 1.5                | --steps",
        "epsilon --noise-multiplier 1 --steps 1 --sampling-rate 0   | above 0 and at most 1",
        "epsilon --noise-multiplier 1 --steps 1 --sampling-rate 1.1 | above 0 and at most 1",
        "epsilon --noise-multiplier 1 --steps 1 --sampling-rate NaN | above 0 and at most 1",
        "epsilon --noise-multiplier 1 --steps 1 --delta 0        | above 0 and below 1",
        "epsilon --noise-multiplier 1 --steps 1 --delta 1        | above 0 and below 1",
        "epsilon --noise-multiplier 1 --steps 1 --delta 2        | from 0 to 1",
        "epsilon --noise-multiplier 1 --steps 1 --delta tiny     | tiny' is no number",
        "epsilon --noise-multiplier 1 --steps 1 --releases 0     | --releases must be at least 1",
        "epsilon --noise-multiplier 1 --steps 1 --accountant zcdp | pld, rdp, gaussian",
        "epsilon --noise-multiplier 1 --steps 1 --accountant gaussian --sampling-rate 0.5"
            + " | does not support Poisson sampling",
        "epsilon --noise-multiplier 1 --steps 9000000000000000000 --releases 3 | too many",
        "epsilon --noise-multiplier 1 --epochs 1                 | --batch-size and --examples",
        "epsilon --noise-multiplier 1 --steps 1 --epochs 1       | either --steps or --epochs",
        "epsilon --noise-multiplier 1 --batch-size 8 --epochs 1  | --examples is missing",
        "epsilon --noise-multiplier 1 --examples 80 --epochs 1   | --batch-size is missing",
        "epsilon --noise-multiplier 1 --batch-size 8 --examples 80 | --epochs is missing",
        "epsilon --noise-multiplier 1 --batch-size 8 --examples 80 --steps 10 | --steps goes with",
        "epsilon --noise-multiplier 1 --batch-size 8 --examples 80 --epochs 0 | at least 1",
        "epsilon --noise-multiplier 1 --batch-size 0 --examples 80 --epochs 1 | at least 1",
        "epsilon --noise-multiplier 1 --batch-size 90 --examples 80 --epochs 1 | cannot be drawn",
        "epsilon --noise-multiplier 1 --batch-size 1 --examples 80"
            + " --epochs 9000000000000000000 | too large",
        "epsilon --noise-multiplier 1 --batch-size 8 --examples 80 --epochs 1 --sampling-rate 0.1"
            + " | not both",
        "epsilon --noise-multiplier 1 --batch-size 8 --examples 80 --sampling-rate 0.1 --steps 1"
            + " | not both",
        "noise --steps 1                                         | --target-epsilon",
        "noise --target-epsilon -1 --steps 1                     | at least 0",
        "noise --target-epsilon Infinity --steps 1               | finite",
        "noise --target-epsilon 1                                | --steps is missing",
        "noise --target-epsilon 1 --steps 1 --noise-multiplier 1 | --noise-multiplier",
        "noise --target-epsilon 1 --steps 1 --accountant gaussian --sampling-rate 0.5"
            + " | does not support Poisson sampling",
        "noise --target-epsilon 1 --steps 1 --batch-size 8 --examples 80 | --steps goes with",
        "steps --target-epsilon 1                                | --noise-multiplier",
        "steps --noise-multiplier 1                              | --target-epsilon",
        "steps --target-epsilon NaN --noise-multiplier 1         | at least 0",
        "steps --target-epsilon 1 --noise-multiplier 1 --steps 3 | --steps",
        "steps --target-epsilon 1 --noise-multiplier 1 --epochs 3 | --epochs",
        "steps --target-epsilon 1 --noise-multiplier 1 --batch-size 8 | --examples is missing",
        "steps --target-epsilon 1 --noise-multiplier 1 --accountant gaussian --sampling-rate 0.5"
            + " | does not support Poisson sampling",
        "steps --target-epsilon 1 --noise-multiplier 1 extra     | extra",
        "delta                                                   | delta"
      })
  void wrong_usage_is_one_line_and_exit_code_2(String command, String said) {
    for (String json : List.of("", " --json")) {
      Outcome outcome = PrivacyAnswer.run(command + (command.strip().equals("delta") ? "" : json));
      assertThat(outcome.err()).startsWith("asymml: ").contains(said.strip()).hasLineCount(1);
      assertThat(outcome.code()).isEqualTo(2);
      assertThat(outcome.out()).isEmpty();
    }
  }

  @Test
  void a_question_without_an_answer_is_one_line_and_exit_code_1() {
    Outcome outcome =
        PrivacyAnswer.run("noise --accountant rdp --delta 1e-300 --target-epsilon 0.1 --steps 1");
    assertThat(outcome.err()).startsWith("asymml: ").contains("no noise keeps").hasLineCount(1);
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.out()).isEmpty();
  }

  @Test
  void without_a_command_it_lists_them() {
    Outcome outcome = Outcome.of("privacy");
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains("epsilon", "noise", "steps", "Examples:");
    assertThat(outcome.out()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"epsilon", "noise", "steps"})
  void the_help_has_examples_and_says_of_each_option_its_default_or_that_it_is_needed(
      String command) {
    Outcome outcome = PrivacyAnswer.run(command + " --help");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).contains("Examples:", "  asymml privacy " + command);
    CommandLine line =
        Main.commandLine().parseArgs("privacy", command, "--help").asCommandLineList().getLast();
    for (OptionSpec option : line.getCommandSpec().options()) {
      if (List.of("--help", "--version", "--debug").contains(option.longestName())) {
        continue;
      }
      assertThat(outcome.out()).contains(option.longestName());
      assertThat(String.join(" ", option.description()))
          .as(option.longestName())
          .contains(option.required() ? "(required)" : "(default: ");
    }
  }
}
