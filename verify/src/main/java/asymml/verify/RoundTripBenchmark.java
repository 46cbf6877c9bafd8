package asymml.verify;

import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import asymml.wire.UnixTransport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// A request and its answer over a Unix domain socket, without any computation between them.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
@SuppressWarnings("NullAway.Init") // JMH calls the setup before anything else
public class RoundTripBenchmark {
  private Path folder;
  private Link link;
  private long sequence;

  /// Used by JMH.
  public RoundTripBenchmark() {}

  private static Deadline soon() {
    return Deadline.in(Duration.ofMinutes(5));
  }

  /// Connects to a thread that answers.
  ///
  /// @throws IOException if there is no socket
  @Setup
  public void connect() throws IOException {
    folder = Files.createTempDirectory("asymml-benchmark");
    Path socket = folder.resolve("socket");
    CompletableFuture<Void> listening = new CompletableFuture<>();
    Thread.ofPlatform().daemon().start(() -> answer(socket, listening));
    listening.join();
    link = new Link(UnixTransport.connect(socket));
  }

  private static void answer(Path socket, CompletableFuture<Void> listening) {
    try (Link far =
        new Link(UnixTransport.accept(socket, soon(), () -> listening.complete(null)))) {
      while (true) {
        far.send(new Message.Done(far.receive(soon()).sequence(), 1), soon());
      }
    } catch (ProtocolException e) {
      // The benchmark is over, or it could not begin.
      listening.completeExceptionally(e);
    }
  }

  /// One request and its answer.
  ///
  /// @return the answer
  /// @throws ProtocolException if the other thread is gone
  @Benchmark
  public Message roundTrip() throws ProtocolException {
    link.send(new Message.Forward(sequence++, 1, new Slot(0, 1), new Slot(64, 1)), soon());
    return link.receive(soon());
  }

  /// Ends the connection.
  ///
  /// @throws IOException if the folder of the socket cannot be removed
  @TearDown
  public void close() throws IOException {
    link.close();
    Files.deleteIfExists(folder.resolve("socket"));
    Files.deleteIfExists(folder);
  }
}
