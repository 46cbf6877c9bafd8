package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class SoftmaxCrossEntropyTest {
  /// The definition: mean over examples of `-sum_k t_k log softmax_k`.
  private static double loss(double[] logits, int[] labels, double smoothing) {
    int classes = logits.length / labels.length;
    double loss = 0;
    for (int i = 0; i < labels.length; i++) {
      double sum = 0;
      for (int k = 0; k < classes; k++) {
        sum += Math.exp(logits[i * classes + k]);
      }
      for (int k = 0; k < classes; k++) {
        double target = smoothing / classes + (k == labels[i] ? 1 - smoothing : 0);
        loss -= target * Math.log(Math.exp(logits[i * classes + k]) / sum) / labels.length;
      }
    }
    return loss;
  }

  @Test
  void loss_hits_and_gradient_equal_their_definition() {
    Randoms random = new Randoms(71);
    for (int batch : new int[] {1, 2, 13}) {
      for (int classes : new int[] {1, 2, 10, 33}) {
        for (float smoothing : new float[] {0, 0.1f}) {
          try (Arena arena = Arena.ofConfined()) {
            Tensor logits = random.tensor(arena, batch, classes);
            Elementwise.scale(5, logits);
            Tensor gradient = Randoms.unset(arena, batch, classes);
            int[] labels = new int[batch];
            int hits = 0;
            for (int i = 0; i < batch; i++) {
              labels[i] = random.below(classes);
              int best = 0;
              for (int k = 1; k < classes; k++) {
                best = logits.get(i * classes + k) > logits.get(i * classes + best) ? k : best;
              }
              hits += best == labels[i] ? 1 : 0;
            }
            var result = SoftmaxCrossEntropy.evaluate(logits, labels, smoothing, gradient);
            double[] z = Expect.doubles(logits);
            assertThat(result.meanLoss()).isCloseTo(loss(z, labels, smoothing), within(1e-12));
            assertThat(result.correct()).isEqualTo(hits);
            FiniteDifferences.check("dLogits", v -> loss(v, labels, smoothing), z, gradient, 1e-7);
            assertThat(SoftmaxCrossEntropy.evaluate(logits, labels, smoothing, null))
                .isEqualTo(result);
            SoftmaxCrossEntropy.evaluate(logits, labels, smoothing, logits);
            assertThat(logits.toArray()).isEqualTo(gradient.toArray());
          }
        }
      }
    }
  }

  @Test
  void large_logits_do_not_overflow() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor logits = Tensor.allocate(arena, 2, 2).copyFrom(new float[] {1e30f, 0, 0, 1e4f});
      Tensor gradient = Tensor.allocate(arena, 2, 2);
      var result = SoftmaxCrossEntropy.evaluate(logits, new int[] {0, 0}, 0, gradient);
      assertThat(result.meanLoss()).isEqualTo(5000);
      assertThat(result.correct()).isEqualTo(1);
      assertThat(gradient.toArray()).containsExactly(0, 0, -0.5f, 0.5f);
    }
  }

  @Test
  void of_equal_logits_the_first_counts() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor logits = Tensor.allocate(arena, 2, 3);
      assertThat(SoftmaxCrossEntropy.evaluate(logits, new int[] {0, 1}, 0, null).correct())
          .isEqualTo(1);
    }
  }

  @Test
  void a_diverged_network_is_a_state_error() {
    try (Arena arena = Arena.ofConfined()) {
      for (float poison : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
        Tensor logits = Tensor.allocate(arena, 2, 3);
        logits.set(4, poison);
        assertThatThrownBy(() -> SoftmaxCrossEntropy.evaluate(logits, new int[] {0, 0}, 0, null))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("logit 1 of example 1");
      }
    }
  }

  @Test
  void misuse_is_refused() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor logits = Tensor.allocate(arena, 2, 3);
      assertThatThrownBy(() -> SoftmaxCrossEntropy.evaluate(logits, new int[] {0}, 0, null))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> SoftmaxCrossEntropy.evaluate(logits, new int[] {0, 3}, 0, null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("labels must be from 0 to 2: 3");
      assertThatThrownBy(() -> SoftmaxCrossEntropy.evaluate(logits, new int[] {0, 0}, 1, null))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
