package asymml.trusted.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class MaskPrecisionTest {
  private static Release masked(Channel channel, double z, long values) {
    return new Release(
        channel, "conv1", values, new Release.Gaussian(new ClipNorm(1), new NoiseMultiplier(z)));
  }

  /// What the constant stands for: a float32 sum `x + m`, with m taken off again, is off by up to
  /// half a unit in the last place of m.
  @Test
  void rounding_of_masked_values_is_below_what_is_predicted() {
    SplittableRandom random = new SplittableRandom(5);
    for (double ratio : new double[] {10, 1000, 20_000}) {
      double error = 0;
      double signal = 0;
      for (int i = 0; i < 20_000; i++) {
        float x = (float) random.nextGaussian();
        float mask = (float) (ratio * random.nextGaussian());
        double off = (double) (x + mask) - mask - x;
        error += off * off;
        signal += (double) x * x;
      }
      // The release of 1 value at noise multiplier z has the ratio z.
      double predicted = MaskPrecision.predicted(masked(Channel.RESIDUALS, ratio, 1));
      assertThat(Math.sqrt(error / signal)).isBetween(predicted / 100, predicted);
    }
  }

  @Test
  void the_error_predicted_grows_with_the_ratio_and_not_with_the_multiplier_alone() {
    assertThat(MaskPrecision.predicted(masked(Channel.GRADIENTS, 2, 10_000)))
        .isCloseTo(MaskPrecision.ERROR * 200, within(1e-18));
    assertThat(MaskPrecision.predicted(masked(Channel.GRADIENTS, 20, 100)))
        .isCloseTo(MaskPrecision.ERROR * 200, within(1e-18));
  }

  @ParameterizedTest
  @EnumSource(
      value = Channel.class,
      names = {"RESIDUALS", "GRADIENTS"})
  void masks_are_refused_above_the_largest_error_with_the_numbers(Channel channel) {
    double limit = MaskPrecision.LARGEST / MaskPrecision.ERROR;
    assertThatCode(() -> MaskPrecision.require(masked(channel, limit * 0.999, 1)))
        .doesNotThrowAnyException();
    assertThatThrownBy(() -> MaskPrecision.require(masked(channel, limit * 2, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "at a mask-to-signal ratio of 40000 for %s of conv1 the error after removing masks is about 0.020, above 0.010: lower the noise multiplier or raise the target epsilon",
            channel.label());
  }

  /// Noise that stays costs accuracy, which is another matter.
  @Test
  void what_is_no_mask_has_no_such_error() {
    for (Channel channel : Set.of(Channel.WEIGHTS, Channel.BASIS)) {
      assertThatCode(() -> MaskPrecision.require(masked(channel, 1e9, 1 << 20)))
          .doesNotThrowAnyException();
    }
    Release open =
        new Release(Channel.RESIDUALS, "conv1", 1 << 30, new Release.Uncovered("a test"));
    assertThatCode(() -> MaskPrecision.require(open)).doesNotThrowAnyException();
  }

  @Test
  void the_largest_error_of_a_run_is_that_of_its_worst_mask() {
    List<Release> ordinary =
        List.of(masked(Channel.RESIDUALS, 10, 100), masked(Channel.WEIGHTS, 1e6, 100));
    List<Release> other = List.of(masked(Channel.GRADIENTS, 10, 400));
    Ledger ledger =
        new Ledger(
            new Sampling.Shuffled(100, 10),
            new Delta(1e-5),
            List.of(new Ledger.Entry(ordinary, 3), new Ledger.Entry(other, 1)),
            2);
    assertThat(MaskPrecision.largest(ledger)).isCloseTo(200 * MaskPrecision.ERROR, within(1e-15));
    Ledger none = new Ledger(new Sampling.Shuffled(100, 10), new Delta(1e-5), List.of(), 2);
    assertThat(MaskPrecision.largest(none)).isZero();
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -0.5, 1.0000001, Double.NaN, Double.POSITIVE_INFINITY})
  void a_share_of_positions_that_is_none_is_refused(double positions) {
    assertThatThrownBy(() -> new Shield.Shares(positions))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("above 0 and up to 1: " + positions);
  }

  @Test
  void a_shield_of_two_workers_masks_and_may_sample_positions() {
    Shield residual = new Shield.Residual();
    assertThat(residual.masks()).isFalse();
    assertThat(residual.workers()).isEqualTo(1);
    assertThat(residual.samplesGradients()).isFalse();
    for (double positions : new double[] {Double.MIN_VALUE, 0.25, 1}) {
      Shield shares = new Shield.Shares(positions);
      assertThat(shares.masks()).isTrue();
      assertThat(shares.workers()).isEqualTo(2);
      assertThat(shares.gradientPositions()).isEqualTo(positions);
      assertThat(shares.samplesGradients()).isEqualTo(positions < 1);
    }
    assertThat(new Shield.Shares(1)).hasToString("shares");
    assertThat(new Shield.Shares(0.25))
        .hasToString("shares, weight gradients from 0.25 of the positions");
  }
}
