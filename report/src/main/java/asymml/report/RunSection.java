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
import asymml.trusted.rank.Shares;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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
    ScoreTable.appendTo(section, id + "-scores", run.directory());
    privacy(section.section(id + "-privacy", "Privacy"));
    plan(section.section(id + "-plan", "Plan by layer"));
    new RunCosts(run).appendTo(section.section(id + "-costs", "Time and bytes"));
    new RankSection(run, id, program).appendTo(section.section(id + "-ranks", "Ranks"), fonts);
  }

  private void trained(PageSection section) {
    Graph graph = run.graph();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("Data", run.fact("data").orElse("not recorded"));
    facts.put(
        "Model",
        graph == null ? run.config().model().name() : RunDescription.model(graph, run.config()));
    facts.put(
        "Plan",
        graph == null
            ? run.config().mode().label()
            : RunDescription.plan(graph, run.config(), run.plan(graph)));
    facts.put("Trusted process", run.trustedProcess());
    facts.put(
        "Worker",
        run.needsWorker() ? "UNTRUSTED: " + setting("worker") : "none: nothing is released");
    facts.put("Epochs", "%s of %s done".formatted(run.epochs().size(), run.config().epochs()));
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

  private void privacy(PageSection section) throws IOException {
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
    AuditTable.appendTo(section, run.directory());
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
      return Figures.percent(1.0);
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
}
