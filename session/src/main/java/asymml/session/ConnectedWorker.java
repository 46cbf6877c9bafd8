package asymml.session;

import asymml.kernels.Closer;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.WorkerProcess;
import asymml.wire.ProtocolException;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A connected worker, with its process where this side has started it.
final class ConnectedWorker implements AutoCloseable {
  private final RemoteWorker remote;
  private final @Nullable WorkerProcess process;
  private final String where;

  private ConnectedWorker(RemoteWorker remote, @Nullable WorkerProcess process, String where) {
    this.remote = remote;
    this.process = process;
    this.where = where;
  }

  /// Connects.
  ///
  /// @param spec of the run
  /// @param choice which worker
  /// @param arguments further options of a worker that this side starts
  /// @param log where a worker of this side's own writes
  /// @throws IOException if there is no worker to be had
  static ConnectedWorker open(
      TrainingSpec spec, WorkerChoice choice, List<String> arguments, Path log) throws IOException {
    WorkerSpec workers = spec.workers();
    ConnectedWorker worker =
        switch (choice) {
          case WorkerChoice.Local(String device) -> start(spec, device, arguments, log);
          case WorkerChoice.Remote(WorkerAddress address) ->
              new ConnectedWorker(
                  RemoteWorker.connect(address, workers.trust(), workers.timeout()),
                  null,
                  address.toString());
        };
    worker.remote.requestLimit(workers.timeout());
    worker.remote.encode(workers.wire());
    return worker;
  }

  private static ConnectedWorker start(
      TrainingSpec spec, String device, List<String> arguments, Path log) throws ProtocolException {
    List<String> command =
        new ArrayList<>(WorkerLauncher.command(device, log.toAbsolutePath().resolveSibling("")));
    command.addAll(arguments);
    if (spec.training().shield().masks()) {
      command.addAll(List.of("--precision", "fp32"));
    }
    try (Closer opened = new Closer()) {
      WorkerProcess process =
          opened.own(WorkerProcess.start(command, spec.threads(), log, spec.workers().timeout()));
      RemoteWorker remote = RemoteWorker.connect(process, spec.workers().timeout());
      opened.release();
      return new ConnectedWorker(
          remote, process, "process %s on this machine, log %s".formatted(process.pid(), log));
    }
  }

  RemoteWorker remote() {
    return remote;
  }

  /// Address, backend and process in words.
  String describe() {
    return "%s, %s, %s".formatted(remote.backend(), remote.precision(), where);
  }

  @Override
  public void close() {
    remote.close();
    if (process != null) {
      process.close();
    }
  }
}
