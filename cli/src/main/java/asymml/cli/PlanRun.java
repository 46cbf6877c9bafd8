package asymml.cli;

import asymml.kernels.Kernels;
import asymml.model.Graph;
import asymml.model.Node;
import asymml.report.Figures;
import asymml.report.RunDescription;
import asymml.study.bench.BenchSpec;
import asymml.study.bench.BenchWorkers;
import asymml.trusted.bench.Planner;
import asymml.trusted.bench.Planner.Choice;
import asymml.trusted.bench.Planner.Cost;
import asymml.trusted.bench.StepCost;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.run.RunFile;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import picocli.CommandLine;

/// One call of `asymml plan`.
final class PlanRun {
  private static final double NOISE_RATIO = 0.1;
  private static final double LEARNING_RATE = 0.01;
  private static final long SEED = 1;

  /// The two ranks at which splitting is timed.
  private static final RankPolicy LOW = new RankPolicy.Fraction(1, 16);

  private static final RankPolicy HIGH = new RankPolicy.Fraction(1, 4);

  private final PlanCommand options;
  private final PrintWriter out;

  PlanRun(PlanCommand options, CommandLine command) {
    this.options = options;
    this.out = command.getOut();
  }

  /// Milliseconds of one step, waiting left out.
  ///
  /// @param nodes by node
  /// @param rest what belongs to no node
  private record Times(List<Double> nodes, double rest) {
    double total() {
      return rest + nodes.stream().mapToDouble(Double::doubleValue).sum();
    }
  }

  /// Measures, chooses, runs the choice, and reports.
  ///
  /// @return where each linear layer is to run, in order
  List<Choice> run() throws DataException, IOException, TrainingException {
    TrainConfig brief = TrainOptions.of(settings()).config();
    Kernels.setThreads(options.threads());
    DataSet data =
        DataOpening.open(options.data, options.limitTrain, new Limit(Integer.MAX_VALUE), SEED, out);
    Graph graph =
        TrainedModel.Description.of(options.model, options.norm, data.train(), data.normalization())
            .graph();
    Plan low = plan(graph, LOW, options.trustedLayers);
    Set<String> kept =
        low.layers().entrySet().stream()
            .filter(entry -> !entry.getValue().needsWorker())
            .map(Map.Entry::getKey)
            .collect(Collectors.toSet());
    Planner planner = new Planner(graph, options.energy, kept);
    out.printf(
        "model    %s, batch %d of %s; at most %s of an input's energy in the residual%n",
        graph.name(), options.batchSize, graph.input(), Figures.percent(options.energy));
    out.println("trusted  this process; " + RunDescription.NOT_PROTECTED);
    out.flush();
    Map<String, NavigableMap<Integer, Double>> shares = shares(graph, data, low, brief);
    BenchWorkers workers =
        new BenchWorkers(
            graph,
            options.batchSize,
            new ReleaseTerms.Unaccounted(new NoiseStrength.Ratio(NOISE_RATIO), "a benchmark"),
            new BenchSpec.Processes(options.threads(), options.worker.device(), 1),
            WorkerLauncher::command,
            new SecureRandom());
    Times whole = time(workers, Plan.trusted(graph), "all layers trusted");
    Times atLow = time(workers, low, "split at rank " + LOW);
    Times atHigh = time(workers, plan(graph, HIGH, options.trustedLayers), "split at rank " + HIGH);
    List<Choice> choices = planner.choose(costs(graph, whole, atLow, atHigh), shares);
    double predicted =
        choices.stream().mapToDouble(Choice::millis).sum() + between(graph, whole, atLow, atHigh);
    Plan chosen = plan(graph, Planner.ranks(choices), Planner.trusted(choices));
    Times measured = time(workers, chosen, "the plan");
    report(graph, choices, predicted, measured.total(), whole.total());
    return choices;
  }

