package asymml.report;

import asymml.model.Graph;
import asymml.privacy.Channel;
import asymml.privacy.Ledger;
import asymml.privacy.PrivacyStatement;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.Rank;
import asymml.trusted.rank.LayerRanks;
import asymml.trusted.rank.RankFile;
import asymml.trusted.rank.RankReport;
import asymml.trusted.rank.Shares;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;

/// What a report says of one training run.
///
/// @param run what is told
/// @param id its part of the page
/// @param name as the page calls it
/// @param program as the user calls it, for commands to copy
record RunSection(ReportedRun run, String id, String name, String program) {
  private static final String NONE = "–";

  /// Adds everything.
  ///
  /// @param fonts whether charts can be drawn
  void appendTo(PageSection page, boolean fonts) throws IOException {
    PageSection section = page.section(id, "Run " + name);
    trained(section.section(id + "-trained", "What was trained"));
    privacy(section.section(id + "-privacy", "Privacy"));
    plan(section.section(id + "-plan", "Plan by layer"));
    new RunCosts(run).appendTo(section.section(id + "-costs", "Time and bytes"));
    ranks(section.section(id + "-ranks", "Ranks"), fonts);
  }

  private void trained(PageSection section) {
    Graph graph = run.graph();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("Data", run.fact("data").orElse("not recorded"));
    facts.put(
        "Model", graph == null ? run.config().model() : RunDescription.model(graph, run.config()));
    facts.put(
        "Plan",
        graph == null
            ? run.config().mode().label()
            : RunDescription.plan(graph, run.config(), run.plan(graph)));
    facts.put(
        "Trusted process",
        run.fact("trustedProcess")
            .filter(said -> !said.equals(RunDescription.NOT_PROTECTED))
            .map(said -> said + "; " + RunDescription.NOT_PROTECTED)
            .orElse(RunDescription.NOT_PROTECTED));
    facts.put(
        "Worker",
        run.needsWorker() ? "UNTRUSTED: " + setting("worker") : "none: nothing is released");
    facts.put("Epochs", "%d of %d done".formatted(run.epochs().size(), run.config().epochs()));
    facts.put("Outcome", run.fact("outcome").orElse("not recorded"));
    provenance(facts, "AsymML", "version");
    provenance(facts, "Java", "javaVersion");
    provenance(facts, "oneDNN", "oneDnnVersion");
    provenance(facts, "Machine", "operatingSystem");
    provenance(facts, "Processors", "cores");
    provenance(facts, "Data digest (SHA-256)", "dataDigest");
    section.facts(facts);
    Map<String, String> settings = new LinkedHashMap<>();
    run.settings().forEach((key, _) -> settings.put(key, setting(key)));
    section.details("All settings (config.yaml)").facts(settings);
  }

  private String setting(String key) {
    Object value = run.settings().get(key);
    return switch (value) {
      case null -> "not given";
      case List<?> list when list.isEmpty() -> "none";
      case List<?> list -> String.join(", ", list.stream().map(String::valueOf).toList());
      default -> value.toString();
    };
  }

  private void provenance(Map<String, String> facts, String title, String key) {
    Object value = run.provenance().get(key);
    facts.put(title, value == null ? "not recorded" : value.toString());
  }

  private void privacy(PageSection section) {
    Ledger ledger = run.ledger();
    PrivacyStatement statement = run.statement();
    if (ledger == null || statement == null) {
      if (run.needsWorker()) {
        section.missing(
            "No ledger.json: what this run has released is not known, and no statement about its"
                + " privacy can be made.");
      } else {
        section.box("statement").list(RunDescription.privacyOfTrustedOnly());
      }
      return;
    }
    if (run.fact("outcome").filter(ReportedRun.RUNNING::equals).isPresent()) {
      section.text("The run was under way: its ledger may be ahead of what it has done.");
    }
    section.box("statement").list(statement.lines());
    if (!run.config().privacy().accounted()) {
      section.list(new PrivacyForecast(run.config(), ledger).notes());
    }
    List<List<String>> rows = statement.rows();
    PageTable table =
        new PageTable("What was released in a step, by channel, and what each channel costs")
            .words(rows.getFirst().getFirst())
            .numbers(rows.getFirst().get(1), rows.getFirst().get(2), rows.getFirst().get(3))
            .words("why");
    rows.stream().skip(1).forEach(row -> table.row(row.toArray(String[]::new)));
    section.table(table);
    section.text("Assumptions (accountant: privacy loss distributions, rounded up):");
    section.list(statement.assumptions());
  }

