package asymml.report;

import asymml.trusted.rank.LayerRanks;
import asymml.trusted.rank.RankFile;
import asymml.trusted.rank.RankReport;
import asymml.trusted.rank.Shares;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;

/// What a report says of the ranks of one training run.
///
/// @param run what is told
/// @param id the run's part of the page
/// @param program as the user calls it, for commands to copy
record RankSection(ReportedRun run, String id, String program) {
  private static final String NONE = "–";

  /// Adds everything.
  ///
  /// @param fonts whether charts can be drawn
  void appendTo(PageSection section, boolean fonts) throws IOException {
    if (run.ranks().isEmpty()) {
      section.missing(noRanks());
      return;
    }
    RankReport last = run.ranks().getLast();
    section.text("private", RankFile.NOTICE);
    section.text(
        "After epoch %s: %s images ran through the network, %s of them were decomposed exactly."
            .formatted(last.epoch(), last.batch(), last.images()));
    if (fonts) {
      List<Chart<? extends AxesChartStyler, ?>> charts =
          RankChart.charts(run.ranks(), run.config().model().name(), ReportCurves.WIDTH);
      section.chart(
          charts.getFirst(),
          id + "-effective",
          "Effective channels 2^μ of each layer's input, output and output gradient, median over"
              + " images; grey: the most that the input can have");
      PageSection pair = section.box("pair");
      pair.chart(
          charts.get(1),
          id + "-spectra",
          "Singular spectra of the inputs, mean over images, each layer a line from the first"
              + " (blue) to the last (orange): the faster it falls, the less energy in the"
              + " residual");
      if (charts.size() > 2) {
        pair.chart(
            charts.get(2),
            id + "-course",
            "Effective channels of the inputs over the epochs, each layer a line from the first"
                + " (blue) to the last (orange)");
      }
    }
    section.list(new RankBounds(last).lines());
    section.table(rankTable(last));
  }

  private static PageTable rankTable(RankReport report) {
    PageTable table =
        new PageTable(
                "Inputs X: effective channels, ranks that hold 90, 95 and 99 % of the energy"
                    + " (medians), and the residual energy at rank r by the light SVD of each image"
                    + " and by a shared basis, beside the exact optimum of each. dY: the same of"
                    + " output gradients.")
            .words("layer")
            .numbers(
                "2^μ",
                "90 %",
                "95 %",
                "99 %",
                "r",
                "per example",
                "optimum",
                "shared",
                "optimum",
                "dY 2^μ",
                "dY 90 %");
    for (LayerRanks layer : report.layers()) {
      asymml.trusted.rank.@Nullable Figures x = layer.x();
      asymml.trusted.rank.@Nullable Figures dy = layer.dy();
      Shares shares = layer.xShares();
      table.row(
          layer.layer(),
          x == null ? NONE : decimal(x.effective()),
          x == null ? NONE : Integer.toString(x.rank90()),
          x == null ? NONE : Integer.toString(x.rank95()),
          x == null ? NONE : Integer.toString(x.rank99()),
          Integer.toString(shares.rank()),
          Figures.percent(shares.perExample()),
          Figures.percent(shares.perExampleOptimum()),
          Figures.percent(shares.shared()),
          Figures.percent(shares.sharedOptimum()),
          dy == null ? NONE : decimal(dy.effective()),
          dy == null ? NONE : Integer.toString(dy.rank90()));
    }
    return table;
  }

  private static String decimal(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  private String noRanks() {
    return "No rank analysis in this run: %s makes one."
        .formatted(
            ReportPage.shell(
                List.of(program, "analyze", "rank", "--run", run.directory().toString())));
  }
}
