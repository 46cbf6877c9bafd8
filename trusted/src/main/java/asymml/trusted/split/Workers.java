package asymml.trusted.split;

import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.check.Verification;
import asymml.trusted.check.Verifier;
import asymml.wire.ProtocolException;
import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/// The workers of a run, each with the way out to it: those that share a batch, or two of which the
/// first gets values under masks and the second the masks ([asymml.trusted.plan.Shield]).
///
/// @param all at least one
/// @param chunks in how many parts each of those that share a batch gets its examples, so that it
///   computes on one while the next is made ready, at least 1
/// @param verification how many steps' results are checked
public record Workers(List<Party> all, int chunks, Verification verification) {
  /// A worker and its door.
  ///
  /// @param worker who computes
  /// @param door the one way out to it
  public record Party(RemoteWorker worker, ReleaseDoor door) {}

  /// Workers whose results are not checked.
  ///
  /// @param all at least one
  /// @param chunks at least 1
  public Workers(List<Party> all, int chunks) {
    this(all, chunks, Verification.OFF);
  }

  /// Copies the list.
  public Workers {
    if (chunks < 1) {
      throw new IllegalArgumentException("examples go out in at least one chunk: " + chunks);
    }
    all = List.copyOf(all);
    if (all.isEmpty()) {
      throw new IllegalArgumentException("without a worker there are no workers");
    }
  }

  /// Some workers, each of which gets its examples at once.
  ///
  /// @param parties at least one
  /// @return a run's workers
  public static Workers of(Party... parties) {
    return new Workers(List.of(parties), 1);
  }

  /// A single worker.
  ///
  /// @param worker who computes
  /// @param door the one way out to it
  /// @return a run's workers
  public static Workers one(RemoteWorker worker, ReleaseDoor door) {
    return of(new Party(worker, door));
  }

  /// The worker that gets values under masks, or the first of those that share a batch.
  ///
  /// @return it with its door
  public Party first() {
    return all.getFirst();
  }

  /// The worker that holds the masks.
  Party holder() {
    return all.get(1);
  }

  /// Whether all of them compute, or are there for benchmarks.
  ///
  /// @return false if results mean nothing
  public boolean compute() {
    return workers().allMatch(RemoteWorker::computes);
  }

  /// Whether noise and masks come from the platform's own cryptographic generator.
  ///
  /// @return false if they could have been seeded
  public boolean isUnpredictable() {
    return all.stream().allMatch(party -> party.door().isUnpredictable());
  }

  /// The same, their results checked.
  ///
  /// @param next how many steps' are
  /// @return the workers
  public Workers verified(Verification next) {
    return new Workers(all, chunks, next);
  }

  /// What draws the secrets of checks; workers that compute nothing are not checked.
  Verifier verifier() {
    int threads = all.stream().mapToInt(party -> party.door().threads()).max().orElseThrow();
    return new Verifier(compute() ? verification : Verification.OFF, threads);
  }

  /// Gives each of them a tensor region, in place of the one before.
  ///
  /// @param sizeBytes its size
  /// @throws ProtocolException if there is no room for it, or a worker failed
  public void mapRegion(long sizeBytes) throws ProtocolException {
    for (Party party : all) {
      party.worker().mapRegion(sizeBytes);
    }
  }

  /// Sends what still waits for other requests.
  ///
  /// @throws ProtocolException if a worker failed
  public void flush() throws ProtocolException {
    for (Party party : all) {
      party.worker().flush();
    }
  }

  /// Processor time of the workers.
  ///
  /// @return nanoseconds, summed
  public long cpuNanos() {
    return sum(RemoteWorker::workerCpuNanos);
  }

  /// Tensor bytes released.
  ///
  /// @return the sum over the workers
  public long bytesOut() {
    return sum(RemoteWorker::bytesToWorker);
  }

  /// Tensor bytes received.
  ///
  /// @return the sum over the workers
  public long bytesBack() {
    return sum(RemoteWorker::bytesFromWorker);
  }

  private long sum(ToLongFunction<RemoteWorker> of) {
    return workers().mapToLong(of).sum();
  }

  private Stream<RemoteWorker> workers() {
    return all.stream().map(Party::worker);
  }
}
