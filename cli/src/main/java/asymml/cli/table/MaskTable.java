package asymml.cli.table;

import asymml.report.Figures;
import asymml.trusted.plan.MaskPrecision;
import asymml.trusted.rank.MaskErrors;
import asymml.trusted.rank.RankFile;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/// What masks cost in precision, as text.
///
/// @param model the network's name
/// @param noiseMultiplier of the masks
/// @param forward a row for each layer and rank
/// @param backward a row for each layer
public record MaskTable(
    String model,
    double noiseMultiplier,
    List<MaskErrors.AtRank> forward,
    List<MaskErrors.OfGradient> backward) {
  /// Everything, the verdict last.
  public void print(PrintWriter out) {
    out.println(RankFile.NOTICE);
    out.printf(
        Locale.ROOT,
        "%s: noise multiplier %s everywhere, so that every row has the same guarantee%n%n",
        model,
        Figures.plain(noiseMultiplier));
    String head = "%-24s %5s %12s %11s %7s %10s %10s%n";
    String row = "%-24s %5s %12.3f %11.1f %7.1f %10.1e %10.1e%n";
    out.printf(
        head, "Y = W * X", "rank", "norm released", "mask-to-signal", "bits", "predicted", "error");
    for (MaskErrors.AtRank at : forward) {
      MaskErrors.Errors y = at.y();
      out.printf(
          Locale.ROOT,
          row,
          at.layer(),
          at.rank(),
          y.normShare(),
          y.masks(),
          y.bits(),
          y.predicted(),
          y.measured());
    }
    out.println();
    out.printf(
        head, "dX from dY", "", "norm released", "mask-to-signal", "bits", "predicted", "error");
    for (MaskErrors.OfGradient of : backward) {
      MaskErrors.Errors dx = of.dx();
      out.printf(
          Locale.ROOT,
          row,
          of.layer(),
          "",
          dx.normShare(),
          dx.masks(),
          dx.bits(),
          dx.predicted(),
          dx.measured());
    }
    out.println();
    out.println(
        "norm released: of the residual over that of X; masks: standard deviation over the root mean"
            + " square of X; bits: of 24 that the masks take; errors: of the product, relative");
    out.println();
    out.println(verdict());
  }

  /// Whether the largest error is inside the limit of a run, in a sentence.
  String verdict() {
    String where = "nothing";
    MaskErrors.Errors worst = new MaskErrors.Errors(0, 0, 0, 0);
    for (MaskErrors.AtRank at : forward) {
      if (Double.compare(at.y().measured(), worst.measured()) > 0) {
        worst = at.y();
        where = "%s at rank %d".formatted(at.layer(), at.rank());
      }
    }
    for (MaskErrors.OfGradient of : backward) {
      if (Double.compare(of.dx().measured(), worst.measured()) > 0) {
        worst = of.dx();
        where = "the gradient of " + of.layer();
      }
    }
    return String.format(
        Locale.ROOT,
        "verdict: the largest relative error is %.1e (%s), %s the limit of %.0e for a run",
        worst.measured(),
        where,
        worst.measured() <= MaskPrecision.LARGEST ? "inside" : "ABOVE",
        MaskPrecision.LARGEST);
  }
}
