package asymml.session;

import asymml.trusted.boundary.PrecisionCheck;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.TlsTrust;
import asymml.trusted.check.Verification;
import asymml.trusted.run.RunLayout;
import asymml.trusted.split.Workers;
import asymml.trusted.split.Workers.Party;
import java.io.IOException;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The connected workers of a run, with the release doors to them. Those that this side has started
/// end when it is closed.
public final class WorkerPool implements AutoCloseable {
  private final boolean masked;
  private final int chunks;
  private final Verification verification;
  private final List<ConnectedWorker> workers = new ArrayList<>();
  private final List<ReleaseDoor> doors = new ArrayList<>();

  private WorkerPool(TrainingSpec spec) {
    this.masked = spec.training().shield().masks();
    this.chunks = spec.workers().chunks();
    this.verification = spec.workers().verification();
  }

  /// Starts or connects the workers of a run. Where one gets values under masks and the other the
  /// masks, both show that they compute in strict float32.
  ///
  /// @param spec of the run
  /// @param layout where workers that this side starts write their logs
  /// @return the connected workers, each with a door whose noise is unpredictable; none if the run
  ///   needs none
  /// @throws IOException if a worker is not to be had, or not strict
  public static WorkerPool open(TrainingSpec spec, RunLayout layout) throws IOException {
    WorkerPool pool = new WorkerPool(spec);
    boolean all = false;
    try {
      pool.connect(spec, layout);
      all = true;
      return pool;
    } finally {
      if (!all) {
        pool.close();
      }
    }
  }

  private void connect(TrainingSpec spec, RunLayout layout) throws IOException {
    List<WorkerChoice> choices = spec.usedWorkers();
    List<List<String>> arguments = spec.workers().localArguments();
    for (int i = 0; i < choices.size(); i++) {
      ConnectedWorker worker =
          ConnectedWorker.open(
              spec,
              choices.get(i),
              i < arguments.size() ? arguments.get(i) : List.of(),
              layout.workerLog(i));
      workers.add(worker);
      if (choices.size() > 1) {
        worker.remote().name("worker %s of %s".formatted(i + 1, choices.size()));
      }
      doors.add(new ReleaseDoor(worker.remote(), new SecureRandom(), spec.threads()));
    }
    if (masked && !workers.isEmpty()) {
      requireTwoKeys(spec.workers().trust(), workers.get(0).remote(), workers.get(1).remote());
      requirePrecision(0, "the worker with masked values");
      requirePrecision(1, "the worker with the masks");
    }
  }

  /// Any certificate of the trusted ones is accepted at either address, and so are those that it
  /// has signed: a worker that can redirect the other's connection must not be given both halves.
  private static void requireTwoKeys(@Nullable TlsTrust trust, RemoteWorker one, RemoteWorker two)
      throws IOException {
    if (one.key().isEmpty() || two.key().isEmpty() || trust == null) {
      return; // one of them is on this machine, where no line can be redirected
    }
    Set<PublicKey> shown = new HashSet<>(List.of(one.key().get(), two.key().get()));
    if (shown.size() < 2 || !shown.equals(trust.keys())) {
      throw new IOException(
          "under masks the file of accepted certificates must hold those of the two workers and no"
              + " other, and each worker show its own: else one party may stand for both and undo"
              + " the masks");
    }
  }

  private void requirePrecision(int which, String name) throws IOException {
    PrecisionCheck.require(workers.get(which).remote(), doors.get(which), name);
  }

  /// For the trainer.
  ///
  /// @return workers with their doors
  /// @throws IllegalStateException if the run has no workers
  public Workers parties() {
    if (workers.isEmpty()) {
      throw new IllegalStateException("this run has no workers");
    }
    List<Party> parties = new ArrayList<>();
    for (int i = 0; i < workers.size(); i++) {
      parties.add(new Party(workers.get(i).remote(), doors.get(i)));
    }
    return new Workers(parties, chunks, verification);
  }

  /// Each worker in a line.
  ///
  /// @return what it is and what it holds
  public List<String> describe() {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < workers.size(); i++) {
      String role =
          masked
              ? i == 0 ? ", masked values" : ", masks only"
              : workers.size() == 1 ? "" : ", %s of %s".formatted(i + 1, workers.size());
      lines.add("UNTRUSTED" + role + ": " + workers.get(i).describe());
    }
    if (!masked && workers.size() > 1) {
      lines.add("the workers share each batch; statements treat them as colluding");
    }
    if (verification.share() > 0) {
      lines.add(
          "what they return is checked in "
              + (verification.share() == 1
                  ? "every step"
                  : "a share of %s of the steps, drawn in secret".formatted(verification.share())));
    }
    return lines;
  }

  /// Closes doors and connections, and ends the workers that this side has started. Idempotent.
  @Override
  public void close() {
    doors.forEach(ReleaseDoor::close);
    workers.forEach(ConnectedWorker::close);
    doors.clear();
    workers.clear();
  }
}
