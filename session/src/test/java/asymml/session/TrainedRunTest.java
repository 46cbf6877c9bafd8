package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainedRunTest {
  @TempDir Path folder;

  @Test
  void probabilities_sum_to_one_even_for_huge_logits() {
    double[] p = TrainedRun.softmax(new float[] {1e30f, 1e30f, -1e30f});
    assertThat(p).containsExactly(new double[] {0.5, 0.5, 0}, within(1e-12));
  }

  @Test
  void a_folder_without_a_checkpoint_is_no_trained_run() {
    assertThatThrownBy(() -> TrainedRun.open(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder + " holds no trained model");
  }
}
