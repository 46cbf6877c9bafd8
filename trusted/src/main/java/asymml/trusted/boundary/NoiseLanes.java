package asymml.trusted.boundary;

import asymml.kernels.GaussianNoise;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.function.ObjIntConsumer;
import java.util.stream.IntStream;

/// The threads of a [ReleaseDoor]. Each has noise of its own and private memory for one example,
/// and what they do is timed.
final class NoiseLanes implements AutoCloseable {
  private final Lane[] lanes;
  private long busyNanos;

  /// What one thread needs.
  static final class Lane {
    private final GaussianNoise noise;
    private final GaussianNoise masks = new GaussianNoise();
    private final int number;
    private Tensor scratch = Tensor.allocate(Arena.ofAuto(), 1); // grows, then zeroed and dropped
    private Tensor released = Tensor.allocate(Arena.ofAuto(), 1);
    private long sourceNanos;

    private Lane(int number, GaussianNoise noise) {
      this.number = number;
      this.noise = noise;
    }

    /// Which of the lanes, from 0.
    int number() {
      return number;
    }

    /// Noise that cannot be reproduced.
    GaussianNoise noise() {
      return noise;
    }

    /// For the masks of a key, to be started with it.
    GaussianNoise masks() {
      return masks;
    }

    /// One example's values, wherever they come from.
    ///
    /// @param dim how many
    Tensor values(ReleaseSource source, int example, int dim) {
      long start = System.nanoTime();
      Tensor values = source.values(example, scratch(dim));
      sourceNanos += System.nanoTime() - start;
      return values;
    }

    /// Grows with the first batches, then stays.
    private Tensor scratch(int dim) {
      scratch = grown(scratch, dim);
      return first(scratch, dim);
    }

    /// Private memory for what is released of one example, beside its values.
    ///
    /// @param dim how many
    Tensor released(int dim) {
      released = grown(released, dim);
      return first(released, dim);
    }

    private static Tensor grown(Tensor memory, int dim) {
      if (memory.size() >= dim) {
        return memory;
      }
      memory.fill(0);
      return Tensor.allocate(Arena.ofAuto(), dim);
    }

    private static Tensor first(Tensor memory, int dim) {
      return Tensor.of(memory.segment().asSlice(0, (long) dim * Float.BYTES), dim);
    }

    private void close() {
      noise.close();
      masks.close();
      scratch.fill(0);
      released.fill(0);
    }
  }

  /// Work on the examples from `from` to below `to`.
  interface Share {
    void run(Lane lane, int from, int to);
  }

  /// Seeds the noise of each.
  ///
  /// @param random source of the seeds
  /// @param threads how many, at least 1
  NoiseLanes(SecureRandom random, int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("noise needs at least one thread: " + threads);
    }
    lanes = new Lane[threads];
    for (int i = 0; i < threads; i++) {
      lanes[i] = new Lane(i, new GaussianNoise(random));
    }
  }

  /// How many there are.
  int count() {
    return lanes.length;
  }

  /// Shares examples out: one hand-over, and an example is still in the cache for its later passes.
  void share(int from, int count, Share work) {
    long before = sourceNanos();
    int tasks = Math.min(lanes.length, count);
    timed(() ->
        IntStream.range(0, tasks)
            .parallel()
            .forEach(
                t -> work.run(lanes[t], from + t * count / tasks, from + (t + 1) * count / tasks)));
    busyNanos -= sourceNanos() - before;
  }

  /// The same for work on one example at a time.
  void each(int from, int count, ObjIntConsumer<Lane> work) {
    share(
        from,
        count,
        (lane, first, end) -> {
          for (int i = first; i < end; i++) {
            work.accept(lane, i);
          }
        });
  }

  /// Adds noise to all values of a vector, in place.
  ///
  /// @param sigma its standard deviation
  void perturb(Tensor sum, double sigma, int latticeBits) {
    long size = sum.size();
    int tasks = (int) Math.min(lanes.length, Math.ceilDiv(size, GaussianNoise.BLOCK));
    IntStream.range(0, tasks)
        .parallel()
        .forEach(t -> {
          long from = t * size / tasks;
          long floats = (t + 1) * size / tasks - from;
          Tensor part =
              Tensor.of(
                  sum.segment().asSlice(from * Float.BYTES, floats * Float.BYTES),
                  Math.toIntExact(floats));
          lanes[t].noise.add(part, 1, sigma, latticeBits, part);
        });
  }

  /// Counts the time of some work.
  void timed(Runnable work) {
    long start = System.nanoTime();
    work.run();
    busyNanos += System.nanoTime() - start;
  }

  /// All that was timed, as the calling thread saw it pass, without what [#sourceNanos] counts.
  long busyNanos() {
    return busyNanos;
  }

  /// The time that sources have taken: the mean of the threads.
  long sourceNanos() {
    return Arrays.stream(lanes).mapToLong(lane -> lane.sourceNanos).sum() / lanes.length;
  }

  /// Forgets the noise.
  @Override
  public void close() {
    for (Lane lane : lanes) {
      lane.close();
    }
  }
}
