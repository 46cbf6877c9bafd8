package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.EnumSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SampledGradientTest {
  private static Tensor random(Arena arena, long seed, int... shape) {
    SplittableRandom random = new SplittableRandom(seed);
    Tensor tensor = Tensor.allocate(arena, shape);
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextGaussian());
    }
    return tensor;
  }

  private static double distance(double[] a, float[] b) {
    double error = 0;
    double norm = 0;
    for (int i = 0; i < b.length; i++) {
      error += (a[i] - b[i]) * (a[i] - b[i]);
      norm += (double) b[i] * b[i];
    }
    return Math.sqrt(error / norm);
  }

  private static float[] exact(ConvShape shape, Tensor x, Tensor dy, Arena arena) {
    Tensor dw = Tensor.allocate(arena, shape.weightAxes());
    try (Convolution layer =
        new Convolution(shape, EnumSet.of(Convolution.Pass.BACKWARD_WEIGHTS))) {
      layer.backwardWeights(x, dy, dw);
    }
    return dw.toArray();
  }

  @ParameterizedTest
  @CsvSource({"3, 1, 1, 6, 7", "3, 2, 1, 7, 6", "1, 1, 0, 5, 5", "1, 2, 0, 6, 6", "5, 1, 2, 6, 4"})
  void all_positions_give_the_gradient_itself(
      int kernel, int stride, int padding, int height, int width) {
    ConvShape shape = new ConvShape(2, height, width, 3, 4, kernel, kernel, stride, padding);
    int positions = SampledGradient.positions(shape);
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = random(arena, 1, shape.inputAxes());
      Tensor dy = random(arena, 2, shape.outputAxes());
      Tensor dw = Tensor.allocate(arena, shape.weightAxes());
      Tensor memory = random(arena, 3, SampledGradient.floats(shape, positions));
      new SampledGradient(shape, positions, memory).estimate(x, dy, new SplittableRandom(4), dw);
      float[] exact = exact(shape, x, dy, arena);
      double[] estimate = new double[exact.length];
      for (int i = 0; i < estimate.length; i++) {
        estimate[i] = dw.get(i);
      }
      assertThat(distance(estimate, exact)).isLessThan(1e-6);
    }
  }

  /// The mean of n estimates approaches the gradient as `1 / sqrt(n)`; the bias of one that forgot
  /// a position, or weighed it wrongly, would stay.
  @Test
  void estimates_are_unbiased_where_runs_have_different_lengths() {
    ConvShape shape = new ConvShape(3, 5, 5, 2, 2, 3, 3, 1, 1);
    int samples = 21; // of 75 positions: runs of 3 and of 4
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = random(arena, 1, shape.inputAxes());
      Tensor dy = random(arena, 2, shape.outputAxes());
      Tensor dw = Tensor.allocate(arena, shape.weightAxes());
      float[] exact = exact(shape, x, dy, arena);
      SampledGradient gradient =
          new SampledGradient(
              shape, samples, Tensor.allocate(arena, SampledGradient.floats(shape, samples)));
      SplittableRandom random = new SplittableRandom(5);
      double[] mean = new double[exact.length];
      int count = 4000;
      double single = 0;
      for (int n = 0; n < count; n++) {
        gradient.estimate(x, dy, random, dw);
        double[] one = new double[exact.length];
        for (int i = 0; i < mean.length; i++) {
          one[i] = dw.get(i);
          mean[i] += dw.get(i) / (double) count;
        }
        single += distance(one, exact) / count;
      }
      assertThat(single).isGreaterThan(0.5);
      assertThat(distance(mean, exact)).isLessThan(2 * single / Math.sqrt(count));
    }
  }

  @Test
  void no_sample_of_no_position_or_of_more_than_all() {
    ConvShape shape = new ConvShape(1, 2, 2, 1, 1, 1, 1, 1, 0);
    try (Arena arena = Arena.ofConfined()) {
      Tensor memory = Tensor.allocate(arena, 100);
      assertThatThrownBy(() -> new SampledGradient(shape, 0, memory))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> new SampledGradient(shape, 5, memory))
          .hasMessage("of 4 positions 1 to all can be drawn: 5");
    }
  }
}
