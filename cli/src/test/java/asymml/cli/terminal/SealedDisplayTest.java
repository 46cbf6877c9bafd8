package asymml.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.run.EpochMetrics;
import asymml.trusted.train.EpochTotals;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class SealedDisplayTest {
  private final StringWriter text = new StringWriter();
  private long now;

  private final SealedDisplay display =
      new SealedDisplay(new PrintWriter(text, true), 3, () -> now);

  @Test
  void it_shows_how_far_a_run_is_and_nothing_that_follows_from_the_data() {
    EpochTotals totals = new EpochTotals(1, 8, 0.123456, 7, 1, new EpochTotals.Cost(0, 0, 0, 0));
    display.stepsSkipped(2);
    display.epochStarted(2, 40, 0);
    display.stepDone(totals);
    now = 11_000_000_000L;
    display.stepDone(totals);
    display.evaluated(1, 2);
    display.epochDone(
        new EpochMetrics(2, 80, 0.98765, 0.8765, 0.45678, 0.7654, 0.1, 10, 1, 1, 1, 1));
    assertThat(text.toString().lines())
        .hasSize(3)
        .anyMatch(line -> line.startsWith("epoch 2/3, step 1/40, "))
        .anyMatch(line -> line.equals("epoch 2/3: done, metrics sealed"));
    assertThat(text.toString()).doesNotContain("0.1234", "987", "876", "456", "765", "loss");
  }
}
