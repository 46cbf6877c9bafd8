package asymml.privacy;

import static asymml.privacy.Events.delta;
import static asymml.privacy.Events.epsilon;
import static asymml.privacy.Events.gaussian;
import static asymml.privacy.Events.run;
import static asymml.privacy.Events.times;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Reference values: mpmath 60-digit arithmetic on the formula of Balle and Wang 2018, theorem 8.
class GaussianAccountantTest {
  private static final Accountant ACCOUNTANT = new GaussianAccountant();

  @ParameterizedTest
  @CsvSource({
    "1, 1e-5, 4.37717809568122463",
    "0.01, 1e-5, 0.0272194198145771355",
    "0.0001, 1e-6, 0.000193839317247043822",
    "1e-6, 1e-8, 1.93835667594072121e-6",
    "5, 1e-10, 43.6629038690199116",
    "30, 1e-5, 577.011973688017013",
    "128, 1e-5, 8736.92233895913039",
    "1400, 1e-5, 985969.848631749586",
    "1414, 1e-100, 1029777.67078319468",
    "14000, 1e-3, 98043262.2523967003",
    "0.5, 0.1, 0.286496101756825903"
  })
  void epsilon_is_exact_and_never_below_the_truth(double mu, double delta, double exact) {
    double epsilon = epsilon(ACCOUNTANT, gaussian(1 / mu), delta);
    // 1/mu and back costs a rounding: the truth itself is known to 1e-15 only.
    assertThat(epsilon).isGreaterThanOrEqualTo(exact * (1 - 1e-15));
    assertThat(epsilon).isCloseTo(exact, Percentage.withPercentage(1e-6));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0, 0.382924922548026207",
    "1, 1, 0.126936737506643946",
    "0.1, 1, 1.2308359836427042e-25",
    "0.01, 0.1, 7.85769277103679939e-27",
    "1e-6, 0, 3.98942280401416055e-7",
    "5, 40, 8.82325792000471111e-9",
    "100, 6000, 6.92040185442735686e-24",
    "1000, 500000, 0.499601058118539651",
    "1400, 985000, 0.000177036698181398189"
  })
  void delta_is_exact_and_never_below_the_truth(double mu, double epsilon, double exact) {
    double delta = delta(ACCOUNTANT, gaussian(1 / mu), epsilon);
    assertThat(delta).isGreaterThanOrEqualTo(exact * (1 - 1e-13));
    assertThat(delta).isCloseTo(exact, Percentage.withPercentage(1e-6));
  }

  @ParameterizedTest
  @CsvSource({"1, 1000", "0.1, 1e6", "1e-3, 1e300", "1e-200, 1e-100", "1e-300, 0", "1e-308, 1"})
  void a_delta_smaller_than_any_double_is_rounded_up_and_never_nothing(double mu, double epsilon) {
    assertThat(delta(ACCOUNTANT, gaussian(1 / mu), epsilon)).isPositive().isLessThan(1e-10);
    assertThat(delta(new PldAccountant(), gaussian(1 / mu), epsilon)).isPositive();
    assertThat(delta(new PldAccountant(), run(0.5, 1 / mu, 1), epsilon)).isPositive();
  }

  @ParameterizedTest
  @CsvSource({"1e160, 9223372036854775807", "1e300, 1", "1e200, 1000"})
  void noise_whose_square_is_no_double_is_not_taken_for_nothing(double z, long steps) {
    assertThat(delta(ACCOUNTANT, times(steps, gaussian(z)), 0)).isPositive();
    assertThat(epsilon(ACCOUNTANT, times(steps, gaussian(z)), 1e-5)).isZero();
  }

  @Test
  void epsilon_is_zero_where_delta_alone_covers_it() {
    assertThat(epsilon(ACCOUNTANT, gaussian(1 / 3.0), 0.9)).isZero();
  }

  @Test
  void many_releases_are_one_with_less_noise() {
    assertThat(epsilon(ACCOUNTANT, times(2500, gaussian(50)), 1e-5))
        .isCloseTo(epsilon(ACCOUNTANT, gaussian(1), 1e-5), Percentage.withPercentage(1e-9));
  }

  @Test
  void sampled_events_are_refused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ACCOUNTANT.requireSupported(run(0.1, 1, 1)))
        .withMessageContaining("Poisson");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1",
    "1e-10, 0.999999999887162083",
    "0.01, 0.988815461046342511",
    "0.3, 0.734599334567655142",
    "0.5, 0.615690344192925875",
    "1, 0.427583576155807004",
    "1.7, 0.291663297075343466",
    "2.5, 0.210806364061143581",
    "3.75, 0.145589721275038539",
    "5, 0.110704637733068626",
    "8.3, 0.067491663230041971",
    "12, 0.0468542210148937626",
    "26, 0.0216835848505629066",
    "40, 0.0141003359833778136",
    "100, 0.0056416137829894329",
    "1e4, 0.0000564189580726808412",
    "1e8, 5.64189583547756259e-9",
    "1e17, 5.64189583547756287e-18"
  })
  void the_scaled_error_function_is_exact_to_a_few_units_in_the_last_place(double x, double exact) {
    assertThat(GaussianTail.erfcx(x) / exact - 1).isBetween(-2e-15, 2e-15);
  }
}
