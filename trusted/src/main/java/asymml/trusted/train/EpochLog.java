package asymml.trusted.train;

import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.run.TensorBoardLog;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Clock;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a run writes down of each epoch: a line of metrics and points of curves.
final class EpochLog implements AutoCloseable {
  private final MetricsLog metrics;
  private final TensorBoardLog events;

  private EpochLog(MetricsLog metrics, TensorBoardLog events) {
    this.metrics = metrics;
    this.events = events;
  }

  /// Opens the log of a run.
  ///
  /// @param resumed whether the run goes on behind the epochs that the metrics have
  static EpochLog open(RunLayout layout, Clock clock, boolean resumed) throws IOException {
    List<EpochMetrics> earlier = resumed ? earlier(layout) : List.of();
    MetricsLog metrics = MetricsLog.open(layout.metrics());
    try {
      TensorBoardLog events = TensorBoardLog.open(layout.events(), clock);
      EpochLog log = new EpochLog(metrics, events);
      if (resumed) {
        // Reaches the file with the first epoch.
        events.resumed(earlier.isEmpty() ? 0 : earlier.getLast().step());
      }
      return log;
    } catch (IOException e) {
      try (metrics) {
        throw e;
      }
    }
  }

  private static List<EpochMetrics> earlier(RunLayout layout) throws IOException {
    return Files.exists(layout.metrics()) ? MetricsLog.readAll(layout.metrics()) : List.of();
  }

  /// Writes an epoch; its metrics are on disk when this returns.
  void append(EpochMetrics line) throws IOException {
    metrics.append(line);
    scalar("loss/train", line.step(), line.trainLoss());
    events.scalar("loss/test", line.step(), line.testLoss());
    scalar("accuracy/train", line.step(), line.trainAccuracy());
    events.scalar("accuracy/test", line.step(), line.testAccuracy());
    events.scalar("learning_rate", line.step(), line.learningRate());
    events.scalar("images_per_second", line.step(), line.imagesPerSecond());
    events.flush();
  }

  private void scalar(String name, long step, @Nullable Double value) throws IOException {
    if (value != null) {
      events.scalar(name, step, value);
    }
  }

  @Override
  public void close() throws IOException {
    try (metrics) {
      events.close();
    }
  }
}
