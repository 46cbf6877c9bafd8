package asymml.cli.table;

import asymml.report.Figures;
import asymml.study.MaskReport;
import asymml.trusted.rank.MaskErrors;
import asymml.trusted.rank.RankFile;
import java.io.PrintWriter;
import java.util.Locale;

/// What masks cost in precision, as text.
public record MaskTable(MaskReport report) {
  /// Everything, the verdict last.
  public void print(PrintWriter out) {
    out.println(RankFile.NOTICE);
    out.printf(
        Locale.ROOT,
        "%s: noise multiplier %s everywhere, so that every row has the same guarantee%n%n",
        report.model(),
        Figures.plain(report.noiseMultiplier()));
    String head = "%-24s %5s %12s %11s %7s %10s %10s%n";
    out.printf(
        head, "Y = W * X", "rank", "norm released", "mask-to-signal", "bits", "predicted", "error");
    for (MaskErrors.AtRank at : report.forward()) {
      MaskErrors.Errors y = at.y();
      row(
          out,
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
    for (MaskErrors.OfGradient of : report.backward()) {
      MaskErrors.Errors dx = of.dx();
      row(
          out,
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
    out.println(report.verdict());
  }

  private static void row(PrintWriter out, Object... cells) {
    out.printf(Locale.ROOT, "%-24s %5s %12.3f %11.1f %7.1f %10.1e %10.1e%n", cells);
  }
}
