package asymml.verify;

import asymml.kernels.ConvShape;
import asymml.kernels.Kernels;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// A part of a training step at one layer, for a whole batch and on one thread.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
// Vector code takes seconds to be compiled, and is thousands of times as slow before.
@Warmup(iterations = 10, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
// Streams run on the caller, as the kernels do.
@Fork(value = 1, jvmArgsAppend = "-Djava.util.concurrent.ForkJoinPool.common.parallelism=0")
@SuppressWarnings("NullAway.Init") // JMH sets parameters before anything else
public abstract class LayerBenchmark {
  /// The layer.
  @Param public LayerShape layer;

  private final Arena arena = Arena.ofShared(); // read by worker threads of the kernels
  private final SplittableRandom random = new SplittableRandom(1);

  /// What a time is divided by besides calls: JMH prints nanoseconds per value beside those per
  /// call.
  @State(Scope.Thread)
  @AuxCounters
  public static class Values {
    /// Values dealt with.
    public long values;

    /// Counts.
    public Values() {}
  }

  /// Has kernels planned from now on use one thread.
  protected LayerBenchmark() {
    Kernels.setThreads(1);
  }

  /// The layer's sizes.
  ///
  /// @return batch, maps, channels and kernel
  protected final ConvShape shape() {
    return layer.shape();
  }

  /// Makes a tensor of standard normal values.
  ///
  /// @param axes its shape
  /// @return a new tensor, freed after the benchmark
  protected final Tensor tensor(int... axes) {
    Tensor tensor = Tensor.allocate(arena, axes);
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextGaussian());
    }
    return tensor;
  }

  /// Frees the tensors.
  @TearDown
  public final void free() {
    arena.close();
  }
}
