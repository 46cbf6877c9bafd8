package asymml.privacy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ReleaseTest {
  private static final NoiseMultiplier Z = new NoiseMultiplier(0.25);

  private static Release of(long values, Release.Mechanism mechanism) {
    return new Release(Channel.GRADIENTS, "conv", values, mechanism);
  }

  @Test
  void each_mechanism_is_the_event_that_it_costs() {
    assertThat(of(1, new Release.Gaussian(new ClipNorm(7), Z)).event())
        .isEqualTo(new PrivacyEvent.Gaussian(Z));
    assertThat(of(1, new Release.PostProcessing("noised sums")).event())
        .isEqualTo(new PrivacyEvent.NoOp());
    assertThat(of(1, new Release.Uncovered("sent unprotected")).event())
        .isEqualTo(new PrivacyEvent.Unprotected("sent unprotected"));
  }

  @Test
  void the_cost_of_noise_depends_on_neither_the_bound_nor_the_size() {
    PrivacyEvent event = of(1, new Release.Gaussian(new ClipNorm(1e-9), Z)).event();
    assertThat(of(1L << 40, new Release.Gaussian(new ClipNorm(1e9), Z)).event()).isEqualTo(event);
  }

  @Test
  void the_noise_ratio_is_the_expected_norm_of_the_noise_over_the_bound() {
    for (double clip : new double[] {1e-3, 1, 1e3}) {
      Release.Gaussian mechanism = new Release.Gaussian(new ClipNorm(clip), Z);
      // E |noise|^2 = values sigma^2, with sigma = z C.
      double sigma = mechanism.clipNorm().noiseDeviation(Z);
      for (long values : new long[] {1, 13, 16_384, 1L << 40}) {
        double expected = Math.sqrt(values * sigma * sigma) / clip;
        double ratio = of(values, mechanism).noiseRatio();
        // Five roundings on one side, two on the other.
        assertThat(Math.abs(ratio - expected)).isLessThanOrEqualTo(7 * 0x1p-53 * expected);
      }
    }
  }

  @Test
  void without_noise_of_its_own_the_ratio_is_zero() {
    assertThat(of(100, new Release.PostProcessing("noised sums")).noiseRatio()).isZero();
    assertThat(of(100, new Release.Uncovered("sent unprotected")).noiseRatio()).isZero();
  }

  @Test
  void a_release_of_nothing_is_refused() {
    for (long values : new long[] {0, -1, Long.MIN_VALUE}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> of(values, new Release.PostProcessing("noised sums")))
          .withMessageContaining(Long.toString(values));
    }
  }

  @Test
  void a_statement_never_lacks_its_reason() {
    for (String blank : new String[] {"", " ", "\n"}) {
      assertThatIllegalArgumentException().isThrownBy(() -> new Release.Uncovered(blank));
      assertThatIllegalArgumentException().isThrownBy(() -> new Release.PostProcessing(blank));
    }
  }

  @Test
  void the_labels_of_channels_are_those_of_the_files() {
    assertThat(Arrays.stream(Channel.values()).map(Channel::label))
        .containsExactly("residuals", "gradients", "weights", "basis");
  }
}
