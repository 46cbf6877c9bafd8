package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.WorkerProcess;
import asymml.trusted.split.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// A real worker process on the tests' class path, with a door to it.
final class LocalWorker implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  final WorkerProcess process;
  final RemoteWorker remote;
  final ReleaseDoor door;
  private final Path log;

  LocalWorker() throws Exception {
    log = Files.createTempFile("asymml-worker", ".log");
    process = WorkerProcess.start(command(), 2, log, LIMIT);
    remote = RemoteWorker.connect(process, LIMIT);
    door = new ReleaseDoor(remote, new SecureRandom(), 2);
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
    process.close();
    Files.deleteIfExists(log);
  }
}
