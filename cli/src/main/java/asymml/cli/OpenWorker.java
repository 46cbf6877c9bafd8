package asymml.cli;

import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.TlsTrust;
import asymml.trusted.boundary.WorkerProcess;
import asymml.wire.ProtocolException;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A connected worker, with its process where this side has started it.
final class OpenWorker implements AutoCloseable {
  private final RemoteWorker remote;
  private final @Nullable WorkerProcess process;
  private final String where;

  private OpenWorker(RemoteWorker remote, @Nullable WorkerProcess process, String where) {
    this.remote = remote;
    this.process = process;
    this.where = where;
  }

  /// Connects as the options say.
  ///
  /// @param choice which worker
  /// @param arguments further options of a worker that this side starts
  /// @param log where a worker of this side's own writes
  /// @throws IOException if there is no worker to be had
  static OpenWorker open(
      TrainOptions options, WorkerChoice choice, List<String> arguments, Path log)
      throws IOException {
    OpenWorker worker =
        switch (choice) {
          case WorkerChoice.Local(String device) -> start(options, device, arguments, log);
          case WorkerChoice.Remote(WorkerAddress address) ->
              new OpenWorker(
                  RemoteWorker.connect(address, trust(options), options.workerTimeout()),
                  null,
                  address.toString());
        };
    worker.remote.requestLimit(options.workerTimeout());
    worker.remote.encode(options.wire);
    return worker;
  }

  private static @Nullable TlsTrust trust(TrainOptions options) throws IOException {
    return options.tlsTrust == null ? null : TlsTrust.ofCertificates(options.tlsTrust);
  }

  private static OpenWorker start(
      TrainOptions options, String device, List<String> arguments, Path log)
      throws ProtocolException {
    List<String> command = new ArrayList<>(WorkerLauncher.command(device));
    command.addAll(arguments);
    if (options.privacy.shield.shares()) {
      command.addAll(List.of("--precision", "fp32"));
    }
    WorkerProcess process =
        WorkerProcess.start(command, options.threads(), log, options.workerTimeout());
    boolean connected = false;
    try {
      RemoteWorker remote = RemoteWorker.connect(process, options.workerTimeout());
      connected = true;
      return new OpenWorker(
          remote, process, "process %d on this machine, log %s".formatted(process.pid(), log));
    } finally {
      if (!connected) {
        process.close();
      }
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
