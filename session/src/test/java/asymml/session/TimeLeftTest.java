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

  @Test
  void the_first_step_of_a_process_does_not_count_however_long_it_takes() {
    TimeLeft brief = new TimeLeft(now::get, 1);
    TimeLeft endless = new TimeLeft(now::get, 1);
    endless.epochStarted(1, 5, 0);
    seconds(1000);
    endless.stepDone();
    brief.epochStarted(1, 5, 0);
    brief.stepDone();
    seconds(3);
    endless.stepDone();
    brief.stepDone();
    assertThat(endless.left()).isEqualTo(brief.left()).contains(Duration.ofSeconds(3 * 3));
  }

  @Test
  void the_time_between_epochs_counts_as_part_of_the_steps() {
    TimeLeft left = new TimeLeft(now::get, 3);
    left.epochStarted(1, 2, 0);
    left.stepDone();
    seconds(2);
    left.stepDone();
    seconds(6); // evaluation
    left.epochStarted(2, 2, 0);
    assertThat(left.left()).contains(Duration.ofSeconds(8 * 4));
    seconds(2);
    left.stepDone();
    // Two steps in ten seconds, three ahead.
    assertThat(left.left()).contains(Duration.ofSeconds(5 * 3));
  }

  @Test
  void nothing_is_left_after_the_last_step() {
    TimeLeft left = new TimeLeft(now::get, 2);
    for (int epoch = 1; epoch <= 2; epoch++) {
      left.epochStarted(epoch, 2, 0);
      left.stepDone();
      left.stepDone();
      seconds(1);
    }
    assertThat(left.left()).contains(Duration.ZERO);
  }

  @Test
  void an_epoch_that_an_earlier_process_ended_leaves_the_later_ones() {
    TimeLeft left = new TimeLeft(now::get, 4);
    left.epochStarted(2, 3, 2);
    left.stepDone();
    seconds(1);
    left.epochStarted(3, 3, 0);
    left.stepDone();
    assertThat(left.left()).contains(Duration.ofSeconds(5));
  }
}
