package asymml.trusted.split;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.trusted.boundary.NullExamples;
import asymml.trusted.boundary.ReleaseSource;
import asymml.wire.Slot;
import java.util.List;
import java.util.stream.IntStream;

/// The examples of a batch that one worker computes on, where several share it. Each of them holds
/// its own at the start of a tensor's place, so that all regions have one layout.
///
/// @param party the worker, and the door to it
/// @param from the first example
/// @param count how many, at least 1
/// @param chunks the parts in which they go out, in order, from the shard's first example on
public record Shard(Workers.Party party, int from, int count, List<Chunk> chunks) {
  /// Examples of a shard that go out together.
  ///
  /// @param from the first, counted from the shard's first
  /// @param count how many, at least 1
  record Chunk(int from, int count) {
    /// This part of the shard's tensor.
    Tensor of(Tensor shard) {
      return shard.examples(from, count);
    }

    /// Where this part of the shard's tensor stands.
    ///
    /// @param place of the shard's tensor
    /// @param values of one example
    Slot place(Slot place, int values) {
      return new Slot(place.offset() + (long) from * values * Float.BYTES, (long) count * values);
    }
  }

  /// All examples of a batch, in one chunk.
  ///
  /// @param party the worker
  /// @param batch number of examples
  /// @return the shard
  public static Shard whole(Workers.Party party, int batch) {
    return new Shard(party, 0, batch, List.of(new Chunk(0, batch)));
  }

  /// Shares a batch out, as evenly as it goes; where there are fewer examples than workers, some
  /// get none.
  ///
  /// @param workers who share it, and in how many chunks each gets its examples
  /// @param batch number of examples
  /// @param step of which the first examples of chunks are multiples
  /// @return one for each worker that gets examples
  public static List<Shard> of(Workers workers, int batch, int step) {
    int all = workers.all().size();
    return IntStream.range(0, all)
        .mapToObj(k -> {
          int from = start(k, batch, all, 1);
          int count = start(k + 1, batch, all, 1) - from;
          return new Shard(
              workers.all().get(k), from, count, chunks(count, workers.chunks(), step));
        })
        .filter(shard -> shard.count > 0)
        .toList();
  }

  private static List<Chunk> chunks(int count, int parts, int step) {
    return IntStream.range(0, parts)
        .mapToObj(k -> {
          int from = start(k, count, parts, step);
          return new Chunk(from, start(k + 1, count, parts, step) - from);
        })
        .filter(chunk -> chunk.count > 0)
        .toList();
  }

  private static int start(int part, int count, int parts, int step) {
    return part == parts ? count : (int) ((long) part * count / parts / step * step);
  }

  /// The examples that chunks of a layer's tensors may start at: multiples of this many begin on a
  /// place's alignment.
  ///
  /// @param values of one example of each tensor
  /// @return at least 1
  public static int step(IntStream values) {
    int floats = (int) (Slot.ALIGNMENT_BYTES / Float.BYTES);
    return values.map(v -> floats / Math.min(floats, Integer.lowestOneBit(v))).max().orElse(1);
  }

  /// Makes sure that every example goes to one worker: a door refuses a second release of a tensor,
  /// and no door knows what another releases.
  static void requireEachOnce(List<Shard> shards, int batch) {
    int next = 0;
    for (Shard shard : shards) {
      if (shard.from != next) {
        throw new IllegalStateException(
            "an example would be released twice, or not at all: " + shards);
      }
      next += shard.count;
    }
    if (next != batch) {
      throw new IllegalStateException(
          "not all of " + batch + " examples would be released: " + shards);
    }
  }

  /// The examples of the largest shard.
  ///
  /// @param shards at least one
  /// @return how many
  public static int largest(List<Shard> shards) {
    return shards.stream().mapToInt(Shard::count).max().orElseThrow();
  }

  /// Where this worker holds its part of a tensor.
  ///
  /// @param place of the largest shard
  /// @param values of one example
  Slot place(Slot place, int values) {
    return new Slot(place.offset(), (long) count * values);
  }

  /// This worker's examples of a tensor `[N, ...]` of the whole batch.
  ///
  /// @param batch the tensor
  /// @return a view
  public Tensor of(Tensor batch) {
    return batch.examples(from, count);
  }

  /// The layer's shape on this worker.
  ///
  /// @param shape on the whole batch
  /// @return the same for fewer examples
  public ConvShape of(ConvShape shape) {
    return shape.withBatch(count);
  }

  /// The same source, counted from this worker's first example.
  ///
  /// @param source of the whole batch
  /// @return of this worker's examples
  public ReleaseSource of(ReleaseSource source) {
    return (i, scratch) -> source.values(from + i, scratch);
  }

  /// The same null examples, counted from this worker's first example.
  ///
  /// @param nullExamples of the whole batch
  /// @return of this worker's examples
  public NullExamples of(NullExamples nullExamples) {
    return place -> nullExamples.isNull(from + place);
  }
}
