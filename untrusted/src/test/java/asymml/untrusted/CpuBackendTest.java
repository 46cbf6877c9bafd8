package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.MemoryBudget;
import asymml.wire.OpDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuBackendTest {
  private static final long SEED = 23;

  @ParameterizedTest(name = "{0}x{1}x{2}x{3} to {4}, kernel {5}x{6}, stride {7}, padding {8}")
  @CsvSource({
    "1,1,1,1,1,1,1,1,0",
    "3,1,1,13,7,1,1,1,0", // fully connected
    "2,5,7,3,4,3,2,2,1",
    "1,13,13,16,8,3,3,1,1",
    "5,8,6,8,16,3,3,2,1",
    "2,9,9,5,3,5,5,3,2",
  })
  void the_three_computations_agree_with_their_definition(
      int n, int h, int w, int c, int o, int kh, int kw, int stride, int padding)
      throws RefusedException {
    OpDescriptor op = new OpDescriptor(n, h, w, c, o, kh, kw, stride, padding);
    Random random = new Random(SEED);
    try (Arena arena = Arena.ofConfined();
        Backend cpu = new CpuBackend(MemoryBudget.unlimited());
        Backend naive = new NaiveBackend()) {
      MemorySegment x = normal(arena, random, op.inputFloats());
      MemorySegment dy = normal(arena, random, op.outputFloats());
      MemorySegment weights = normal(arena, random, op.weightFloats());
      MemorySegment[] y = {zeros(arena, op.outputFloats()), zeros(arena, op.outputFloats())};
      MemorySegment[] dx = {zeros(arena, op.inputFloats()), zeros(arena, op.inputFloats())};
      MemorySegment[] dw = {zeros(arena, op.weightFloats()), zeros(arena, op.weightFloats())};
      Backend[] backends = {cpu, naive};
      for (int i = 0; i < 2; i++) {
        backends[i].define(4, op);
        backends[i].loadWeights(4, weights);
        backends[i].forward(4, x, y[i]);
        backends[i].backwardData(4, dy, dx[i]);
        backends[i].backwardWeights(4, x, dy, dw[i]);
      }
      assertClose(y, kh * kw * c);
      assertClose(dx, kh * kw * o);
      assertClose(dw, (int) (op.outputFloats() / o));
    }
  }

  // Sums of `length` products of standard normal values: float32 rounding of each partial sum, of
  // the size of sqrt(length), adds up to at most about length * 2^-24 * sqrt(length) of it.
  private static void assertClose(MemorySegment[] pair, int length) {
    float[] actual = pair[0].toArray(ValueLayout.JAVA_FLOAT);
    float[] expected = pair[1].toArray(ValueLayout.JAVA_FLOAT);
    double tolerance = 4 * (length + 1) * 0x1p-24 * Math.sqrt(length);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i])
          .as("seed " + SEED + " index " + i)
          .isCloseTo(expected[i], within((float) tolerance));
    }
  }

  private static MemorySegment zeros(Arena arena, long floats) {
    return arena.allocate(floats * Float.BYTES, 64);
  }

  private static MemorySegment normal(Arena arena, Random random, long floats) {
    MemorySegment memory = zeros(arena, floats);
    for (long i = 0; i < floats; i++) {
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    return memory;
  }
}
