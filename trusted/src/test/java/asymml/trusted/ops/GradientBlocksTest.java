package asymml.trusted.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GradientBlocksTest {
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void free() {
    arena.close();
  }

  private static ConvShape layer(int batch, int size, int in, int out, int kernel) {
    return new ConvShape(batch, size, size, in, out, kernel, kernel, 1, kernel / 2);
  }

  private Tensor random(SplittableRandom random, double scale, int... shape) {
    Tensor tensor = Tensor.allocate(arena, shape);
    for (int i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) (scale * random.nextDouble(-1, 1)));
    }
    return tensor;
  }

  @ParameterizedTest
  @CsvSource({"1, 6", "13, 6", "64, 32", "300, 8", "7, 60"})
  void blocks_add_up_to_the_gradient_of_the_batch(int batch, int size) {
    SplittableRandom random = new SplittableRandom(1402);
    ConvShape shape = layer(batch, size, 3, 5, 3);
    Tensor x = random(random, 1, shape.inputAxes());
    Tensor dy = random(random, 1, shape.outputAxes());
    Tensor whole = Tensor.allocate(arena, shape.weightAxes());
    Tensor blocked = Tensor.allocate(arena, shape.weightAxes());
    try (Convolution layer = new Convolution(shape, EnumSet.of(Convolution.Pass.BACKWARD_WEIGHTS));
        GradientBlocks blocks = new GradientBlocks(shape, 0)) {
      layer.backwardWeights(x, dy, whole);
      double tolerance = 1e-5 + 5e-8 * batch * size * size; // ten times what is seen
      for (int twice = 0; twice < 2; twice++) {
        blocks.compute(shape, x, dy, blocked);
        for (int i = 0; i < whole.size(); i++) {
          assertThat(blocked.get(i))
              .isBetween(whole.get(i) - (float) tolerance, whole.get(i) + (float) tolerance);
        }
      }
    }
  }

  @Test
  void what_one_example_can_change_beyond_its_bound_stays_below_one_percent() {
    for (int batch : new int[] {1, 128, 2048, 16_384}) {
      for (int size : new int[] {1, 4, 32, 224}) {
        for (int directions : new int[] {0, 8, 256}) {
          ConvShape shape = layer(batch, size, 1, 1, 1);
          try (GradientBlocks blocks = new GradientBlocks(shape, directions)) {
            assertThat(blocks.block()).isBetween(1, batch);
            double inside = blocks.rounding() - GradientBlocks.overAll(batch);
            assertThat(inside).isPositive();
            if (blocks.block() > 1) {
              assertThat(inside).isLessThanOrEqualTo(0x1p-7);
            }
            assertThat(GradientBlocks.overAll(batch))
                .isBetween(batch * 0x1p-23, 0.002 + batch * 1e-9);
          }
        }
      }
    }
    assertThatThrownBy(() -> new GradientBlocks(layer(1, 3000, 1, 1, 1), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("9000000 positions");
  }

  /// All examples push the sum the same way, so that one in float32 loses low bits of each further
  /// one; the last takes part or does not. Each part has norm 1, and so much is accounted for.
  @ParameterizedTest
  @CsvSource({"2048, 4", "16384, 1", "2048, 1", "256, 8"})
  void one_example_of_many_changes_the_sum_by_its_bound_and_the_stated_rounding(
      int batch, int size) {
    SplittableRandom random = new SplittableRandom(1403);
    System.out.println("seed 1403");
    ConvShape shape = layer(batch, size, 2, 3, 1);
    int in = size * size * 2;
    int out = size * size * 3;
    Tensor x = Tensor.allocate(arena, shape.inputAxes());
    Tensor dy = Tensor.allocate(arena, shape.outputAxes());
    for (int i = 0; i < batch; i++) {
      double[] own = random.doubles(in, 0.5, 1).toArray();
      double[] gradient = random.doubles(out, 0.5, 1).toArray();
      double factor = 1 / norm(own) / norm(gradient);
      for (int k = 0; k < in; k++) {
        x.set((long) i * in + k, (float) own[k]);
      }
      for (int k = 0; k < out; k++) {
        dy.set((long) i * out + k, (float) (gradient[k] * factor * (1 - 1e-6)));
      }
    }
    Tensor with = Tensor.allocate(arena, shape.weightAxes());
    Tensor without = Tensor.allocate(arena, shape.weightAxes());
    try (GradientBlocks blocks = new GradientBlocks(shape, 0)) {
      blocks.compute(shape, x, dy, with);
      for (int last : new int[] {0, batch / 2, batch - 1}) {
        Tensor part = dy.examples(last, 1);
        float[] kept = part.toArray();
        part.fill(0);
        blocks.compute(shape, x, dy, without);
        for (int k = 0; k < kept.length; k++) {
          part.set(k, kept[k]);
        }
        double changed = 0;
        double off = 0;
        for (int c = 0; c < 3; c++) {
          for (int k = 0; k < 2; k++) {
            double difference = (double) with.get(c * 2 + k) - without.get(c * 2 + k);
            double exact = 0;
            for (int p = 0; p < size * size; p++) {
              exact += (double) kept[p * 3 + c] * x.get((long) last * in + p * 2L + k);
            }
            changed += difference * difference;
            off += (difference - exact) * (difference - exact);
          }
        }
        assertThat(Math.sqrt(changed)).isLessThanOrEqualTo(1 + blocks.rounding());
        // The stated rounding is a bound on what is seen, too.
        assertThat(Math.sqrt(off)).isLessThanOrEqualTo(blocks.rounding());
      }
    }
  }

  private static double norm(double[] values) {
    return Math.sqrt(Arrays.stream(values).map(v -> v * v).sum());
  }

  @Test
  void all_that_is_not_in_an_examples_block_stays_the_same_to_the_bit() {
    SplittableRandom random = new SplittableRandom(1404);
    ConvShape shape = layer(64, 32, 2, 2, 1);
    Tensor x = random(random, 1, shape.inputAxes());
    Tensor dy = random(random, 1, shape.outputAxes());
    try (GradientBlocks blocks = new GradientBlocks(shape, 0)) {
      assertThat(blocks.block()).isBetween(2, 32);
      int sums = Math.ceilDiv(64, blocks.block());
      float[][][] parts = new float[2][sums][];
      Tensor dw = Tensor.allocate(arena, shape.weightAxes());
      for (int run = 0; run < 2; run++) {
        float[][] own = parts[run];
        blocks.compute(
            (from, count, some) -> {
              try (Convolution layer =
                  new Convolution(
                      shape.withBatch(count), EnumSet.of(Convolution.Pass.BACKWARD_WEIGHTS))) {
                layer.backwardWeights(x.examples(from, count), dy.examples(from, count), some);
              }
              own[from / blocks.block()] = some.toArray();
            },
            dw);
        dy.examples(63, 1).fill(0);
      }
      for (int i = 0; i < sums - 1; i++) {
        assertThat(parts[1][i]).isEqualTo(parts[0][i]);
      }
      assertThat(parts[1][sums - 1]).isNotEqualTo(parts[0][sums - 1]);
    }
  }
}
