package asymml.privacy;

import static asymml.privacy.Events.all;
import static asymml.privacy.Events.delta;
import static asymml.privacy.Events.epsilon;
import static asymml.privacy.Events.gaussian;
import static asymml.privacy.Events.run;
import static asymml.privacy.Events.times;
import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class RdpAccountantTest {
  private static final Accountant ACCOUNTANT = new RdpAccountant();

  @ParameterizedTest
  @MethodSource("asymml.privacy.ReferenceCasesTest#all")
  void epsilon_meets_the_reference_to_a_tenth_of_a_per_cent(ReferenceCasesTest.Case reference) {
    assertThat(epsilon(ACCOUNTANT, reference.run(), reference.delta()))
        .isCloseTo(reference.rdp(), Percentage.withPercentage(0.1));
  }

  /// Origin: the formulas of arXiv 1908.10530 with every series term by its absolute value, orders
  /// without convergence after 1000 terms left out, evaluated in NumPy and SciPy for this test.
  @ParameterizedTest
  @CsvSource({
    "0.01, 1, 1, 1e-5, 0.9555491480288791",
    "0.01, 2, 10000, 1e-6, 2.6291418985850648",
    "0.1, 0.5, 1000, 1e-5, 236.45141678090593",
    "0.0001, 0.3, 1000000, 1e-5, 80.62387584856145",
    "0.5, 0.5, 10, 1e-3, 27.679357210695013",
    "0.0001, 50, 1000000, 1e-5, 0.005549903173576721",
    "0.0001, 1, 1, 1e-10, 1.0625817147459926",
    "0.001, 4, 100000, 1e-8, 0.41826023352175334",
    "0.9, 10, 50, 1e-7, 3.4565782226547443",
    "0.01, 0.0078125, 1000, 1e-5, 8960654.90621171",
    "0.3, 0.2, 100, 1e-5, 659.3355864294485",
    "0.02, 1000, 100, 1e-9, 0.012525155368352189"
  })
  void epsilon_meets_the_formulas_at_hostile_parameters(
      double q, double z, long steps, double delta, double expected) {
    assertThat(epsilon(ACCOUNTANT, run(q, z, steps), delta))
        .isCloseTo(expected, Percentage.withPercentage(1e-6));
  }

  @Test
  void epsilon_is_zero_where_the_divergence_alone_covers_delta() {
    assertThat(epsilon(ACCOUNTANT, run(1e-4, 1, 1), 1e-3)).isZero();
  }

  @Test
  void delta_inverts_epsilon() {
    for (double delta : new double[] {1e-3, 1e-5, 1e-10}) {
      PrivacyEvent run = run(0.01, 1, 5000);
      assertThat(delta(ACCOUNTANT, run, epsilon(ACCOUNTANT, run, delta)))
          .isCloseTo(delta, Percentage.withPercentage(1e-6));
    }
  }

  @Test
  void divergences_of_different_steps_add() {
    double together = epsilon(ACCOUNTANT, all(run(0.01, 1, 500), run(0.01, 1, 500)), 1e-5);
    assertThat(together).isEqualTo(epsilon(ACCOUNTANT, run(0.01, 1, 1000), 1e-5));
    assertThat(epsilon(ACCOUNTANT, all(run(0.01, 1, 1000), times(3, gaussian(10))), 1e-5))
        .isGreaterThan(together);
  }

  @Test
  void a_divergence_is_never_negative() {
    // Numerically ln(A) is 0 here; a bound must stay above.
    assertThat(RenyiMoment.log(1e-9, 1e6, 1.1)).isPositive();
    assertThat(RenyiMoment.log(1e-9, 1e6, 64)).isPositive();
  }
}
