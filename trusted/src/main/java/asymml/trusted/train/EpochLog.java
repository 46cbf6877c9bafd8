package asymml.trusted.train;

import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.run.TensorBoardLog;
import java.io.IOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a run writes down of each epoch: a line of metrics and, unless it is sealed, points of
/// curves.
final class EpochLog implements AutoCloseable {
  private final MetricsLog metrics;
  private final @Nullable TensorBoardLog events;
  private final List<EpochMetrics> lines;

  private EpochLog(
      MetricsLog metrics, @Nullable TensorBoardLog events, List<EpochMetrics> earlier) {
    this.metrics = metrics;
    this.events = events;
    this.lines = new ArrayList<>(earlier);
  }

  /// Opens the log of a run.
  ///
  /// @param resumed whether the run continues after the epochs that the metrics have
  static EpochLog open(RunLayout layout, Clock clock, boolean resumed) throws IOException {
    List<EpochMetrics> earlier = resumed ? MetricsLog.readAll(layout) : List.of();
    MetricsLog metrics = MetricsLog.open(layout);
    if (layout.store().isSealed()) {
      // Event files are in clear.
      return new EpochLog(metrics, null, earlier);
    }
    try {
      TensorBoardLog events = TensorBoardLog.open(layout.events(), clock);
      EpochLog log = new EpochLog(metrics, events, earlier);
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

  /// Writes an epoch; its metrics are on disk when this returns.
  void append(EpochMetrics line) throws IOException {
    metrics.append(line);
    lines.add(line);
    if (events != null) {
      append(events, line);
    }
  }

  /// The epoch with the best validation accuracy so far.
  ///
  /// @return its number; 0 if no epoch was validated
  int best() {
    return EpochMetrics.best(lines).map(EpochMetrics::epoch).orElse(0);
  }

  private static void append(TensorBoardLog events, EpochMetrics line) throws IOException {
    scalar(events, "loss/train", line.step(), line.trainLoss());
    events.scalar("loss/" + line.heldOut(), line.step(), line.heldOutLoss());
    scalar(events, "accuracy/train", line.step(), line.trainAccuracy());
    events.scalar("accuracy/" + line.heldOut(), line.step(), line.heldOutAccuracy());
    events.scalar("learning_rate", line.step(), line.learningRate());
    events.scalar("images_per_second", line.step(), line.imagesPerSecond());
    @Nullable Integer leftOut = line.imagesLeftOut();
    if (leftOut != null) {
      events.scalar("images_left_out", line.step(), leftOut);
    }
    events.flush();
  }

  private static void scalar(TensorBoardLog events, String name, long step, @Nullable Double value)
      throws IOException {
    if (value != null) {
      events.scalar(name, step, value);
    }
  }

  @Override
  public void close() throws IOException {
    try (metrics) {
      if (events != null) {
        events.close();
      }
    }
  }
}
