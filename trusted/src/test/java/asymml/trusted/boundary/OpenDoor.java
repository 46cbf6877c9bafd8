package asymml.trusted.boundary;

import asymml.wire.Message;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/// A door with seeded noise, to a worker that says Done to everything: for tests of what passes
/// through it.
public final class OpenDoor implements AutoCloseable {
  private static final long REGION_BYTES = 1 << 22;

  private final FakeWorker peer;
  private final RemoteWorker worker;
  private final ReleaseDoor door;
  private final ReleaseLog log = new ReleaseLog();

  /// Opens it; nothing is planned yet.
  ///
  /// @param folder of the worker's socket
  /// @param seed of the noise
  /// @param threads that noise at a time
  /// @throws Exception if the worker does not start
  public OpenDoor(Path folder, long seed, int threads) throws Exception {
    peer =
        FakeWorker.polite(
            folder,
            (link, _) -> {
              while (!(FakeWorker.done(link) instanceof Message.Bye)) {
                // Every request is done as soon as it comes.
              }
            });
    worker = RemoteWorker.connect(peer.address(), null, Duration.ofMinutes(5));
    worker.mapRegion(REGION_BYTES);
    door = new ReleaseDoor(worker, new SeededSecureRandom(seed), threads);
    door.log(log);
  }

  /// The door.
  ///
  /// @return seeded: it guarantees nothing
  public ReleaseDoor door() {
    return door;
  }

  /// The worker.
  ///
  /// @return with a region of 4 MiB
  public RemoteWorker worker() {
    return worker;
  }

  /// What may leave.
  ///
  /// @return the door's log
  public ReleaseLog log() {
    return log;
  }

  @Override
  public void close() throws IOException {
    door.close();
    worker.close();
    peer.close();
  }
}
