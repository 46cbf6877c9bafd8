package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
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
  void an_example_without_a_label_has_no_loss_and_no_gradient_and_is_not_counted() {
    Randoms random = new Randoms(72);
    int batch = 13;
    for (int classes : new int[] {1, 2, 33}) {
      for (int missing : new int[] {1, 6, 12, 13}) {
        try (Arena arena = Arena.ofConfined()) {
          Tensor logits = random.tensor(arena, batch, classes);
          int[] labels = new int[batch];
          for (int i = 0; i < batch; i++) {
            labels[i] = random.below(classes);
          }
          for (int i = 0; i < missing; i++) {
            labels[5 * i % batch] = SoftmaxCrossEntropy.NO_LABEL;
          }
          // The rest by itself: what the result must be as if the others had not been there.
          Tensor rest = Randoms.unset(arena, Math.max(1, batch - missing), classes);
          Tensor expected = Randoms.unset(arena, Math.max(1, batch - missing), classes);
          int[] own = Arrays.stream(labels).filter(l -> l >= 0).toArray();
          int next = 0;
          for (int i = 0; i < batch; i++) {
            if (labels[i] >= 0) {
              rest.examples(next++, 1).copyFrom(logits.examples(i, 1));
            }
          }
          Tensor gradient = Randoms.unset(arena, batch, classes);
          var result = SoftmaxCrossEntropy.evaluate(logits, labels, 0.1f, 7, gradient);
          assertThat(result.examples()).isEqualTo(batch - missing);
          if (missing < batch) {
            var alone = SoftmaxCrossEntropy.evaluate(rest, own, 0.1f, 7, expected);
            assertThat(result).isEqualTo(alone);
            assertThat(result.meanLoss()).isEqualTo(result.lossSum() / (batch - missing));
          } else {
            assertThat(result).isEqualTo(new SoftmaxCrossEntropy.Result(0, 0, 0));
            assertThat(result.meanLoss()).isZero();
          }
          next = 0;
          for (int i = 0; i < batch; i++) {
            float[] row = gradient.examples(i, 1).toArray();
            assertThat(row)
                .isEqualTo(
                    labels[i] < 0 ? new float[classes] : expected.examples(next++, 1).toArray());
          }
          assertThat(SoftmaxCrossEntropy.evaluate(logits, labels, 0.1f, 7, null)).isEqualTo(result);
          SoftmaxCrossEntropy.evaluate(logits, labels, 0.1f, 7, logits);
          assertThat(logits.toArray()).isEqualTo(gradient.toArray());
        }
      }
    }
  }

  @Test
  void a_class_s_weight_multiplies_loss_and_gradient_of_its_examples_and_not_the_hits() {
    Randoms random = new Randoms(74);
    List<Float> weights = List.of(0.5f, 3f, 1f);
    int[] labels = {2, 0, 1, SoftmaxCrossEntropy.NO_LABEL, 1};
    try (Arena arena = Arena.ofConfined()) {
      Tensor logits = random.tensor(arena, 5, 3);
      Tensor gradient = Randoms.unset(arena, 5, 3);
      SoftmaxCrossEntropy.Terms terms = new SoftmaxCrossEntropy.Terms(0.1f, weights);
      var result = SoftmaxCrossEntropy.evaluate(logits, labels, terms, 2, gradient);
      double loss = 0;
      int correct = 0;
      for (int i = 0; i < 5; i++) {
        Tensor own = Randoms.unset(arena, 1, 3);
        var alone =
            SoftmaxCrossEntropy.evaluate(
                logits.examples(i, 1), new int[] {labels[i]}, 0.1f, 2, own);
        double weight = labels[i] < 0 ? 0 : weights.get(labels[i]);
        loss += weight * alone.lossSum();
        correct += alone.correct();
        for (int k = 0; k < 3; k++) {
          double expected = weight * own.get(k);
          assertThat((double) gradient.get(3 * i + k))
              .isCloseTo(expected, within(2.01 * Expect.EPS * Math.abs(expected)));
        }
      }
      assertThat(result.lossSum()).isCloseTo(loss, within(1e-12));
      assertThat(result.correct()).isEqualTo(correct);
      assertThat(result.examples()).isEqualTo(4);
      assertThatThrownBy(() ->
              SoftmaxCrossEntropy.evaluate(
                  logits, labels, new SoftmaxCrossEntropy.Terms(0, List.of(1f)), 1, null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("1 class weights for 3 classes");
    }
    for (float bad : new float[] {0, -1, Float.NaN, Float.POSITIVE_INFINITY}) {
      assertThatThrownBy(() -> new SoftmaxCrossEntropy.Terms(0, List.of(bad)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("class weights must be above 0 and finite: " + bad);
    }
  }

  @Test
  void the_divisor_scales_the_gradient_and_nothing_else() {
    Randoms random = new Randoms(73);
    try (Arena arena = Arena.ofConfined()) {
      Tensor logits = random.tensor(arena, 5, 7);
      int[] labels = {0, 6, SoftmaxCrossEntropy.NO_LABEL, 3, 3};
      Tensor whole = Randoms.unset(arena, 5, 7);
      var result = SoftmaxCrossEntropy.evaluate(logits, labels, 0.1f, 1, whole);
      for (double divisor : new double[] {0.3, 1, 4, 5, 1e6}) {
        Tensor gradient = Randoms.unset(arena, 5, 7);
        assertThat(SoftmaxCrossEntropy.evaluate(logits, labels, 0.1f, divisor, gradient))
            .isEqualTo(result);
        for (int i = 0; i < 35; i++) {
          // Each is rounded to float32 once.
          double expected = whole.get(i) / divisor;
          assertThat((double) gradient.get(i))
              .isCloseTo(expected, within(2.01 * Expect.EPS * Math.abs(expected)));
        }
      }
      int[] all = {0, 6, 1, 3, 3};
      Tensor mean = Randoms.unset(arena, 5, 7);
      Tensor fifth = Randoms.unset(arena, 5, 7);
      assertThat(SoftmaxCrossEntropy.evaluate(logits, all, 0.1f, mean))
          .isEqualTo(SoftmaxCrossEntropy.evaluate(logits, all, 0.1f, 5, fifth));
      assertThat(mean.toArray()).isEqualTo(fifth.toArray());
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
      // Below NO_LABEL is no label either; and a mean has no place for an example without one.
      assertThatThrownBy(() -> SoftmaxCrossEntropy.evaluate(logits, new int[] {0, -2}, 0, 2, null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("labels must be from 0 to 2: -2");
      assertThatThrownBy(() -> SoftmaxCrossEntropy.evaluate(logits, new int[] {0, -1}, 0, null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("every label: -1");
      for (double divisor : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
        assertThatThrownBy(
                () -> SoftmaxCrossEntropy.evaluate(logits, new int[] {0, 0}, 0, divisor, null))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(Double.toString(divisor));
      }
    }
  }
}
