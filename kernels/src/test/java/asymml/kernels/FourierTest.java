package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FourierTest {
  private static final int INNER = 32;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 8, 9, 12, 15, 18, 20, 24, 25, 36, 40, 60, 64, 108})
  void transform_equals_its_definition(int length) {
    try (Arena arena = Arena.ofConfined()) {
      Randoms random = new Randoms(length);
      Tensor re = random.tensor(arena, length, INNER);
      Tensor im = random.tensor(arena, length, INNER);
      double[] expectedRe = new double[length * INNER];
      double[] expectedIm = new double[length * INNER];
      for (int i = 0; i < expectedRe.length; i++) {
        for (int n = 0; n < length; n++) {
          int k = i / INNER;
          double angle = -2 * Math.PI * n * k / length;
          double a = re.get((long) n * INNER + i % INNER);
          double b = im.get((long) n * INNER + i % INNER);
          expectedRe[i] += a * Math.cos(angle) - b * Math.sin(angle);
          expectedIm[i] += a * Math.sin(angle) + b * Math.cos(angle);
        }
      }
      Tensor re2 = Tensor.allocate(arena, length, INNER);
      Tensor im2 = Tensor.allocate(arena, length, INNER);
      boolean moved =
          new Fourier(length)
              .transform(address(re), address(im), address(re2), address(im2), INNER);
      double tolerance = Expect.ofSum(2 * length);
      Expect.close("real parts", moved ? re2 : re, expectedRe, tolerance);
      Expect.close("imaginary parts", moved ? im2 : im, expectedIm, tolerance);
    }
  }

  private static long address(Tensor tensor) {
    return Operands.address("values", tensor);
  }

  @Test
  void other_lengths_are_refused() {
    assertThatThrownBy(() -> new Fourier(28))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("28");
  }
}
