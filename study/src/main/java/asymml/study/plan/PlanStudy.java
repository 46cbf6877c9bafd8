package asymml.study.plan;

import asymml.kernels.Kernels;
import asymml.kernels.TemporaryFolder;
import asymml.model.Graph;
import asymml.study.BriefTraining;
import asymml.study.RunDisplay;
import asymml.study.bench.BenchWorkers;
import asymml.trusted.bench.Planner;
import asymml.trusted.bench.Planner.Choice;
import asymml.trusted.bench.StepCost;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Progress;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// Finds the least expensive plan on this machine: which layers to split, at which ranks. Trains
/// briefly on the trusted side for the energy that each rank leaves, times steps at two ranks with
/// a worker, chooses for each layer, and runs the choice.
///
/// @param spec what to plan for
/// @param listener hears how it goes
/// @param display shows the training
/// @param progress hears how far decoding and measuring are
public record PlanStudy(
    PlanSpec spec, PlanListener listener, RunDisplay display, Progress progress) {
  private static final double NOISE_RATIO = 0.1;

  /// The two ranks at which splitting is timed.
  private static final RankPolicy LOW = new RankPolicy.Fraction(1, 16);

  private static final RankPolicy HIGH = new RankPolicy.Fraction(1, 4);

  /// Plans.
  ///
  /// @return the plan with its measured cost
  /// @throws IllegalArgumentException if model, images and layers do not fit together
  /// @throws DataException if anything is wrong with the data
  /// @throws IOException if a worker cannot be started or fails
  /// @throws TrainingException if the training diverged
  public PlanResult run() throws DataException, IOException, TrainingException {
    Kernels.setThreads(spec.processes().threads());
    TrainConfig warmUp = spec.warmUp();
    DataSet data = spec.data().open(warmUp.seed(), progress);
    Graph graph =
        TrainedModel.Description.of(spec.model(), spec.norm(), data.train(), data.normalization())
            .graph();
    Plan low = plan(graph, LOW, spec.trustedLayers());
    Planner planner = new Planner(graph, spec.energy(), trusted(low));
    listener.opened(graph);
    Map<String, NavigableMap<Integer, Double>> shares = shares(graph, data, low, warmUp);
    BenchWorkers workers = workers(graph);
    LayerTimes whole = time(workers, Plan.trusted(graph), "all layers trusted");
    LayerTimes atLow = time(workers, low, "split at rank " + LOW);
    LayerTimes atHigh =
        time(workers, plan(graph, HIGH, spec.trustedLayers()), "split at rank " + HIGH);
    List<Choice> choices =
        planner.choose(
            LayerTimes.costs(
                graph,
                whole,
                new LayerTimes.AtRank(LOW, atLow),
                new LayerTimes.AtRank(HIGH, atHigh)),
            shares);
    double predicted =
        choices.stream().mapToDouble(Choice::millis).sum()
            + LayerTimes.between(graph, whole, atLow, atHigh);
    Plan chosen = plan(graph, Planner.ranks(choices), Planner.trusted(choices));
    LayerTimes measured = time(workers, chosen, "the plan");
    return new PlanResult(graph, choices, predicted, measured.total(), whole.total());
  }

  private static Plan plan(Graph graph, RankPolicy rank, List<String> trusted) {
    return Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, rank, trusted);
  }

  private static Set<String> trusted(Plan plan) {
    return plan.layers().entrySet().stream()
        .filter(entry -> entry.getValue() instanceof Trusted)
        .map(Map.Entry::getKey)
        .collect(Collectors.toSet());
  }

  private BenchWorkers workers(Graph graph) {
    return new BenchWorkers(
        graph,
        spec.batchSize(),
        new ReleaseTerms.Unaccounted(new NoiseStrength.Ratio(NOISE_RATIO), "a benchmark"),
        spec.processes(),
        new SecureRandom());
  }

  /// The energy that ranks of up to half the channels leave, by the first layer that reads an
  /// input.
  private Map<String, NavigableMap<Integer, Double>> shares(
      Graph graph, DataSet data, Plan plan, TrainConfig warmUp)
      throws IOException, TrainingException {
    if (!plan.needsWorker()) {
      return Map.of();
    }
    int most =
        graph.linearLayers().stream().mapToInt(i -> graph.inputShape(i).channels()).max().orElse(1);
    List<RankPolicy> ranks = new ArrayList<>();
    for (int rank = 1; rank <= most / 2; rank *= 2) {
      ranks.add(new RankPolicy.Fixed(rank));
    }
    try (TemporaryFolder folder = TemporaryFolder.create()) {
      return shares(
          new BriefTraining(warmUp, data, display, progress).residuals(folder.path(), plan, ranks));
    }
  }

  /// Ranks beyond half the channels are left out: so many directions are worth no split.
  static Map<String, NavigableMap<Integer, Double>> shares(List<Place> places) {
    Map<String, NavigableMap<Integer, Double>> shares = new HashMap<>();
    for (Place place : places) {
      NavigableMap<Integer, Double> own = new TreeMap<>();
      for (Residual residual : place.residuals()) {
        if (residual.rank() <= place.input().channels() / 2) {
          own.put(residual.rank(), residual.energyShare());
        }
      }
      shares.put(place.layer(), own);
    }
    return shares;
  }

  private LayerTimes time(BenchWorkers workers, Plan plan, String what) throws IOException {
    listener.timing(what);
    int nodes = workers.graph().nodes().size();
    List<Double> times = new ArrayList<>();
    workers.use(
        plan,
        (bench, _) -> {
          bench.run(2 * spec.steps());
          StepCost cost = bench.run(spec.steps());
          listener.timed(cost.wallMillis());
          for (int node = 0; node <= nodes; node++) {
            times.add(busyMillis(bench.profile(), node) / spec.steps());
          }
        });
    return new LayerTimes(times.subList(0, nodes), times.getLast());
  }

  private static double busyMillis(StepProfile profile, int node) {
    double nanos = 0;
    for (Phase phase : Phase.values()) {
      nanos += phase == Phase.WAIT ? 0 : profile.nanos(node, phase);
    }
    return nanos / 1e6;
  }
}
