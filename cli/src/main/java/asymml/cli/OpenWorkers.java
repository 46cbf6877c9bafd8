package asymml.cli;

import asymml.trusted.boundary.PrecisionCheck;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.TlsTrust;
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

/// The connected workers of a run, with the doors to them.
final class OpenWorkers implements AutoCloseable {
  private final boolean masked;
  private final int chunks;
  private final List<OpenWorker> workers = new ArrayList<>();
  private final List<ReleaseDoor> doors = new ArrayList<>();

  private OpenWorkers(TrainOptions options) {
    this.masked = options.privacy.shield.shares();
    this.chunks = options.chunks.number();
  }

  /// Connects as the options say. Where one gets values under masks and the other the masks, both
  /// show that they compute in strict float32.
  ///
  /// @param options of the run
  /// @param arguments further options of workers that this side starts, of each; empty for none
  /// @param layout where those write their logs
  /// @throws IOException if a worker is not to be had, or not strict
  static OpenWorkers open(TrainOptions options, List<List<String>> arguments, RunLayout layout)
      throws IOException {
    OpenWorkers open = new OpenWorkers(options);
    boolean all = false;
    try {
      List<WorkerChoice> choices = options.workers();
      for (int i = 0; i < choices.size(); i++) {
        OpenWorker worker =
            OpenWorker.open(
                options,
                choices.get(i),
                arguments.isEmpty() ? List.of() : arguments.get(i),
                layout.workerLog(i));
        if (choices.size() > 1) {
          worker.remote().name("worker %d of %d".formatted(i + 1, choices.size()));
        }
        open.workers.add(worker);
        open.doors.add(new ReleaseDoor(worker.remote(), new SecureRandom(), options.threads()));
      }
      if (open.masked) {
        requireTwoKeys(options, open.workers.get(0).remote(), open.workers.get(1).remote());
        open.requirePrecision(0, "the worker with masked values");
        open.requirePrecision(1, "the worker with the masks");
      }
      all = true;
      return open;
    } finally {
      if (!all) {
        open.close();
      }
    }
  }

  /// Any certificate of `--tls-trust` is accepted at either address, and so are those that it has
  /// signed: a worker that can redirect the other's connection must not be given both halves.
  private static void requireTwoKeys(TrainOptions options, RemoteWorker one, RemoteWorker two)
      throws IOException {
    if (one.key().isEmpty() || two.key().isEmpty() || options.tlsTrust == null) {
      return; // one of them is on this machine, where no line can be redirected
    }
    Set<PublicKey> shown = new HashSet<>(List.of(one.key().get(), two.key().get()));
    if (shown.size() < 2 || !shown.equals(TlsTrust.ofCertificates(options.tlsTrust).keys())) {
      throw new IOException(
          "with --shield shares, --tls-trust must hold the certificates of the two workers and no"
              + " other, and each worker show its own: else one party may stand for both and undo"
              + " the masks");
    }
  }

  private void requirePrecision(int which, String name) throws IOException {
    PrecisionCheck.require(workers.get(which).remote(), doors.get(which), name);
  }

  /// For the trainer.
  Workers parties() {
    List<Party> parties = new ArrayList<>();
    for (int i = 0; i < workers.size(); i++) {
      parties.add(new Party(workers.get(i).remote(), doors.get(i)));
    }
    return new Workers(parties, chunks);
  }

  /// Each in a line.
  List<String> describe() {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < workers.size(); i++) {
      String role =
          masked
              ? i == 0 ? ", masked values" : ", masks only"
              : workers.size() == 1 ? "" : ", %d of %d".formatted(i + 1, workers.size());
      lines.add("UNTRUSTED" + role + ": " + workers.get(i).describe());
    }
    if (!masked && workers.size() > 1) {
      lines.add(
          "they share each batch; what is said of the worker's view counts them as one, all"
              + " together");
    }
    return lines;
  }

  @Override
  public void close() {
    doors.forEach(ReleaseDoor::close);
    workers.forEach(OpenWorker::close);
  }
}
