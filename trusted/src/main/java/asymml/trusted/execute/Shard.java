package asymml.trusted.execute;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.trusted.boundary.Occupancy;
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
record Shard(Workers.Party party, int from, int count) {
  /// Shares a batch out, as evenly as it goes; where there are fewer examples than workers, some
  /// get none.
  static List<Shard> of(List<Workers.Party> parties, int batch) {
    int all = parties.size();
    return IntStream.range(0, all)
        .mapToObj(k ->
            new Shard(
                parties.get(k),
                start(k, batch, all),
                start(k + 1, batch, all) - start(k, batch, all)))
        .filter(shard -> shard.count > 0)
        .toList();
  }

  private static int start(int worker, int batch, int all) {
    return (int) ((long) worker * batch / all);
  }

  /// Makes sure that every example goes to one worker: a door refuses a second release of a tensor,
  /// and no door knows what another lets out.
  static void requireEachOnce(List<Shard> shards, int batch) {
    int next = 0;
    for (Shard shard : shards) {
      if (shard.from != next) {
        throw new IllegalStateException("an example would leave twice, or not at all: " + shards);
      }
      next += shard.count;
    }
    if (next != batch) {
      throw new IllegalStateException("not all of " + batch + " examples would leave: " + shards);
    }
  }

  /// The examples of the largest shard.
  static int largest(List<Shard> shards) {
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
  Tensor of(Tensor batch) {
    return batch.examples(from, count);
  }

  /// The layer's shape on this worker.
  ConvShape of(ConvShape shape) {
    return shape.withBatch(count);
  }

  /// The same source, counted from this worker's first example.
  ReleaseSource of(ReleaseSource source) {
    return (i, scratch) -> source.values(from + i, scratch);
  }

  /// The same occupancy, counted from this worker's first example.
  Occupancy of(Occupancy occupancy) {
    return place -> occupancy.isNull(from + place);
  }
}