  private Settings settings() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("data", options.data);
    values.put("model", options.model);
    values.put("norm", Labels.of(options.norm));
    values.put("mode", Mode.TRUSTED_ONLY.label());
    values.put("epochs", 1);
    values.put("learning-rate", LEARNING_RATE); // deep networks start gently
    values.put("batch-size", options.batchSize);
    values.put(TrainOptions.NOISE_RATIO, 0.0);
    return new Settings(values);
  }

  private static Plan plan(Graph graph, RankPolicy rank, List<String> trusted) {
    return Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, rank, trusted);
  }

  /// The energy that ranks of up to half the channels leave, by the first layer that reads an
  /// input.
  private Map<String, NavigableMap<Integer, Double>> shares(
      Graph graph, DataSet data, Plan plan, TrainConfig brief)
      throws IOException, TrainingException {
    Map<String, NavigableMap<Integer, Double>> shares = new HashMap<>();
    if (!plan.needsWorker()) {
      return shares;
    }
    int most =
        graph.linearLayers().stream().mapToInt(i -> graph.inputShape(i).channels()).max().orElse(1);
    List<RankPolicy> ranks = new ArrayList<>();
    for (int rank = 1; rank <= most / 2; rank *= 2) {
      ranks.add(new RankPolicy.Fixed(rank));
    }
    Path directory = Files.createTempDirectory("asymml-plan");
    try {
      List<Place> places =
          new BriefTraining(brief, data, SEED, options.progress, out)
              .residuals(directory, plan, ranks, options.batchSize);
      for (Place place : places) {
        NavigableMap<Integer, Double> own = new TreeMap<>();
        for (Residual residual : place.residuals()) {
          if (residual.rank() <= place.input().channels() / 2) {
            own.put(residual.rank(), residual.energyShare());
          }
        }
        shares.put(place.layer(), own);
      }
    } finally {
      Files.delete(directory);
    }
    return shares;
  }

  private Times time(BenchWorkers workers, Plan plan, String what) throws IOException {
    out.println("timing   " + what + " ...");
    out.flush();
    int nodes = workers.graph().nodes().size();
    List<Double> times = new ArrayList<>();
    workers.use(
        plan,
        (bench, _) -> {
          bench.run(2 * options.steps);
          StepCost cost = bench.run(options.steps);
          out.printf(Locale.ROOT, "         %.1f ms a step%n", cost.wallMillis());
          for (int node = 0; node <= nodes; node++) {
            times.add(busy(bench.profile(), node) / options.steps);
          }
        });
    return new Times(times.subList(0, nodes), times.getLast());
  }

  private static double busy(StepProfile profile, int node) {
    double nanos = 0;
    for (Phase phase : Phase.values()) {
      nanos += phase == Phase.WAIT ? 0 : profile.nanos(node, phase);
    }
    return nanos / 1e6;
  }

  private static Map<String, Cost> costs(Graph graph, Times whole, Times low, Times high) {
    Map<String, Cost> costs = new HashMap<>();
    List<Integer> linear = graph.linearLayers();
    for (int i = 0; i < linear.size(); i++) {
      int node = linear.get(i);
      int channels = graph.inputShape(node).channels();
      costs.put(
          graph.nodes().get(node).name(),
          Cost.between(
              whole.nodes.get(node),
              LOW.resolve(i, channels).most(),
              low.nodes.get(node),
              HIGH.resolve(i, channels).most(),
              high.nodes.get(node)));
    }
    return costs;
  }

  /// What lies between the linear layers, and the update: the same in every plan.
  private static double between(Graph graph, Times... all) {
    double sum = 0;
    for (Times times : all) {
      sum += times.rest;
      for (int node = 0; node < times.nodes.size(); node++) {
        sum += graph.linearLayers().contains(node) ? 0 : times.nodes.get(node);
      }
    }
    return sum / all.length;
  }

  private void report(
      Graph graph, List<Choice> choices, double predicted, double measured, double whole)
      throws IOException {
    String row = "%-24s %-10s %12s %12s %-18s %5s %12s  %s%n";
    out.println();
    out.printf(
        row, "layer", "input", "trusted ms", "split ms", "placement", "rank", "energy left", "why");
    Map<String, Node> nodes =
        graph.nodes().stream().collect(Collectors.toMap(Node::name, node -> node));
    for (Choice choice : choices) {
      Node node = nodes.get(choice.layer());
      out.printf(
          row,
          choice.layer(),
          node == null ? "" : graph.inputShape(graph.nodes().indexOf(node)),
          decimal(choice.trustedMillis()),
          Double.isNaN(choice.splitMillis()) ? "-" : decimal(choice.splitMillis()),
          choice.split() ? "split" : "trusted",
          choice.split() ? choice.rank() : "",
          choice.split() ? Figures.percent(choice.energyLeft()) : "",
          choice.reason());
    }
    out.println();
    out.printf(
        Locale.ROOT,
        "a step of the trusted side, waiting left out: predicted %.1f ms, measured %.1f ms (%+.0f %%);"
            + " all layers trusted %.1f ms%n",
        predicted,
        measured,
        100 * (predicted / measured - 1),
        whole);
    String rank = Planner.ranks(choices).toString();
    String trusted = String.join(",", Planner.trusted(choices));
    boolean splits = choices.stream().anyMatch(Choice::split);
    out.println(
        splits
            ? "use      --rank " + rank + " --trusted-layers " + trusted
            : "use      --mode trusted-only: no layer is worth splitting under this bound");
    if (options.json != null) {
      RunFile.write(options.json, facts(graph, choices, predicted, measured, whole));
      out.println("written  " + options.json);
    }
    out.flush();
  }

  private Map<String, Object> facts(
      Graph graph, List<Choice> choices, double predicted, double measured, double whole) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("version", Build.version());
    facts.put("model", graph.name());
    facts.put("data", options.data);
    facts.put("batchSize", options.batchSize);
    facts.put("energy", options.energy);
    facts.put("threads", options.threads());
    facts.put("rank", Planner.ranks(choices).toString());
    facts.put("trustedLayers", Planner.trusted(choices));
    facts.put("predictedMillis", predicted);
    facts.put("measuredMillis", measured);
    facts.put("allTrustedMillis", whole);
    List<Map<String, Object>> layers = new ArrayList<>();
    for (Choice choice : choices) {
      Map<String, Object> layer = new LinkedHashMap<>();
      layer.put("layer", choice.layer());
      layer.put("rank", choice.rank());
      layer.put("trustedMillis", choice.trustedMillis());
      if (!Double.isNaN(choice.splitMillis())) {
        layer.put("splitMillis", choice.splitMillis());
      }
      layer.put("energyLeft", choice.energyLeft());
      layer.put("reason", choice.reason());
      layers.add(layer);
    }
    facts.put("layers", layers);
    return facts;
  }

  private static String decimal(double millis) {
    return String.format(Locale.ROOT, "%.2f", millis);
  }
}
