package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class TimeLeftTest {
  private final AtomicLong now = new AtomicLong();

  private void seconds(long seconds) {
    now.addAndGet(seconds * 1_000_000_000);
  }

  @Test
  void the_rest_follows_from_the_steps_after_the_first() {
    TimeLeft left = new TimeLeft(now::get, 2);
    left.epochStarted(1, 10, 0);
    assertThat(left.left()).isEmpty();
    seconds(60);
    left.stepDone();
    assertThat(left.left()).isEmpty();
    seconds(2);
    left.stepDone();
    assertThat(left.left()).contains(Duration.ofSeconds(2 * 18));
  }

  @Test
  void steps_that_an_earlier_process_did_are_neither_ahead_nor_timed() {
    TimeLeft left = new TimeLeft(now::get, 3);
    left.epochStarted(3, 10, 6);
    left.stepDone();
    seconds(1);
    left.stepDone();
    assertThat(left.left()).contains(Duration.ofSeconds(2));
  }
}
