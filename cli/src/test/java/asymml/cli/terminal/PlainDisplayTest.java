package asymml.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.session.TrainingSpec;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class PlainDisplayTest {
  private final AtomicLong now = new AtomicLong();
  private final StringWriter text = new StringWriter();

  private PlainDisplay display() {
    return new PlainDisplay(
        new PrintWriter(text, true), TrainingSpec.defaults().withEpochs(2).training(), now::get);
  }

  private static EpochTotals totals(int batches) {
    return new EpochTotals(
        batches, 64L * batches, 64.0 * batches, 32L * batches, 1, new EpochTotals.Cost(0, 0, 0, 0));
  }

  @Test
  void steps_are_shown_at_most_every_ten_seconds() {
    PlainDisplay display = display();
    display.epochStarted(1, 100, 0);
    for (int step = 1; step <= 25; step++) {
      now.addAndGet(1_000_000_000);
      display.stepDone(totals(step));
    }
    assertThat(text.toString().lines())
        .containsExactly(
            "epoch 1/2, step 10/100: 640 images/s, loss 1.0000, accuracy 50.0 %, 3:10 left",
            "epoch 1/2, step 20/100: 1280 images/s, loss 1.0000, accuracy 50.0 %, 3:00 left");
  }

  @Test
  void a_finished_epoch_is_always_shown() {
    PlainDisplay display = display();
    display.epochStarted(1, 100, 0);
    display.epochDone(
        new EpochMetrics(1, 100, 0.5, 0.75, 0.25, 0.9, 0.1, 812.4, 1, 1, 2_000_000, 1_000));
    assertThat(text.toString().strip())
        .isEqualTo(
            "epoch 1/2: train loss 0.5000, accuracy 75.0 %; test loss 0.2500, accuracy 90.0 %;"
                + " 812 images/s; worker: sent 2.00 MB, received 1.00 kB");
  }
}
