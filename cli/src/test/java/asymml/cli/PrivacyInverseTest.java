package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.report.Figures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What one command prints, put into the next one as it was printed.
class PrivacyInverseTest {
  @ParameterizedTest
  @CsvSource({
    "pld, 0.01, 1000, 3, 1",
    "pld, 0.1, 50, 0.5, 4",
    "pld, 1, 20, 8, 7",
    "pld, 0.01, 1, 0.3, 1",
    "rdp, 0.01, 1000, 3, 1",
    "rdp, 0.25, 333, 50, 13",
    "gaussian, 1, 1000, 3, 1",
    "gaussian, 1, 1, 0.123456789, 3"
  })
  void the_printed_noise_is_inside_the_budget_and_the_next_smaller_number_is_not(
      String accountant, double rate, long steps, double target, int releases) {
    String run =
        "--sampling-rate %s --steps %d --releases %d --accountant %s"
            .formatted(rate, steps, releases, accountant);
    PrivacyAnswer answer = PrivacyAnswer.to("noise --target-epsilon", target, run);
    double noise = answer.number("noiseMultiplier");
    double epsilon = answer.number("epsilon");
    assertThat(noise).isEqualTo(Figures.roundedUp(noise));
    assertThat(epsilon).isLessThanOrEqualTo(target).isGreaterThan(target * (1 - 5e-4));
    assertThat(answer.number("targetEpsilon")).isEqualTo(target);
    assertThat(epsilonOf(noise, run)).isEqualTo(epsilon);
    double less = Figures.roundedDown(Math.nextDown(noise));
    assertThat(epsilonOf(less, run)).isGreaterThan(Figures.roundedDown(target));
  }

  private static double epsilonOf(double noise, String run) {
    return PrivacyAnswer.to("epsilon --noise-multiplier", noise, run).number("epsilon");
  }

  @ParameterizedTest
  @CsvSource({
    "pld, 0.01, 1.1, 3, 1",
    "pld, 0.05, 3, 1.23456789, 2",
    "rdp, 0.01, 1.1, 3, 1",
    "rdp, 1, 60, 4, 1",
    "gaussian, 1, 50, 2, 5"
  })
  void the_printed_steps_are_inside_the_budget_and_one_more_is_not(
      String accountant, double rate, double noise, double target, int releases) {
    String step =
        "--noise-multiplier %s --sampling-rate %s --releases %d --accountant %s"
            .formatted(noise, rate, releases, accountant);
    PrivacyAnswer answer = PrivacyAnswer.to("steps --target-epsilon", target, step);
    long steps = answer.count("steps");
    assertThat(answer.keys().getFirst()).isEqualTo("steps");
    assertThat(answer.number("epochs"))
        .isLessThanOrEqualTo(steps * rate * (1 + 1e-12))
        .isGreaterThan(steps * rate * (1 - 1e-4));
    assertThat(answer.number("epsilon")).isLessThanOrEqualTo(target);
    assertThat(PrivacyAnswer.to("epsilon", step, "--steps", steps).number("epsilon"))
        .isEqualTo(answer.number("epsilon"));
    assertThat(PrivacyAnswer.to("epsilon", step, "--steps", steps + 1).number("epsilon"))
        .isGreaterThan(Figures.roundedDown(target));
  }

  @ParameterizedTest
  @ValueSource(strings = {"pld", "rdp"})
  void the_printed_noise_buys_the_steps_that_it_was_sought_for(String accountant) {
    String budget = "--target-epsilon 3 --sampling-rate 0.01 --accountant " + accountant;
    double noise = PrivacyAnswer.to("noise", budget, "--steps 1000").number("noiseMultiplier");
    long steps = PrivacyAnswer.to("steps", budget, "--noise-multiplier", noise).count("steps");
    assertThat(steps).isBetween(1000L, 1002L);
  }

  @Test
  void the_whole_epochs_of_a_budget_are_inside_it_and_one_more_is_not() {
    String run =
        "--noise-multiplier 1.1 --batch-size 256 --examples 60000 --accountant rdp --delta 1e-6";
    PrivacyAnswer answer = PrivacyAnswer.to("steps --target-epsilon 3", run);
    double epochs = answer.number("epochs");
    assertThat(epochs).isEqualTo(Figures.roundedDown(answer.count("steps") / 235.0));
    long whole = (long) epochs;
    assertThat(PrivacyAnswer.to("epsilon", run, "--epochs", whole).number("epsilon"))
        .isLessThanOrEqualTo(3);
    assertThat(PrivacyAnswer.to("epsilon", run, "--epochs", whole + 1).number("epsilon"))
        .isGreaterThan(3);
  }

  @Test
  void people_read_noise_and_steps_first_and_the_epsilon_beside_the_budget() {
    // By Balle and Wang's formula, evaluated elsewhere: z = 6.3049886, and 100 steps.
    assertThat(PrivacyAnswer.run("noise --target-epsilon 2 --steps 10").out().lines())
        .startsWith("noise multiplier  6.305", "epsilon           2, of 2 allowed");
    assertThat(
            PrivacyAnswer.run(
                    "steps --target-epsilon 2 --noise-multiplier 20 --batch-size 8"
                        + " --examples 8")
                .out()
                .lines())
        .startsWith("steps             100", "epochs            100, of 1 steps each");
  }

  @Test
  void a_budget_for_not_even_one_step_is_said_and_costs_nothing() {
    String question = "steps --target-epsilon 1 --noise-multiplier 0.1";
    assertThat(PrivacyAnswer.to(question).count("steps")).isZero();
    assertThat(PrivacyAnswer.to(question).number("epsilon")).isZero();
    assertThat(PrivacyAnswer.run(question).out()).startsWith("steps             0: not even one");
  }

  @Test
  void more_steps_than_any_run_has_are_not_counted() {
    assertThat(
            PrivacyAnswer.run(
                    "steps --target-epsilon 9 --noise-multiplier 1e9 --accountant gaussian")
                .out())
        .startsWith("steps             1073741824 or more");
  }
}
