package asymml.kernels;

import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;

/// Gaussian masks of batches that two sides make from the same key: one adds them to the values,
/// the other writes the masks alone. Example i has the blocks `i B` to below `(i + 1) B` of the
/// key's stream, `B = ceil(values / BLOCK)`, so that examples can be made in any order and the
/// result does not depend on the number of threads.
///
/// *Lattice.* A sum is rounded to a multiple of `2^(exponent(deviation) - 24)` before it becomes a
/// float32. That is as fine as float32 is near the deviation: what the rounding takes away is lost
/// to float32 anyway. The noise is formed with a grain of about 2^-53, so that each multiple
/// gathers some 2^29 sums, and the holes between representable samples (Mironov 2012) do not show.
/// Not safe for use by several threads.
public final class GaussianMasks implements AutoCloseable {
  /// How much finer than the deviation the lattice is.
  public static final int LATTICE_BITS = 24;

  private final GaussianNoise[] lanes;

  /// Prepares the making of masks.
  ///
  /// @param threads how many examples to do at a time, at least 1
  public GaussianMasks(int threads) {
    lanes = new GaussianNoise[threads];
    for (int i = 0; i < threads; i++) {
      lanes[i] = new GaussianNoise();
    }
  }

  /// Begins the stream of a key at an example.
  ///
  /// @param stream where to; continues with the examples that follow
  /// @param key [GaussianNoise#KEY_BYTES] bytes; not kept
  /// @param example from 0
  /// @param values of one example, at least 1
  public static void start(GaussianNoise stream, byte[] key, int example, int values) {
    stream.start(key, (long) example * Math.ceilDiv(values, GaussianNoise.BLOCK));
  }

  /// Writes the masks of a batch.
  ///
  /// @param key [GaussianNoise#KEY_BYTES] bytes; not kept
  /// @param deviation standard deviation, positive and normal
  /// @param out `[n, values]`, overwritten
  public void write(byte[] key, double deviation, Tensor out) {
    int examples = out.length(0);
    int values = Math.toIntExact(out.size() / examples);
    int tasks = Math.min(lanes.length, examples);
    IntStream.range(0, tasks)
        .parallel()
        .forEach(t -> {
          int from = (int) ((long) t * examples / tasks);
          int to = (int) ((long) (t + 1) * examples / tasks);
          start(lanes[t], key, from, values);
          for (int i = from; i < to; i++) {
            Tensor place = out.examples(i, 1);
            place.segment().fill((byte) 0);
            lanes[t].add(place, 0, deviation, LATTICE_BITS, place);
          }
        });
  }

  /// The same where memory is given as a segment.
  ///
  /// @param key [GaussianNoise#KEY_BYTES] bytes; not kept
  /// @param deviation standard deviation, positive and normal
  /// @param examples n, at least 1
  /// @param out float32 values of n examples of the same size, overwritten
  public void write(byte[] key, double deviation, int examples, MemorySegment out) {
    int values = Math.toIntExact(out.byteSize() / Float.BYTES / examples);
    write(key, deviation, Tensor.of(out, examples, values));
  }

  /// Forgets the last masks.
  @Override
  public void close() {
    for (GaussianNoise lane : lanes) {
      lane.close();
    }
  }
}
