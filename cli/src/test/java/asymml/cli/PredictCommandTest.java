package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class PredictCommandTest {
  @Test
  void probabilities_sum_to_one_even_for_huge_logits() {
    double[] p = PredictCommand.softmax(new float[] {1e30f, 1e30f, -1e30f});
    assertThat(p).containsExactly(new double[] {0.5, 0.5, 0}, within(1e-12));
  }
}
