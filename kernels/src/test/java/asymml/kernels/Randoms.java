package asymml.kernels;

import java.lang.foreign.Arena;
import java.util.SplittableRandom;

/// Seeded tensors for tests. The seed is printed with the first draw.
final class Randoms {
  private final SplittableRandom random;

  Randoms(long seed) {
    System.out.println("seed " + seed);
    random = new SplittableRandom(seed);
  }

  /// Uniform in [-1, 1), so that sums of n products have an error of about eps sqrt(n).
  Tensor tensor(Arena arena, int... shape) {
    Tensor tensor = Tensor.allocate(arena, shape);
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(-1, 1));
    }
    return tensor;
  }

  /// Uniform in [0.5, 2).
  Tensor positive(Arena arena, int... shape) {
    Tensor tensor = Tensor.allocate(arena, shape);
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(0.5, 2));
    }
    return tensor;
  }

  int below(int bound) {
    return random.nextInt(bound);
  }

  /// A tensor of NaN, to show that an output is overwritten everywhere.
  static Tensor unset(Arena arena, int... shape) {
    Tensor tensor = Tensor.allocate(arena, shape);
    tensor.fill(Float.NaN);
    return tensor;
  }
}
