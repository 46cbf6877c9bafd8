package asymml.cli;

import asymml.trusted.boundary.PrecisionCheck;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.execute.Workers;
import asymml.trusted.execute.Workers.Party;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;

/// The connected workers of a run, one or two, with the doors to them.
final class OpenWorkers implements AutoCloseable {
  /// No further options, for either of two.
  static final List<List<String>> NO_ARGUMENTS = List.of(List.of(), List.of());

  private final List<OpenWorker> workers = new ArrayList<>();
  private final List<ReleaseDoor> doors = new ArrayList<>();

  private OpenWorkers() {}

  /// Connects as the options say. Where there are two, both show that they compute in strict
  /// float32.
  ///
  /// @param options of the run
  /// @param arguments further options of workers that this side starts, of each
  /// @param layout where those write their logs
  /// @throws IOException if a worker is not to be had, or not strict
  static OpenWorkers open(TrainOptions options, List<List<String>> arguments, RunLayout layout)
      throws IOException {
    OpenWorkers open = new OpenWorkers();
    boolean all = false;
    try {
      List<WorkerChoice> choices = options.workers();
      for (int i = 0; i < choices.size(); i++) {
        OpenWorker worker =
            OpenWorker.open(
                options,
                choices.get(i),
                arguments.get(i),
                i == 0 ? layout.workerLog() : layout.masksWorkerLog());
        open.workers.add(worker);
        open.doors.add(new ReleaseDoor(worker.remote(), new SecureRandom(), options.threads()));
      }
      if (choices.size() == 2) {
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

  private void requirePrecision(int which, String name) throws IOException {
    PrecisionCheck.require(workers.get(which).remote(), doors.get(which), name);
  }

  /// For the trainer.
  Workers parties() {
    return new Workers(party(0), workers.size() == 1 ? null : party(1));
  }

  private Party party(int which) {
    return new Party(workers.get(which).remote(), doors.get(which));
  }

  /// Each in a line.
  List<String> describe() {
    if (workers.size() == 1) {
      return List.of("UNTRUSTED: " + workers.getFirst().describe());
    }
    return List.of(
        "UNTRUSTED, masked values: " + workers.getFirst().describe(),
        "UNTRUSTED, masks only: " + workers.getLast().describe());
  }

  @Override
  public void close() {
    doors.forEach(ReleaseDoor::close);
    workers.forEach(OpenWorker::close);
  }
}
