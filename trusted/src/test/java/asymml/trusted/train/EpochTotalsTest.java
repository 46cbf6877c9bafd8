package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EpochTotalsTest {
  @Test
  void lost_steps_count_as_batches_and_not_as_images() {
    EpochTotals lost = EpochTotals.ZERO.plusLost(3);
    assertThat(lost.batches()).isEqualTo(3);
    assertThat(lost.meanLoss()).isNull();
    assertThat(lost.accuracy()).isNull();
    EpochTotals more = lost.plusStep(new SoftmaxCrossEntropy.Result(6, 4, 3), 0.5);
    assertThat(more.batches()).isEqualTo(4);
    assertThat(more.meanLoss()).isEqualTo(1.5);
    assertThat(more.accuracy()).isEqualTo(0.75);
  }

  @Test
  void the_log_of_an_epoch_whose_steps_were_lost_has_the_other_figures(@TempDir Path directory)
      throws Exception {
    RunLayout layout = new RunLayout(directory);
    Clock clock = Clock.fixed(Instant.EPOCH, ZoneOffset.UTC);
    Files.createDirectories(layout.events());
    try (EpochLog log = EpochLog.open(layout, clock, false)) {
      log.append(new EpochMetrics(1, 10, null, null, 0.5, 0.25, 0.1, 0, 0, 0, 0, 0));
    }
    Path events;
    try (var files = Files.list(layout.events())) {
      events = files.findFirst().orElseThrow();
    }
    String bytes = Files.readString(events, StandardCharsets.ISO_8859_1);
    assertThat(bytes).contains("loss/test", "accuracy/test").doesNotContain("loss/train");
  }
}
