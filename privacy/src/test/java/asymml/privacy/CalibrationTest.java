package asymml.privacy;

import static asymml.privacy.Events.all;
import static asymml.privacy.Events.epsilon;
import static asymml.privacy.Events.gaussian;
import static asymml.privacy.Events.run;
import static asymml.privacy.Events.sampled;
import static asymml.privacy.Events.times;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CalibrationTest {
  private static final PrivacyEvent NOTHING = new PrivacyEvent.NoOp();

  private static Calibration calibration(Accountant accountant, double epsilon) {
    return new Calibration(accountant, new PrivacyBudget(new Epsilon(epsilon), new Delta(1e-5)));
  }

  @ParameterizedTest
  @MethodSource("asymml.privacy.Events#accountants")
  void the_noise_is_enough_and_hardly_more(Accountant accountant) {
    double q = accountant instanceof GaussianAccountant ? 1 : 0.01;
    for (double target : new double[] {0.5, 3, 50}) {
      double z =
          calibration(accountant, target)
              .noiseMultiplier(noise -> run(q, noise.value(), 1000))
              .value();
      assertThat(epsilon(accountant, run(q, z, 1000), 1e-5)).isLessThanOrEqualTo(target);
      assertThat(epsilon(accountant, run(q, z * (1 - 2e-4), 1000), 1e-5)).isGreaterThan(target);
    }
  }

  @Test
  void the_steps_are_inside_and_one_more_is_not() {
    for (Accountant accountant : Events.accountants()) {
      PrivacyEvent step =
          accountant instanceof GaussianAccountant ? gaussian(50) : sampled(0.01, gaussian(1.1));
      long steps = calibration(accountant, 2).steps(NOTHING, step);
      assertThat(steps).isPositive();
      assertThat(epsilon(accountant, times(steps, step), 1e-5)).isLessThanOrEqualTo(2);
      assertThat(epsilon(accountant, times(steps + 1, step), 1e-5)).isGreaterThan(2);
    }
  }

  @Test
  void noise_and_steps_are_inverse() {
    Calibration calibration = calibration(new RdpAccountant(), 3);
    NoiseMultiplier z = calibration.noiseMultiplier(noise -> run(0.01, noise.value(), 1000));
    long steps = calibration.steps(NOTHING, sampled(0.01, new PrivacyEvent.Gaussian(z)));
    assertThat(steps).isBetween(1000L, 1001L);
  }

  @Test
  void what_has_been_spent_is_not_sold_again() {
    Calibration calibration = calibration(new RdpAccountant(), 3);
    PrivacyEvent step = sampled(0.01, gaussian(1.1));
    long all = calibration.steps(NOTHING, step);
    assertThat(calibration.steps(times(100, step), step)).isEqualTo(all - 100);
    assertThat(calibration.steps(times(all, step), step)).isZero();
    assertThat(calibration.steps(all(gaussian(0.1)), step)).isZero();
    assertThat(calibration.epochs(NOTHING, new SamplingRate(0.01), gaussian(1.1)))
        .isCloseTo(all * 0.01, within(1e-9));
  }

  @Test
  void an_unprotected_release_cannot_be_bought() {
    Calibration calibration = calibration(new RdpAccountant(), 1e6);
    PrivacyEvent leak = new PrivacyEvent.Unprotected("weights sent unprotected");
    assertThat(calibration.steps(leak, gaussian(1000))).isZero();
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> calibration.noiseMultiplier(z -> all(leak, times(1, gaussian(z.value())))))
        .withMessageContaining("no noise");
  }
}
