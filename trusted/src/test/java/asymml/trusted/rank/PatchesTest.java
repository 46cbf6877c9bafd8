package asymml.trusted.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Pooling;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.EnumSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PatchesTest {
  private static Tensor tensor(Arena arena, double[][] rows, int... shape) {
    Tensor tensor = Tensor.allocate(arena, shape);
    int columns = rows[0].length;
    for (int i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) rows[i / columns][i % columns]);
    }
    return tensor;
  }

  @ParameterizedTest
  @CsvSource({
    "8, 8, 3, 5, 3, 1, 1",
    "7, 5, 4, 6, 3, 2, 1",
    "5, 9, 2, 3, 1, 2, 0",
    "6, 6, 1, 2, 5, 1, 2",
    "1, 1, 13, 7, 1, 1, 0",
    "4, 4, 3, 2, 4, 1, 0"
  })
  void a_product_with_patches_is_the_kernels_convolution(
      int height, int width, int in, int out, int kernel, int stride, int padding) {
    ConvShape shape = new ConvShape(1, height, width, in, out, kernel, kernel, stride, padding);
    SplittableRandom random = Known.seeded(11);
    double[][] x = Known.gaussian(random, height * width, in);
    double[][] w = Known.gaussian(random, out, kernel * kernel * in);
    double[][] y = Patches.convolve(w, x, shape);
    try (Arena arena = Arena.ofShared();
        Convolution convolution = new Convolution(shape, EnumSet.of(Convolution.Pass.FORWARD))) {
      convolution.loadWeights(tensor(arena, w, shape.weightAxes()));
      Tensor expected = Tensor.allocate(arena, shape.outputAxes());
      convolution.forward(tensor(arena, x, shape.inputAxes()), expected);
      assertThat(y).hasDimensions(shape.outHeight() * shape.outWidth(), out);
      for (int i = 0; i < expected.size(); i++) {
        assertThat(y[i / out][i % out]).isCloseTo(expected.get(i), within(2e-5));
      }
    }
  }

  @Test
  void the_patches_of_a_map_are_its_shifted_copies() {
    ConvShape shape = new ConvShape(1, 2, 2, 1, 1, 3, 3, 1, 1);
    assertThat(Patches.ofMap(new double[] {1, 2, 3, 4}, shape))
        .isDeepEqualTo(
            new double[][] {
              {0, 0, 0, 0, 1, 2, 0, 3, 4},
              {0, 0, 0, 1, 2, 0, 3, 4, 0},
              {0, 1, 2, 0, 3, 4, 0, 0, 0},
              {1, 2, 0, 3, 4, 0, 0, 0, 0}
            });
  }

  @ParameterizedTest
  @CsvSource({"8, 8, 2, 2, 0", "7, 5, 3, 2, 1", "6, 6, 6, 1, 0", "5, 5, 3, 1, 1"})
  void averages_are_the_kernels(int height, int width, int kernel, int stride, int padding) {
    int channels = 5;
    ConvShape shape = new ConvShape(1, height, width, 1, 1, kernel, kernel, stride, padding);
    double[][] x = Known.gaussian(Known.seeded(12), height * width, channels);
    double[][] y = Patches.average(x, shape);
    try (Arena arena = Arena.ofShared();
        Pooling pooling =
            new Pooling(
                Pooling.Kind.AVERAGE,
                1,
                height,
                width,
                channels,
                kernel,
                kernel,
                stride,
                padding,
                false)) {
      Tensor expected = Tensor.allocate(arena, 1, shape.outHeight(), shape.outWidth(), channels);
      pooling.forward(tensor(arena, x, 1, height, width, channels), expected);
      for (int i = 0; i < expected.size(); i++) {
        assertThat(y[i / channels][i % channels]).isCloseTo(expected.get(i), within(1e-6));
      }
    }
  }
}
