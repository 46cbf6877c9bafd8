package asymml.trusted.bench;

import asymml.kernels.GaussianNoise;
import asymml.kernels.Gemm;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.security.SecureRandom;

/// What one core of this machine does a second, measured for a moment: the best of several tries,
/// since all that disturbs a try makes it slower.
///
/// @param gflops billions of float32 operations of a matrix product that fits the cache
/// @param gigabytes billions of bytes that a copy larger than the caches reads and writes
/// @param noiseNanos nanoseconds for one sample of noise
public record MachineRates(double gflops, double gigabytes, double noiseNanos) {
  private static final int TRIES = 12;
  private static final int SIDE = 512;
  private static final int COPY_FLOATS = 1 << 24;
  private static final int NOISE_BLOCKS = 2048;

  /// Measures, in about a second. Products run on as many threads as the kernels may use: set one
  /// for a core's rate.
  ///
  /// @param random seeds the noise
  /// @return the rates
  public static MachineRates measure(SecureRandom random) {
    try (Arena arena = Arena.ofShared(); // read by worker threads of the kernels
        GaussianNoise noise = new GaussianNoise(random)) {
      Tensor a = Tensor.allocate(arena, SIDE, SIDE);
      Tensor b = Tensor.allocate(arena, SIDE, SIDE);
      Tensor c = Tensor.allocate(arena, SIDE, SIDE);
      Tensor from = Tensor.allocate(arena, COPY_FLOATS);
      Tensor to = Tensor.allocate(arena, COPY_FLOATS);
      double product = fastest(() -> Gemm.multiply(false, false, 1, a, b, 0, c));
      double copy = fastest(() -> to.copyFrom(from));
      double samples =
          fastest(() -> {
            for (int i = 0; i < NOISE_BLOCKS; i++) {
              noise.next();
            }
          });
      return new MachineRates(
          2.0 * SIDE * SIDE * SIDE / product,
          2.0 * COPY_FLOATS * Float.BYTES / copy,
          samples / ((double) NOISE_BLOCKS * GaussianNoise.BLOCK));
    }
  }

  /// Nanoseconds of the fastest try.
  private static double fastest(Runnable work) {
    long fastest = Long.MAX_VALUE;
    for (int i = 0; i < TRIES; i++) {
      long start = System.nanoTime();
      work.run();
      fastest = Math.min(fastest, System.nanoTime() - start);
    }
    return fastest;
  }

  /// How long one core takes for some work, one resource after the other.
  ///
  /// @param work what is to be done
  /// @return milliseconds
  public double millis(Work work) {
    return work.flops() / gflops / 1e6
        + work.bytes() / gigabytes / 1e6
        + work.noiseValues() * noiseNanos / 1e6;
  }
}
