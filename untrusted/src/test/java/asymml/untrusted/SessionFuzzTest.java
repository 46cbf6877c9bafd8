package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.MemoryBudget;
import asymml.wire.Codec;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// A worker's session with hostile trainers, each of a seed. `asymml.fuzz.messages` is the number
/// of messages of each test (the CPU backend gets fewer), `asymml.fuzz.seed` the first seed. A
/// crash of the process leaves its seed in `target/fuzz-seed`.
class SessionFuzzTest {
  private static final long FIRST_SEED = Long.getLong("asymml.fuzz.seed", 1);
  private static final long MESSAGES = Long.getLong("asymml.fuzz.messages", 100_000);
  private static final long BUDGET_BYTES = 8 << 20;
  private static final Path SEED_FILE = Path.of("target", "fuzz-seed");
  private static final int LONGEST_SESSION = 300;
  private static final long REGION_BYTES = 1 << 17;

  private final ExecutorService threads =
      Executors.newCachedThreadPool(Thread.ofPlatform().daemon().name("session-", 0).factory());

  @AfterEach
  void stop() {
    threads.shutdownNow();
  }

  interface Backends {
    Backend create(Random random, MemoryBudget budget);
  }

  /// What a session wrote: answers in the order of their requests, results before them.
  @SuppressWarnings("NullAway.Init") // the link is made with what is to accept its bytes
  private static final class Answers {
    private long lastSequence = -1;
    private long tensorBytes;
    private int answers;
    private Link link;

    void accept(ByteBuffer bytes) {
      if (tensorBytes > 0) {
        tensorBytes -= bytes.remaining();
        assertThat(tensorBytes).as("bytes left of a result").isGreaterThanOrEqualTo(0);
        return;
      }
      try {
        Message message = Codec.decode(bytes.order(ByteOrder.LITTLE_ENDIAN));
        assertThat(message.sequence()).as("%s", message).isGreaterThan(lastSequence);
        switch (message) {
          case Message.Payload m -> tensorBytes = link.encoding().bytes(m.slot().floats());
          case Message.Reply m -> {
            lastSequence = m.sequence();
            answers++;
          }
          case Message.Request m -> throw new AssertionError("a worker sent a request: " + m);
        }
      } catch (ProtocolException e) {
        throw new AssertionError("a worker sent rubbish", e);
      }
    }
  }

  private record Tally(long messages, long answers, long calls) {}

  private Tally fuzz(long count, boolean streamed, Backends backends) throws Exception {
    long messages = 0;
    long answers = 0;
    long calls = 0;
    for (long seed = FIRST_SEED; messages < count; seed++) {
      Random random = new Random(seed);
      HostileTrainer trainer = new HostileTrainer(random, streamed ? 0 : REGION_BYTES);
      byte[] input = trainer.session(1 + random.nextInt(LONGEST_SESSION));
      messages += trainer.messages();
      Tally one = run(seed, input, streamed, backends);
      answers += one.answers;
      calls += one.calls;
      assertThat(one.answers).isLessThanOrEqualTo(2L * trainer.messages());
    }
    System.out.printf(
        "fuzz: %d messages, %d answers, %d calls of the backend, seeds from %d%n",
        messages, answers, calls, FIRST_SEED);
    return new Tally(messages, answers, calls);
  }

  private Tally run(long seed, byte[] input, boolean streamed, Backends backends)
      throws InterruptedException, IOException {
    Answers answers = new Answers();
    MemoryBudget budget = new MemoryBudget(BUDGET_BYTES);
    Random random = new Random(~seed);
    Backend backend = backends.create(random, budget);
    leaveSeed(seed);
    Future<?> end =
        threads.submit(() -> {
          ScriptedTransport transport =
              new ScriptedTransport(
                  input, streamed ? 0 : REGION_BYTES, new Random(seed), answers::accept);
          try (Backend closed = backend;
              Link link = new Link(transport)) {
            answers.link = link;
            new Session(link, closed, budget, () -> 77).run();
          } catch (ProtocolException e) {
            // One line, whatever the trainer did.
            assertThat(e.getMessage()).doesNotContain("\n").hasSizeLessThan(1000);
          }
          return null;
        });
    try {
      end.get(5, TimeUnit.MINUTES);
      assertThat(budget.takenBytes()).as("memory that was not given back").isZero();
    } catch (ExecutionException | TimeoutException | AssertionError e) {
      throw new AssertionError("seed " + seed + ": rerun with -Dasymml.fuzz.seed=" + seed, e);
    }
    return new Tally(0, answers.answers, backend instanceof ContractBackend c ? c.calls() : 0);
  }

  /// Where it is found after a crash of the process.
  private static void leaveSeed(long seed) throws IOException {
    Files.createDirectories(SEED_FILE.getParent());
    Files.writeString(SEED_FILE, seed + "\n");
  }

  @Test
  void a_worker_withstands_any_trainer_whose_tensors_come_in_the_stream() throws Exception {
    Tally tally = fuzz(MESSAGES, true, (random, _) -> new ContractBackend(random));
    // It gets far, and is not refused at the first request.
    assertThat(tally.answers).isGreaterThan(tally.messages / 5);
    assertThat(tally.calls).isGreaterThan(tally.messages / 100);
  }

  @Test
  void a_worker_withstands_any_trainer_that_shares_memory() throws Exception {
    Tally tally = fuzz(MESSAGES, false, (random, _) -> new ContractBackend(random));
    assertThat(tally.answers).isGreaterThan(tally.messages / 5);
    assertThat(tally.calls).isGreaterThan(tally.messages / 100);
  }

  @Test
  void the_cpu_backend_withstands_any_trainer() throws Exception {
    Tally tally = fuzz(MESSAGES / 200, true, (_, budget) -> new CpuBackend(budget));
    assertThat(tally.answers).isGreaterThan(tally.messages / 5);
  }
}
