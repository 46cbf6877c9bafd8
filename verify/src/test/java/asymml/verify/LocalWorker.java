package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.WorkerProcess;
import asymml.trusted.split.Workers;
import asymml.untrusted.WorkerThread;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// The worker's program with a door to it, on a thread; and the command that starts it as a
/// process.
final class LocalWorker implements AutoCloseable {
  static final Duration LIMIT = Duration.ofMinutes(5);

  final RemoteWorker remote;
  final ReleaseDoor door;
  private final WorkerThread thread = new WorkerThread();

  LocalWorker() throws Exception {
    remote = RemoteWorker.connect(thread.address(), null, LIMIT);
    door = new ReleaseDoor(remote, new SecureRandom(), 2);
  }

  /// A worker that can be killed.
  ///
  /// @param folder where its log goes
  static WorkerProcess process(Path folder) throws ProtocolException {
    return WorkerProcess.start(command(), 2, folder.resolve("worker.log"), LIMIT);
  }

  Workers.Party party() {
    return new Workers.Party(remote, door);
  }

  /// Waits for the end of a worker that must end.
  static void awaitEnd(WorkerProcess worker) throws Exception {
    Optional<ProcessHandle> process = ProcessHandle.of(worker.pid());
    if (process.isPresent()) {
      process.get().onExit().get(5, TimeUnit.MINUTES);
    }
    assertThat(worker.isAlive()).isFalse();
  }

  static List<String> command() {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--add-modules",
        "jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        System.getProperty("java.class.path"),
        "asymml.untrusted.Main");
  }

  @Override
  public void close() throws IOException {
    door.close();
    remote.close();
    thread.close();
  }
}
