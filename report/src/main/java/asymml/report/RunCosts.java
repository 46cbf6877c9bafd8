package asymml.report;

import asymml.privacy.Channel;
import asymml.privacy.Ledger;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.trusted.run.EpochMetrics;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/// What a run has cost: time, processor time, bytes.
///
/// @param run whose
record RunCosts(ReportedRun run) {
  private static final String NONE = "–";

  /// More epochs than that are folded up.
  private static final int EPOCHS_SHOWN = 12;

  /// Adds everything.
  void appendTo(PageSection section) {
    List<EpochMetrics> epochs = run.epochs();
    if (epochs.isEmpty()) {
      section.missing("No epoch is complete: there are no times and bytes.");
      return;
    }
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put(
        "Training time",
        trainingSeconds().isPresent()
            ? Figures.time(Duration.ofMillis(Math.round(1000 * trainingSeconds().getAsDouble())))
                + ", without testing"
            : "not recorded");
    facts.put("Trusted processor time", Figures.seconds(trustedSeconds()));
    facts.put(
        "Worker processor time",
        Figures.seconds(epochs.stream().mapToDouble(EpochMetrics::workerCpuSeconds).sum()));
    facts.put("Sent to the worker", Figures.bytes(bytesToWorker()));
    facts.put(
        "Received from it",
        Figures.bytes(epochs.stream().mapToLong(EpochMetrics::bytesFromWorker).sum()));
    section.facts(facts);
    if (run.ledger() != null) {
      section.table(channels(run.ledger()));
    }
    (epochs.size() > EPOCHS_SHOWN
            ? section.details("All %s epochs".formatted(epochs.size()))
            : section)
        .table(epochTable());
  }

  /// Seconds of training, without testing and analyses; empty if the number of images is not known.
  OptionalDouble trainingSeconds() {
    if (run.trainingImages().isEmpty()
        || run.epochs().stream().anyMatch(m -> m.imagesPerSecond() == 0)) {
      return OptionalDouble.empty();
    }
    long images = run.trainingImages().get();
    return OptionalDouble.of(
        run.epochs().stream().mapToDouble(m -> images / m.imagesPerSecond()).sum());
  }

  double trustedSeconds() {
    return run.epochs().stream().mapToDouble(EpochMetrics::trustedCpuSeconds).sum();
  }

  long bytesToWorker() {
    return run.epochs().stream().mapToLong(EpochMetrics::bytesToWorker).sum();
  }

  private PageTable channels(Ledger ledger) {
    PageTable table =
        new PageTable(
                "What was sent, by channel: counted from the ledger in float32 (measured in all: %s)"
                    .formatted(Figures.bytes(bytesToWorker())))
            .words("channel")
            .numbers("values an image", "values a step", "bytes");
    for (Channel channel : List.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS)) {
      // Weights leave once a step to every worker, the others for each image of it.
      boolean each = channel != Channel.WEIGHTS;
      long most = 0;
      double bytes = 0;
      for (Ledger.Entry entry : ledger.entries()) {
        if (entry.steps() > 0) {
          long values =
              entry.releases().stream()
                  .filter(r -> r.channel() == channel && leaves(r))
                  .mapToLong(Release::values)
                  .sum();
          most = Math.max(most, values);
          bytes +=
              (double) Float.BYTES
                  * values
                  * (each
                      ? slots(ledger.sampling(), entry.steps())
                      : entry.steps() * run.workers());
        }
      }
      table.row(
          channel.label(),
          each ? Figures.grouped(most) : NONE,
          each ? NONE : Figures.grouped(most),
          Figures.bytes(Math.round(bytes)));
    }
    return table;
  }

  /// Noise on gradient sums is accounted for with the weights that follow from them, and stays
  /// here.
  private static boolean leaves(Release release) {
    return release.channel() != Channel.WEIGHTS
        || !(release.mechanism() instanceof Release.Gaussian);
  }

  /// How many images, or null examples, so many steps have.
  private static double slots(Sampling sampling, long steps) {
    return switch (sampling) {
      case Sampling.Poisson poisson -> (double) steps * poisson.slots();
      case Sampling.Shuffled shuffled ->
          (double) steps * shuffled.examples() / shuffled.stepsPerEpoch();
    };
  }

  private PageTable epochTable() {
    PageTable table =
        new PageTable("Each epoch: CPU is processor time of the two processes")
            .words("epoch")
            .numbers(
                "training loss",
                "accuracy",
                run.epochs().getFirst().heldOut() + " loss",
                "accuracy",
                "images/s",
                "trusted CPU",
                "worker CPU",
                "to worker",
                "from worker");
    for (EpochMetrics m : run.epochs()) {
      table.row(
          Integer.toString(m.epoch()),
          Figures.loss(m.trainLoss()),
          Figures.percent(m.trainAccuracy()),
          Figures.loss(m.heldOutLoss()),
          Figures.percent(m.heldOutAccuracy()),
          String.format(Locale.ROOT, "%.0f", m.imagesPerSecond()),
          Figures.seconds(m.trustedCpuSeconds()),
          Figures.seconds(m.workerCpuSeconds()),
          Figures.bytes(m.bytesToWorker()),
          Figures.bytes(m.bytesFromWorker()));
    }
    return table;
  }
}
