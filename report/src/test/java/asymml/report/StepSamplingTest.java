package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import asymml.privacy.SamplingRate;
import org.junit.jupiter.api.Test;

class StepSamplingTest {
  @Test
  void sizes_give_the_rate_and_whole_epochs_with_a_smaller_last_batch() {
    var sampling = new StepSampling.BySizes(256, 60_000);
    assertThat(sampling.rate()).isEqualTo(new SamplingRate(256.0 / 60_000));
    assertThat(sampling.stepsPerEpoch()).isEqualTo(235);
    assertThat(sampling.epochs(235 * 7)).isEqualTo(7);
    assertThat(sampling.epochs(235 * 7 - 1)).isEqualTo(6.9957); // 6.99574...
    assertThat(new StepSampling.BySizes(100, 1000).stepsPerEpoch()).isEqualTo(10);
    assertThat(new StepSampling.BySizes(5, 5).rate()).isEqualTo(new SamplingRate(1));
  }

  @Test
  void an_epoch_by_rate_is_as_many_steps_as_draw_each_example_once_on_average() {
    var sampling = new StepSampling.ByRate(new SamplingRate(0.01));
    for (int epochs = 0; epochs < 1000; epochs++) {
      assertThat(sampling.epochs(100L * epochs)).isEqualTo(epochs);
    }
    assertThat(sampling.epochs(3712)).isEqualTo(37.12);
    assertThat(new StepSampling.ByRate(new SamplingRate(1)).epochs(123_456)).isEqualTo(123_450);
  }

  @Test
  void impossible_sizes_are_refused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new StepSampling.BySizes(0, 10))
        .withMessageContaining("at least 1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new StepSampling.BySizes(11, 10))
        .withMessageContaining("11 cannot be drawn from 10");
  }
}
