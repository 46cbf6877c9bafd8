package asymml.cli.table;

import asymml.report.Figures;
import asymml.report.RankBounds;
import asymml.trusted.rank.LayerRanks;
import asymml.trusted.rank.LayerRanks.LowRankOutput;
import asymml.trusted.rank.RankFile;
import asymml.trusted.rank.RankReport;
import asymml.trusted.rank.Shares;
import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// An analysis of ranks as text.
public record RankTable(RankReport report) {
  private static final String NONE = "-";

  /// Everything.
  ///
  /// @param model the network's name
  public void print(PrintWriter out, String model) {
    out.println(RankFile.NOTICE);
    out.printf(
        Locale.ROOT,
        "%s after epoch %d, step %d: %d images ran through it, %d of them decomposed exactly, %.1f s%n",
        model,
        report.epoch(),
        report.step(),
        report.batch(),
        report.images(),
        report.seconds());
    out.println();
    out.println(
        "inputs X: 2^mu and ranks that hold 90, 95 and 99 percent of the energy (medians); residual"
            + " energy at rank r");
    printEnergies(out, false);
    out.println();
    out.println("output gradients dY: the same");
    printEnergies(out, true);
    out.println();
    out.println(
        "outputs Y, and W * X_T of the exact low-rank part X_T: medians; the patch estimate is none of"
            + " the bounds");
    printBounds(out);
    out.println();
    RankBounds bounds = new RankBounds(report);
    bounds.lines().forEach(out::println);
    out.println(bounds.verdict());
  }

  private int width() {
    return Math.max(5, report.layers().stream().mapToInt(l -> l.layer().length()).max().orElse(0));
  }

  private void printEnergies(PrintWriter out, boolean gradients) {
    String row =
        "%-"
            + width()
            + "s  %-10s  "
            + (gradients ? "%s" : "%-22s  ")
            + "%6s  %4s  %4s  %4s  %4s  %11s  %7s  %7s  %7s%n";
    out.printf(
        row,
        "layer",
        gradients ? "output" : "input",
        gradients ? "" : "plan",
        "2^mu",
        "90",
        "95",
        "99",
        "r",
        "per-example",
        "best",
        "shared",
        "best");
    for (LayerRanks layer : report.layers()) {
      asymml.trusted.rank.@Nullable Figures figures = gradients ? layer.dy() : layer.x();
      Shares shares = gradients ? layer.dyShares() : layer.xShares();
      out.printf(
          row,
          layer.layer(),
          gradients ? layer.output() : layer.input(),
          gradients ? "" : layer.placement(),
          effective(figures),
          figures == null ? NONE : figures.rank90(),
          figures == null ? NONE : figures.rank95(),
          figures == null ? NONE : figures.rank99(),
          shares.rank(),
          Figures.percent(shares.perExample()),
          Figures.percent(shares.perExampleOptimum()),
          Figures.percent(shares.shared()),
          Figures.percent(shares.sharedOptimum()));
    }
  }

  private static String effective(asymml.trusted.rank.@Nullable Figures figures) {
    return figures == null ? NONE : decimal(figures.effective());
  }

  private static String decimal(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  private void printBounds(PrintWriter out) {
    String row = "%-" + width() + "s  %8s  %4s  %10s  %7s  %15s  %15s%n";
    out.printf(row, "layer", "2^mu(Y)", "r", "rank WX_T", "bound", "2^mu(WX_T)", "patch estimate");
    for (LayerRanks layer : report.layers()) {
      LowRankOutput low = layer.lowRank();
      out.printf(
          row,
          layer.layer(),
          effective(layer.y()),
          layer.xShares().rank(),
          low.rank(),
          low.bound() + (low.slack() < 0 ? "!" : ""),
          decimal(low.effective()),
          decimal(low.estimate()));
    }
  }
}
