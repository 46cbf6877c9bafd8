package asymml.cli.table;

import asymml.report.Figures;
import asymml.study.tradeoff.Tradeoff;
import asymml.trusted.plan.RankPolicy;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;

/// A trade-off as text.
///
/// @param tradeoff what it shows
/// @param inference whether one model was tested under the noise, in place of models that were
///   trained under it
public record TradeoffTable(Tradeoff tradeoff, boolean inference) {
  /// Prints a grid of accuracies for each sweep, and what it took.
  public void print(PrintWriter out) {
    out.printf(
        "accuracy on %s test images, %s (standard error of the test set)%n",
        tradeoff.testImages(),
        inference
            ? "of one model through the split, noise on"
            : "noise off, running statistics recalibrated");
    for (Tradeoff.Sweep sweep : tradeoff.sweeps()) {
      out.println();
      printSweep(sweep, out);
    }
    out.println();
    out.printf(
        "time: %s cells, %s of steps and %s of evaluation; processors: %s trusted, %s worker%n",
        tradeoff.cells().size(),
        total(Tradeoff.Cell::trainSeconds),
        total(Tradeoff.Cell::evaluationSeconds),
        total(Tradeoff.Cell::trustedCpuSeconds),
        total(Tradeoff.Cell::workerCpuSeconds));
    out.flush();
  }

  private String total(ToDoubleFunction<Tradeoff.Cell> seconds) {
    double sum = tradeoff.cells().values().stream().mapToDouble(seconds).sum();
    return Figures.time(Duration.ofMillis(Math.round(1000 * sum)));
  }

  private void printSweep(Tradeoff.Sweep sweep, PrintWriter out) {
    List<RankPolicy> ranks = tradeoff.ranks();
    String head = "noise on " + sweep.where();
    String first = "%-" + head.length() + "s";
    out.print(first.formatted(head));
    ranks.forEach(rank -> out.printf("  %14s", Tradeoff.label(rank)));
    out.println();
    for (double level : sweep.levels()) {
      out.print(first.formatted(Figures.plain(level)));
      ranks.forEach(
          rank -> out.printf("  %14s", accuracy(tradeoff.cell(sweep.at(rank, level)).accuracy())));
      out.println();
    }
    for (double level : sweep.levels()) {
      for (RankPolicy rank : ranks.subList(1, ranks.size())) {
        if (level > 0) {
          out.println("  " + comparison(sweep.at(rank, level)));
        }
      }
    }
  }

  private String accuracy(OptionalDouble accuracy) {
    return accuracy.isEmpty()
        ? "diverged"
        : String.format(
            Locale.ROOT,
            "%.1f %% (%.1f)",
            100 * accuracy.getAsDouble(),
            100 * tradeoff.standardError(accuracy.getAsDouble()));
  }

  private String comparison(Tradeoff.Point point) {
    Tradeoff.Margin margin = tradeoff.margin(point);
    String what = point.describe() + ": ";
    if (margin == null) {
      return what + (tradeoff.beats(point) ? "dp-only diverged, this did not" : "diverged");
    }
    return what
        + margin
        + " over dp-only: "
        + (margin.counts() ? "more" : "NOT more")
        + " than the error of the test set";
  }
}
