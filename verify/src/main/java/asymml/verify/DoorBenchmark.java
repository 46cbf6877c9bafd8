package asymml.verify;

import asymml.kernels.Tensor;
import asymml.privacy.Channel;
import asymml.privacy.Release;
import asymml.trusted.boundary.ClipBound;
import asymml.trusted.boundary.NoisyRelease;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.boundary.Released;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.plan.NoiseStrength;
import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import asymml.wire.Transport;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/// What the release door costs: clipping, noise and writing; the same without noise; and an exact
/// release, a plain copy. Its lower bound is in [NoiseBenchmark].
@SuppressWarnings("NullAway.Init") // JMH calls the setup before anything else
public class DoorBenchmark extends LayerBenchmark {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final NoiseStrength NOISE = new NoiseStrength.Ratio(0.1);
  private static final NoiseStrength NO_NOISE = new NoiseStrength.None();
  private static final Release WHAT =
      new Release(Channel.RESIDUALS, "benchmark", 1, new Release.Uncovered("a benchmark"));
  private static final List<Release> PLANNED = List.of(WHAT);

  private final ReleaseLog log = new ReleaseLog();
  private final ClipBound bound = new ClipBound();
  private Path folder;
  private Thread peer;
  private RemoteWorker worker;
  private ReleaseDoor door;
  private Tensor values;
  private Slot slot;

  /// Used by JMH.
  public DoorBenchmark() {}

  /// Makes values, and a door to a peer that does nothing.
  ///
  /// @throws IOException if the connection cannot be made
  /// @throws InterruptedException if interrupted
  @Setup
  public void prepare() throws IOException, InterruptedException {
    values = tensor(shape().inputAxes());
    bound.restore(Math.sqrt((double) values.size() / shape().batch()));
    slot = new Slot(0, values.size());
    folder = Files.createTempDirectory("asymml-door");
    CountDownLatch listening = new CountDownLatch(1);
    peer = Thread.ofPlatform().daemon().start(() -> serve(socket(), listening));
    listening.await();
    worker = RemoteWorker.connect(new WorkerAddress.Unix(socket()), null, LIMIT);
    worker.mapRegion(values.sizeBytes());
    door = new ReleaseDoor(worker, new SecureRandom(), 1);
    door.log(log);
  }

  private Path socket() {
    return folder.resolve("peer");
  }

  /// A release with noise.
  ///
  /// @param count how many values
  /// @return the release
  /// @throws ProtocolException if the peer went away
  @Benchmark
  public Released noisy(Values count) throws ProtocolException {
    return release(NOISE, count);
  }

  /// The same with noise off: neither clipped nor noised.
  ///
  /// @param count how many values
  /// @return the release
  /// @throws ProtocolException if the peer went away
  @Benchmark
  public Released withoutNoise(Values count) throws ProtocolException {
    return release(NO_NOISE, count);
  }

  /// A release of weights or output gradients, unprotected.
  ///
  /// @param count how many values
  /// @return the release
  /// @throws ProtocolException if the peer went away
  @Benchmark
  public Released exact(Values count) throws ProtocolException {
    count.values += values.size();
    log.begin(PLANNED);
    return door.exact(WHAT, values, slot);
  }

  private Released release(NoiseStrength strength, Values count) throws ProtocolException {
    count.values += values.size();
    log.begin(PLANNED);
    NoisyRelease release = door.noisy(WHAT, slot, shape().batch(), strength, bound);
    release.write(0, values);
    return release.finish();
  }

  /// A peer that says yes to everything until it is left.
  private static void serve(Path socket, CountDownLatch listening) {
    Deadline deadline = Deadline.in(LIMIT);
    try (Transport transport = UnixTransport.accept(socket, deadline, listening::countDown)) {
      Link link = new Link(transport);
      Message hello = link.receive(deadline);
      link.send(
          new Message.Welcome(
              hello.sequence(), Message.PROTOCOL_VERSION, "benchmark", "float32", 1),
          deadline);
      Message request = link.receive(deadline);
      while (!(request instanceof Message.Bye)) {
        link.send(new Message.Done(request.sequence(), 0), deadline);
        request = link.receive(deadline);
      }
    } catch (IOException e) {
      System.err.println("the peer failed: " + e.getMessage());
    }
  }

  /// Leaves the peer.
  ///
  /// @throws IOException if the socket cannot be removed
  /// @throws InterruptedException if interrupted
  @TearDown
  public void close() throws IOException, InterruptedException {
    door.close();
    worker.close();
    peer.join();
    Files.deleteIfExists(socket());
    Files.delete(folder);
  }
}