  private void plan(PageSection section) {
    Graph graph = run.graph();
    if (graph == null) {
      section.missing("No checkpoint in this run: ranks and shapes are not known.");
      PageTable table = new PageTable("Where each linear layer runs").words("layer", "placement");
      run.placements()
          .forEach(
              (layer, placement) -> table.row(String.valueOf(layer), String.valueOf(placement)));
      section.table(table);
      return;
    }
    Plan plan = run.plan(graph);
    boolean split = plan.needsWorker();
    PageTable table =
        new PageTable(
                split
                    ? "Where each linear layer runs. Rank: directions of its input that stay"
                        + " trusted. Residual energy: share of |X|² in the released residual, "
                        + (run.ranks().isEmpty()
                            ? "not measured in this run"
                            : "after epoch " + run.ranks().getLast().epoch())
                        + ". Values: released for one image in a step; layers that read the same"
                        + " input share a residual, listed at the first."
                    : "Where each linear layer runs: all of them on the trusted side")
            .words("layer", "placement")
            .numbers("input", "output");
    if (split) {
      table.numbers("rank", "residual energy", "residual values", "dY values");
    }
    List<Integer> linear = graph.linearLayers();
    for (int i = 0; i < linear.size(); i++) {
      List<String> row = row(graph, plan, i);
      table.row(row.subList(0, split ? row.size() : 4).toArray(String[]::new));
    }
    section.table(table);
  }

  private List<String> row(Graph graph, Plan plan, int place) {
    int node = graph.linearLayers().get(place);
    String layer = graph.nodes().get(node).name();
    Optional<Shares> shares = shares(layer);
    Placement placement = plan.placement(layer);
    return List.of(
        layer,
        switch (placement) {
          case Trusted _ -> "trusted";
          case Untrusted _ -> "untrusted, exact";
          case Split(var decomposition, var _) -> "split, " + decomposition.label();
        },
        graph.inputShape(node).toString(),
        graph.shape(node).toString(),
        placement instanceof Split split ? rank(split.rank(), shares) : NONE,
        placement instanceof Split split ? energy(split, shares) : NONE,
        values(Channel.RESIDUALS, layer),
        values(Channel.GRADIENTS, layer));
  }

  private String noRanks() {
    return "No rank analysis in this run: %s makes one."
        .formatted(
            ReportPage.shell(
                List.of(program, "analyze", "rank", "--run", run.directory().toString())));
  }

  private Optional<Shares> shares(String layer) {
    return run.ranks().isEmpty()
        ? Optional.empty()
        : run.ranks().getLast().layers().stream()
            .filter(ranks -> ranks.layer().equals(layer))
            .map(LayerRanks::xShares)
            .findFirst();
  }

  /// Where the data decide: what the analysis found, or the limit.
  private static String rank(Rank rank, Optional<Shares> shares) {
    return rank.residualShare() == 0
        ? Integer.toString(rank.most())
        : shares.map(s -> Integer.toString(s.rank())).orElse("at most " + rank.most());
  }

  /// Only what was measured at the plan's own rank.
  private static String energy(Split split, Optional<Shares> shares) {
    int rank = split.rank().most();
    if (rank == 0) {
      return Figures.percent(1);
    }
    return shares
        .filter(s -> split.rank().residualShare() > 0 || s.rank() == rank)
        .map(s ->
            Figures.percent(
                split.decomposition() == Decomposition.SHARED ? s.shared() : s.perExample()))
        .orElse(NONE);
  }

  private String values(Channel channel, String layer) {
    Ledger ledger = run.ledger();
    if (ledger == null) {
      return NONE;
    }
    return ledger.entries().stream()
        .filter(entry -> entry.steps() > 0)
        .flatMap(entry -> entry.releases().stream())
        .filter(r -> r.channel() == channel && r.layer().equals(layer))
        .map(r -> Figures.grouped(r.values()))
        .findFirst()
        .orElse(NONE);
  }

  private void ranks(PageSection section, boolean fonts) throws IOException {
    if (run.ranks().isEmpty()) {
      section.missing(noRanks());
      return;
    }
    RankReport last = run.ranks().getLast();
    section.text("private", RankFile.NOTICE);
    section.text(
        "After epoch %d: %d images ran through the network, %d of them were decomposed exactly."
            .formatted(last.epoch(), last.batch(), last.images()));
    if (fonts) {
      List<Chart<? extends AxesChartStyler, ?>> charts =
          RankChart.charts(run.ranks(), run.config().model(), ReportCurves.WIDTH);
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
              + " (blue) to the last (orange): the faster it falls, the less energy in the residual");
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
                    + " (medians), and the residual energy at rank r by the light SVD of each image and"
                    + " by a shared basis, beside the exact optimum of each. dY: the same of output"
                    + " gradients.")
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
}
