package asymml.verify;

import asymml.kernels.GaussianNoise;
import asymml.kernels.Tensor;
import asymml.privacy.Channel;
import asymml.privacy.Release;
import asymml.trusted.boundary.ClipBound;
import asymml.trusted.boundary.NoiseStrength;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.ReleaseDoor.NoisyRelease;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.boundary.RemoteWorker;
import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import asymml.wire.Transport;
import asymml.wire.UnixTransport;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import javax.crypto.Cipher;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// What the release door costs: nanoseconds of clipping, noise and writing per value, and bytes of
/// cipher stream per value, for residuals of several sizes; beside it a release without noise, a
/// plain copy. Before that, on one thread, the noise alone and its floor, the cipher stream.
///
/// Arguments: timed releases (20), threads (all processors). One line for the noise and one per
/// size on standard output.
public final class DoorBenchmark {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final int WARM_UP = 10;
  private static final int BLOCKS = 1000;
  private static final long REGION_BYTES = 1 << 25;

  /// Examples and values of each: early and late maps of VGG16 and ResNet-20, and features.
  private static final int[][] SIZES = {
    {32, 64 * 32 * 32}, {128, 16 * 32 * 32}, {128, 256 * 8 * 8}, {128, 512 * 2 * 2}, {128, 512}
  };

  private static final Release WHAT =
      new Release(Channel.RESIDUALS, "benchmark", 1, new Release.Uncovered("a benchmark"));

  private DoorBenchmark() {}

  /// Runs the benchmark.
  ///
  /// @param args timed releases, threads; each optional
  /// @throws IOException if the connection cannot be made
  /// @throws InterruptedException if interrupted
  public static void main(String[] args) throws IOException, InterruptedException {
    int releases = args.length > 0 ? Integer.parseInt(args[0]) : 20;
    int threads =
        args.length > 1 ? Integer.parseInt(args[1]) : Runtime.getRuntime().availableProcessors();
    System.out.printf(
        Locale.ROOT,
        "noise, 1 thread: %.2f ns per sample, of which cipher stream %.2f, %d bytes per sample"
            + " (median of %d)%n",
        noiseNanos(releases),
        cipherNanos(releases),
        Long.BYTES,
        releases);
    Path folder = Files.createTempDirectory("asymml-door");
    Path socket = folder.resolve("peer");
    CountDownLatch listening = new CountDownLatch(1);
    Thread peer = Thread.ofPlatform().start(() -> serve(socket, listening));
    listening.await();
    try (Arena arena = Arena.ofShared();
        RemoteWorker worker = RemoteWorker.connect(new WorkerAddress.Unix(socket), null, LIMIT);
        ReleaseDoor door = new ReleaseDoor(worker, new SecureRandom(), threads)) {
      ReleaseLog log = new ReleaseLog();
      log.begin(Collections.nCopies(2 * SIZES.length * (releases + WARM_UP), WHAT));
      door.log(log);
      worker.mapRegion(REGION_BYTES);
      for (int[] size : SIZES) {
        Tensor values = Tensor.allocate(arena, size[0], size[1]);
        SplittableRandom random = new SplittableRandom(1);
        for (long i = 0; i < values.size(); i++) {
          values.set(i, (float) random.nextGaussian());
        }
        double noisy = nanosPerValue(door, values, new NoiseStrength.Ratio(0.1), releases);
        double plain = nanosPerValue(door, values, new NoiseStrength.None(), releases);
        int blocks = (size[1] + GaussianNoise.BLOCK - 1) / GaussianNoise.BLOCK;
        System.out.printf(
            Locale.ROOT,
            "door %d x %d, threads %d: %.2f ns per value with noise, %.2f without,"
                + " %.1f bytes of stream per value (median of %d releases)%n",
            size[0],
            size[1],
            threads,
            noisy,
            plain,
            (double) blocks * GaussianNoise.BLOCK * Long.BYTES / size[1],
            releases);
      }
    } finally {
      peer.join();
      Files.deleteIfExists(socket);
      Files.delete(folder);
    }
  }

  private static double noiseNanos(int runs) {
    try (GaussianNoise noise = new GaussianNoise(new SecureRandom())) {
      return nanosPerSample(runs, noise::next);
    }
  }

  private static double cipherNanos(int runs) {
    byte[] zeros = new byte[GaussianNoise.BLOCK * Long.BYTES];
    byte[] out = new byte[zeros.length];
    try {
      Cipher cipher = Cipher.getInstance("AES/CTR/NoPadding");
      cipher.init(
          Cipher.ENCRYPT_MODE,
          new SecretKeySpec(new byte[32], "AES"),
          new IvParameterSpec(new byte[16]));
      return nanosPerSample(
          runs,
          () -> {
            try {
              cipher.update(zeros, 0, zeros.length, out, 0);
            } catch (ShortBufferException e) {
              throw new IllegalStateException(e);
            }
          });
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java runtime has no AES in counter mode", e);
    }
  }

  /// The median of runs over a thousand blocks each.
  private static double nanosPerSample(int runs, Runnable block) {
    long[] nanos = new long[runs];
    for (int i = -WARM_UP; i < runs; i++) {
      long start = System.nanoTime();
      for (int k = 0; k < BLOCKS; k++) {
        block.run();
      }
      if (i >= 0) {
        nanos[i] = System.nanoTime() - start;
      }
    }
    Arrays.sort(nanos);
    return (double) nanos[runs / 2] / (BLOCKS * GaussianNoise.BLOCK);
  }

  private static double nanosPerValue(
      ReleaseDoor door, Tensor values, NoiseStrength strength, int releases)
      throws ProtocolException {
    ClipBound bound = new ClipBound();
    bound.restore(Math.sqrt((double) values.size() / values.length(0)));
    Slot slot = new Slot(0, values.size());
    long[] nanos = new long[releases];
    for (int i = -WARM_UP; i < releases; i++) {
      long start = System.nanoTime();
      NoisyRelease release = door.noisy(WHAT, slot, values.length(0), strength, bound);
      release.write(0, values);
      release.finish();
      if (i >= 0) {
        nanos[i] = System.nanoTime() - start;
      }
    }
    Arrays.sort(nanos);
    return (double) nanos[releases / 2] / values.size();
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
}
