package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class EmulatedBackendTest {
  private static final long MICROS = 3_000;
  private static final MemorySegment NONE = MemorySegment.NULL;

  private final AtomicLong clock = new AtomicLong();
  private final Backend backend =
      new EmulatedBackend(
          new Device.Emulated((int) MICROS), () -> clock.getAndAdd(200_000)); // 0.2 ms a look

  @Test
  void each_pass_ends_once_its_delay_is_over_on_the_clock() throws Exception {
    backend.define(1, new OpDescriptor(2, 1, 1, 3, 4, 1, 1, 1, 0));
    List<Supplier<Completion>> passes =
        List.of(
            () -> backend.forward(1, NONE, NONE),
            () -> backend.backwardData(1, NONE, NONE),
            () -> backend.backwardWeights(1, NONE, NONE, NONE));
    for (Supplier<Completion> pass : passes) {
      long start = clock.get();
      assertThat(pass.get().isDone()).isTrue();
      assertThat(clock.get() - start).isBetween(1000 * MICROS, 1000 * MICROS + 400_000);
    }
  }

  @Test
  void weights_are_taken_without_a_delay() {
    assertThat(backend.loadWeights(1, NONE).isDone()).isTrue();
    assertThat(clock).hasValue(0);
  }

  @Test
  void it_says_that_it_computes_nothing() {
    assertThat(backend.name()).isEqualTo("emulated:3000");
    assertThat(backend.precision()).isEqualTo(Message.Welcome.COMPUTES_NOTHING);
  }
}
