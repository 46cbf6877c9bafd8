package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// Weights of gradients in a sum, against matrices that are inverted by hand: the matrix of inner
/// products, with 0.1 added to each squared norm.
class GradientGramTest {
  private static final int VALUES = 4000;

  /// A gradient of norm 1 whose values are of alternating sign in one part of four.
  private static float[] quarter(int part) {
    float[] gradient = new float[VALUES];
    for (int i = part * VALUES / 4; i < (part + 1) * VALUES / 4; i++) {
      gradient[i] = (float) ((i % 2 == 0 ? 1 : -1) / Math.sqrt(VALUES / 4.0));
    }
    return gradient;
  }

  @Test
  void one_gradient_is_divided_by_its_squared_norm_and_a_tenth() {
    GradientGram gram = new GradientGram(1, 3);
    gram.add(0, "fc.weight", new float[] {0, 3, 0}, 4);
    // 0.75^2 + 0.1
    assertThat(gram.solve(new double[] {0.6625})).containsExactly(new double[] {1}, within(1e-9));
  }

  @Test
  void parts_of_a_gradient_by_several_parameters_add_up() {
    GradientGram gram = new GradientGram(1, 3);
    gram.add(0, "conv1.weight", new float[] {1}, 1);
    gram.add(0, "fc.weight", new float[] {2}, 1);
    // 1 + 4 + 0.1, unless both fall into one of 8192 places.
    assertThat(gram.solve(new double[] {5.1})).containsExactly(new double[] {1}, within(1e-6));
  }

  /// `[[1.1, 1], [1, 1.1]]` times `[a, a]` is `2.1 a`.
  @Test
  void two_equal_gradients_share_what_they_have_in_common() {
    GradientGram gram = new GradientGram(2, 3);
    for (int canary = 0; canary < 2; canary++) {
      gram.add(canary, "w", new float[] {1}, 1);
    }
    assertThat(gram.solve(new double[] {2.1, 2.1}))
        .containsExactly(new double[] {1, 1}, within(1e-6));
    // And the other eigenvector: 0.1 a.
    assertThat(gram.solve(new double[] {0.1, -0.1}))
        .containsExactly(new double[] {1, -1}, within(1e-6));
  }

  @Test
  void gradients_without_a_value_in_common_are_told_apart() {
    GradientGram gram = new GradientGram(4, 11);
    for (int canary = 0; canary < 4; canary++) {
      gram.add(canary, "w", quarter(canary), 1);
    }
    // Of the sum of the first and three times the last; products of sketches are good to 0.01 or
    // so.
    double[] weights = gram.solve(new double[] {1.1, 0, 0, 3.3});
    assertThat(weights).containsExactly(new double[] {1, 0, 0, 3}, within(0.15));
  }

  /// The second of three gradients is half the first and half the third.
  @Test
  void what_a_gradient_has_in_common_with_others_is_taken_off() {
    float[] mixed = new float[VALUES];
    for (int i = 0; i < VALUES; i++) {
      mixed[i] = 0.5f * quarter(0)[i] + 0.5f * quarter(1)[i];
    }
    GradientGram gram = new GradientGram(3, 11);
    gram.add(0, "w", quarter(0), 1);
    gram.add(1, "w", mixed, 1);
    gram.add(2, "w", quarter(1), 1);
    // Products of the first with each are 1, 0.5 and 0. By Cramer's rule, with the determinant
    // 1.1 (0.66 - 0.25) - 0.5 0.55 = 0.176 of [[1.1, 0.5, 0], [0.5, 0.6, 0.5], [0, 0.5, 1.1]].
    assertThat(gram.solve(new double[] {1, 0.5, 0}))
        .containsExactly(new double[] {0.135 / 0.176, 0.055 / 0.176, -0.025 / 0.176}, within(0.1));
  }

  @Test
  void values_that_are_not_finite_and_gradients_of_infinite_length_count_as_nothing() {
    GradientGram gram = new GradientGram(2, 3);
    gram.add(0, "w", new float[] {Float.NaN, 1, Float.POSITIVE_INFINITY}, 1);
    gram.add(1, "v", new float[] {5, 5}, Double.POSITIVE_INFINITY);
    assertThat(gram.solve(new double[] {1.1, 0.1}))
        .containsExactly(new double[] {1, 1}, within(1e-6));
  }

  @Test
  void an_answer_depends_on_nothing_but_gradients_and_seed() {
    SplittableRandom random = new SplittableRandom(1);
    float[][] gradients = new float[3][VALUES];
    for (float[] gradient : gradients) {
      for (int i = 0; i < VALUES; i++) {
        gradient[i] = (float) random.nextGaussian();
      }
    }
    double[][] answers = new double[2][];
    for (int time = 0; time < 2; time++) {
      GradientGram gram = new GradientGram(3, 4);
      for (int canary = 0; canary < 3; canary++) {
        gram.add(canary, "w", gradients[canary], Math.sqrt(VALUES));
      }
      answers[time] = gram.solve(new double[] {1, 0, 0});
    }
    assertThat(answers[0]).isEqualTo(answers[1]);
    assertThat(Arrays.stream(answers[0]).max()).hasValue(answers[0][0]);
  }
}
