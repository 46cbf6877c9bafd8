package asymml.trusted.boundary;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.ConvShape;
import asymml.wire.Encoding;
import asymml.wire.MaskKey;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The trusted side with hostile workers, each of a seed: it does what it can, until it is told
/// that the worker is at fault. `asymml.fuzz.messages` is the number of requests of each test,
/// `asymml.fuzz.seed` the first seed.
class RemoteWorkerFuzzTest {
  private static final long MESSAGES = Long.getLong("asymml.fuzz.messages", 100_000);
  private static final long FIRST_SEED = Long.getLong("asymml.fuzz.seed", 1);
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final int LONGEST_SESSION = 400;
  private static final long REGION_BYTES = 1 << 16;
  private static final int SLOTS = 8;
  private static final ConvShape[] OPS = {
    ConvShape.linear(2, 3, 4),
    new ConvShape(2, 5, 4, 3, 2, 3, 3, 1, 1),
    new ConvShape(1, 8, 8, 4, 8, 1, 1, 2, 0),
    new ConvShape(3, 6, 6, 2, 5, 2, 2, 2, 1),
  };

  /// One connection, and the calls that a training loop could make in any order.
  @SuppressWarnings("NullAway.Init") // connected when the calls run
  private static final class Calls {
    private final Random random;
    private final SimulatedWorker simulated;
    private final boolean streamed;
    private final List<Ticket> tickets = new ArrayList<>();
    private @Nullable RemoteWorker connected;

    Calls(Random random, boolean streamed, int faultOneIn) {
      this.random = random;
      this.streamed = streamed;
      this.simulated = new SimulatedWorker(random, streamed, faultOneIn);
    }

    private RemoteWorker worker() {
      return Objects.requireNonNull(connected);
    }

    /// What ended the connection, or null if nothing did.
    @Nullable ProtocolException run(int length) {
      try {
        try {
          RemoteWorker worker = RemoteWorker.greet(simulated, null, LIMIT);
          connected = worker;
          worker.mapRegion(REGION_BYTES);
          for (int op = 0; op < OPS.length; op++) {
            worker.define(op, OPS[op]);
          }
          for (int i = 0; i < length; i++) {
            step();
          }
          awaitAll();
        } finally {
          if (connected != null) {
            connected.close();
          }
        }
        return null;
      } catch (ProtocolException e) {
        return e;
      }
    }

    // Slots are far enough apart for every tensor here.
    private Slot slot(int[] axes) {
      int floats = 1;
      for (int length : axes) {
        floats *= length;
      }
      return new Slot(REGION_BYTES / SLOTS * random.nextInt(SLOTS), floats);
    }

    private Released released(int[] axes) throws ProtocolException {
      Slot slot = slot(axes);
      worker().publish(slot);
      return new Released(slot);
    }

    private void step() throws ProtocolException {
      int id = random.nextInt(OPS.length);
      ConvShape op = OPS[id];
      switch (random.nextInt(15)) {
        case 0, 1 -> tickets.add(worker().loadWeights(id, released(op.weightAxes())));
        case 2, 3, 4 ->
            tickets.add(worker().forward(id, released(op.inputAxes()), slot(op.outputAxes())));
        case 5, 6 ->
            tickets.add(worker().backwardData(id, released(op.outputAxes()), slot(op.inputAxes())));
        case 7, 8 ->
            tickets.add(
                worker()
                    .backwardWeights(
                        id,
                        released(op.inputAxes()),
                        released(op.outputAxes()),
                        slot(op.weightAxes())));
        case 9 -> worker().expandMask(new MaskKey(1, 2, 3, 4), 2, 1.5, new Slot(0, 20));
        case 10 -> worker().flush();
        case 11, 12, 13 -> update(id, op);
        default -> {
          if (random.nextInt(20) == 0) {
            map();
          } else {
            awaitOne();
          }
        }
      }
    }

    private void update(int id, ConvShape op) throws ProtocolException {
      WeightUpdates updates = worker().updates();
      int[] folded = op.withInChannels(2).weightAxes();
      switch (random.nextInt(7)) {
        case 0 ->
            tickets.add(updates.hold(id, released(op.weightAxes()), released(op.weightAxes())));
        case 1 -> updates.load(id, random.nextInt(OPS.length));
        case 2 -> updates.keepDirections(id, released(new int[] {2, op.inChannels()}));
        case 3 -> tickets.add(updates.fold(id, 2, slot(folded)));
        case 4 ->
            tickets.add(
                updates.keepGradient(id, id, released(op.inputAxes()), released(op.outputAxes())));
        case 5 -> tickets.add(updates.update(id, 2, released(folded), 0.1f, 0.9f, 0));
        default -> tickets.add(updates.fetch(id, random.nextBoolean(), slot(op.weightAxes())));
      }
    }

    // Every request must have been answered; masks have no ticket, so that one more is awaited.
    private void map() throws ProtocolException {
      tickets.add(worker().loadWeights(0, released(OPS[0].weightAxes())));
      awaitAll();
      if (streamed) {
        worker().encode(random.nextBoolean() ? Encoding.BFLOAT16 : Encoding.FLOAT32);
      }
      worker().mapRegion(REGION_BYTES);
    }

    private void awaitOne() throws ProtocolException {
      if (!tickets.isEmpty()) {
        await(tickets.remove(random.nextInt(tickets.size())));
      }
    }

    private void awaitAll() throws ProtocolException {
      while (!tickets.isEmpty()) {
        await(tickets.removeLast());
      }
    }

    private void await(Ticket ticket) throws ProtocolException {
      worker().await(ticket);
      assertThat(simulated.said(ticket)).as("an answer that the worker never gave").isTrue();
    }
  }

  private static void fuzz(boolean streamed) {
    long requests = 0;
    long ended = 0;
    for (long seed = FIRST_SEED; requests < MESSAGES; seed++) {
      try {
        Random random = new Random(seed);
        int faultOneIn = random.nextInt(4) == 0 ? 0 : 1 + random.nextInt(LONGEST_SESSION);
        Calls calls = new Calls(random, streamed, faultOneIn);
        ProtocolException end = calls.run(1 + random.nextInt(LONGEST_SESSION));
        requests += calls.simulated.requests();
        if (end != null) {
          ended++;
          assertThat(calls.simulated.faulty()).as("a worker without fault was blamed").isTrue();
          assertThat(end.getMessage()).matches("[\\x20-\\x7e]{1,1000}");
        }
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError("seed " + seed + ": rerun with -Dasymml.fuzz.seed=" + seed, e);
      }
    }
    System.out.printf(
        "fuzz: %d requests, %d connections ended by a fault, seeds from %d%n",
        requests, ended, FIRST_SEED);
    assertThat(ended).isGreaterThan(requests / (4 * LONGEST_SESSION));
  }

  @ParameterizedTest(name = "tensors in the stream: {0}")
  @ValueSource(booleans = {true, false})
  void the_trusted_side_withstands_any_worker(boolean streamed) {
    fuzz(streamed);
  }
}
