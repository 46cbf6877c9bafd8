package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.TrainListener;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SessionListenerTest {
  private static final EpochTotals TOTALS =
      new EpochTotals(2, 16, 3.5, 9, 0.5, new EpochTotals.Cost(0, 0, 0, 0));
  private static final EpochMetrics METRICS =
      new EpochMetrics(1, 2, 0.5, 0.25, 0.75, 0.5, 0.1, 32, 1, 0, 0, 0);

  /// Notes what a display is told.
  private static final class Display implements TrainListener {
    private final List<Object> told = new ArrayList<>();

    @Override
    public void stepsSkipped(long steps) {
      told.add("skipped " + steps);
    }

    @Override
    public void epochStarted(int epoch, int batches, int firstBatch) {
      told.add("epoch %d: %d from %d".formatted(epoch, batches, firstBatch));
    }

    @Override
    public void stepDone(EpochTotals totals) {
      told.add(totals);
    }

    @Override
    public void evaluated(int done, int total) {
      told.add("evaluated %d of %d".formatted(done, total));
    }

    @Override
    public void epochDone(EpochMetrics metrics) {
      told.add(metrics);
    }
  }

  private static void tellAll(SessionListener listener) {
    listener.stepsSkipped(3);
    listener.epochStarted(1, 5, 3);
    listener.stepDone(TOTALS);
    listener.evaluated(4, 10);
    listener.epochDone(METRICS);
  }

  @Test
  void a_display_is_told_every_event_of_the_training() {
    Display display = new Display();
    tellAll(
        new SessionListener() {
          @Override
          public TrainListener display() {
            return display;
          }
        });
    assertThat(display.told)
        .containsExactly("skipped 3", "epoch 1: 5 from 3", TOTALS, "evaluated 4 of 10", METRICS);
  }

  @Test
  void the_display_is_asked_for_at_every_event() {
    List<Display> displays = new ArrayList<>();
    tellAll(
        new SessionListener() {
          @Override
          public TrainListener display() {
            displays.add(new Display());
            return displays.getLast();
          }
        });
    assertThat(displays).hasSize(5).allSatisfy(display -> assertThat(display.told).hasSize(1));
  }

  @Test
  void an_event_that_is_handled_is_not_shown_unless_the_listener_says_so() {
    Display display = new Display();
    SessionListener listener =
        new SessionListener() {
          @Override
          public TrainListener display() {
            return display;
          }

          @Override
          public void evaluated(int done, int total) {}
        };
    tellAll(listener);
    assertThat(display.told).hasSize(4).doesNotContain("evaluated 4 of 10");
  }

  @Test
  void without_a_display_nothing_is_shown() {
    SessionListener silent = new SessionListener() {};
    tellAll(silent);
    assertThat(silent.display()).isSameAs(TrainListener.NONE);
  }
}
