package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Initializer;
import asymml.model.Parameter;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Canaries against the gradients of their network, computed here by the chain rule in double
/// precision.
class CanariesTest {
  private static final int UNITS = 4;
  private static final long SEED = 5;

  /// What a canary does in the network.
  ///
  /// @param pixel its one value that is not 0
  /// @param units outputs of the first layer
  /// @param byLogits the gradient of its loss by the two logits
  /// @param byUnits the same by the outputs of the first layer
  private record Truth(double pixel, double[] units, double[] byLogits, double[] byUnits) {
    static Truth of(Canaries canaries, int canary) {
      float[] first = weights(canaries, Canaries.HIDDEN);
      float[] second = weights(canaries, Canaries.CLASSIFIER);
      double pixel = 1 / canaries.normalization().standardDeviation()[0];
      double[] units = new double[UNITS];
      double[] logits = new double[2];
      for (int unit = 0; unit < UNITS; unit++) {
        units[unit] = pixel * first[unit * Canaries.COUNT + canary];
        logits[0] += second[unit] * units[unit];
        logits[1] += second[UNITS + unit] * units[unit];
      }
      double one = 1 / (1 + Math.exp(logits[1] - logits[0]));
      int label = canaries.images().label(canary);
      double[] byLogits = {one - (label == 0 ? 1 : 0), 1 - one - (label == 1 ? 1 : 0)};
      double[] byUnits = new double[UNITS];
      for (int unit = 0; unit < UNITS; unit++) {
        byUnits[unit] = byLogits[0] * second[unit] + byLogits[1] * second[UNITS + unit];
      }
      return new Truth(pixel, units, byLogits, byUnits);
    }

    private static float[] weights(Canaries canaries, String layer) {
      Parameter weight =
          canaries.graph().parameters().stream()
              .filter(p -> p.name().equals(layer + ".weight"))
              .findFirst()
              .orElseThrow();
      return new Initializer(SEED).values(weight);
    }

    /// Of the gradient by the first layer's weights.
    double firstNorm() {
      return pixel * length(byUnits);
    }

    /// Of the gradient by all weights and biases.
    double norm() {
      return Math.sqrt(
          (pixel * pixel + 1) * square(byUnits) + (square(units) + 1) * square(byLogits));
    }
  }

  private static double square(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value * value;
    }
    return sum;
  }

  private static double length(double[] values) {
    return Math.sqrt(square(values));
  }

  private static double cosine(double[] a, double[] b) {
    double product = 0;
    for (int i = 0; i < a.length; i++) {
      product += a[i] * b[i];
    }
    return product / (length(a) * length(b));
  }

  /// What clipped gradients of some canaries add to the first layer's part of a sum.
  private static float[] sum(Canaries canaries, int... there) {
    float[] sum = new float[UNITS * Canaries.COUNT];
    for (int canary : there) {
      Truth truth = Truth.of(canaries, canary);
      for (int unit = 0; unit < UNITS; unit++) {
        sum[unit * Canaries.COUNT + canary] =
            (float) (truth.pixel * truth.byUnits[unit] / truth.norm());
      }
    }
    return sum;
  }

  private static IntStream all() {
    return IntStream.range(0, Canaries.COUNT);
  }

  @Test
  void each_image_has_one_bright_pixel_where_no_other_has_one() {
    Canaries canaries = new Canaries(1, SEED);
    byte[] pixels = new byte[canaries.images().shape().size()];
    assertThat(canaries.images().size()).isEqualTo(Canaries.COUNT).isEqualTo(pixels.length);
    for (int canary : new int[] {0, 1, 517, Canaries.COUNT - 1}) {
      canaries.images().pixels(canary, pixels);
      int own = canary;
      assertThat(IntStream.range(0, pixels.length).filter(i -> pixels[i] != 0))
          .containsExactly(own);
      assertThat(pixels[own]).isEqualTo((byte) 255);
    }
  }

  @Test
  void labels_are_of_the_class_that_the_network_prefers_less() {
    Canaries canaries = new Canaries(1, SEED);
    assertThat(all().map(canaries.images()::label).distinct()).containsExactlyInAnyOrder(0, 1);
    assertThat(all().mapToDouble(i -> Math.abs(Truth.of(canaries, i).byLogits[0])))
        .allMatch(missing -> missing >= 0.5 - 1e-6 && missing <= 1);
  }

  /// So that clipping makes all of them as long as it allows.
  @ParameterizedTest
  @ValueSource(doubles = {1e-3, 1, 50, 1e4})
  void gradients_are_four_times_the_clip_norm_or_more(double maxGradNorm) {
    Canaries canaries = new Canaries(maxGradNorm, SEED);
    assertThat(all().mapToDouble(i -> Truth.of(canaries, i).firstNorm()).min().orElseThrow())
        .isGreaterThan(4 * maxGradNorm * (1 - 1e-5));
  }

  @Test
  void the_first_layer_has_nearly_all_of_a_gradient() {
    Canaries canaries = new Canaries(1e-3, SEED);
    assertThat(
            all()
                .mapToObj(i -> Truth.of(canaries, i))
                .mapToDouble(truth -> truth.firstNorm() / truth.norm())
                .min()
                .orElseThrow())
        .isGreaterThan(0.95);
  }

  @Test
  void a_score_tells_which_clipped_gradients_are_in_a_sum() {
    Canaries canaries = new Canaries(1, SEED);
    float[] sum = sum(canaries, 3, 700);
    assertThat(canaries.score(3, sum)).isBetween(0.95, 1.0);
    assertThat(canaries.score(700, sum)).isBetween(0.95, 1.0);
    assertThat(all().filter(i -> i != 3 && i != 700).mapToDouble(i -> canaries.score(i, sum)))
        .containsOnly(0.0);
  }

  @Test
  void directions_are_those_of_the_true_tensors_with_norm_1() {
    Canaries canaries = new Canaries(1, SEED);
    for (int canary : new int[] {0, 9, 1023}) {
      Truth truth = Truth.of(canaries, canary);
      double[] pixel = new double[Canaries.COUNT];
      pixel[canary] = truth.pixel;
      double[][] found = {
        canaries.input(Canaries.HIDDEN, canary),
        canaries.input(Canaries.CLASSIFIER, canary),
        canaries.outputGradient(Canaries.HIDDEN, canary),
        canaries.outputGradient(Canaries.CLASSIFIER, canary)
      };
      double[][] expected = {pixel, truth.units, truth.byUnits, truth.byLogits};
      for (int i = 0; i < found.length; i++) {
        assertThat(found[i]).hasSameSizeAs(expected[i]);
        assertThat(length(found[i])).isCloseTo(1, within(1e-9));
        assertThat(cosine(found[i], expected[i])).isCloseTo(1, within(1e-9));
      }
    }
  }
}
