package asymml.trusted.rank;

import asymml.model.Graph;
import asymml.model.Layer.Activation;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Node;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.draw.Shuffle;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.rank.LayerRanks.LowRankOutput;
import asymml.trusted.rank.RankBounds.Check;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Looks at the ranks of a network's activations and gradients: runs a batch of training images
/// through it, wholly on the trusted side, decomposes some of them exactly, and checks the bounds
/// of the theory on them.
///
/// The network runs as in a training step, but undisturbed: without a worker's noise, and bases are
/// fitted to the very batch, so that a run's own residuals are a little larger.
///
/// @param plan where the run has its layers
/// @param rank the rank of its split layers
/// @param decomposition how they do
/// @param images how many examples to decompose exactly and check, at least 1; the cost grows with
///   it
/// @param labelSmoothing of the loss whose gradients are looked at
/// @param seed chooses the images, and the dropout masks
public record RankAnalysis(
    Plan plan,
    RankPolicy rank,
    Decomposition decomposition,
    int images,
    float labelSmoothing,
    long seed) {
  /// Examples that run through the network, where there are as many: statistics of batch norm and
  /// shared bases depend on it.
  public static final int BATCH = 64;

  /// Checks the range.
  public RankAnalysis {
    if (images < 1) {
      throw new IllegalArgumentException("at least one image must be analysed: " + images);
    }
  }

  /// Analyses a network.
  ///
  /// @param graph the network
  /// @param parameters its parameters; not changed
  /// @param data training images
  /// @param normalization of pixels
  /// @param epoch epochs done
  /// @param step steps done
  /// @return the results: private statistics
  /// @throws asymml.trusted.boundary.NonFiniteException if an activation is NaN or infinite
  public RankReport of(
      Graph graph,
      Parameters parameters,
      ImageSet data,
      Normalization normalization,
      int epoch,
      long step) {
    long began = System.nanoTime();
    int batch = Math.min(Math.max(images, BATCH), data.size());
    int exact = Math.min(images, batch);
    try (LayerPass pass =
        pass(graph, parameters, data, normalization, batch, labelSmoothing, seed)) {
      RankPlan ranks = new RankPlan(graph, pass, rank, decomposition);
      List<ExampleRanks> examples =
          IntStream.range(0, exact)
              .parallel()
              .mapToObj(i -> ExampleRanks.of(graph, pass, ranks, i))
              .toList();
      List<LayerRanks> layers = layers(graph, pass, ranks, examples);
      List<NodeRanks> nodes = nodes(graph, examples);
      double seconds = (System.nanoTime() - began) / 1e9;
      return new RankReport(epoch, step, exact, batch, seconds, layers, nodes);
    }
  }

  /// Runs training images through a network.
  ///
  /// @param graph the network
  /// @param parameters its parameters; not changed
  /// @param data training images
  /// @param normalization of pixels
  /// @param batch how many images
  /// @param labelSmoothing of the loss
  /// @param seed chooses the images, and the dropout masks
  /// @return what stands between its layers
  /// @throws asymml.trusted.boundary.NonFiniteException if an output is NaN or infinite
  public static LayerPass pass(
      Graph graph,
      Parameters parameters,
      ImageSet data,
      Normalization normalization,
      int batch,
      float labelSmoothing,
      long seed) {
    int[] order = Arrays.copyOf(Shuffle.order(data.size(), seed), batch);
    try (BatchLoader loader =
        new BatchLoader(data, normalization, Augmentation.none(), order, order.length, 0, 0)) {
      Batch drawn = loader.next();
      return new LayerPass(graph, parameters, drawn.images(), drawn.labels(), labelSmoothing, seed);
    }
  }

  private List<LayerRanks> layers(
      Graph graph, LayerPass pass, RankPlan ranks, List<ExampleRanks> examples) {
    List<LayerRanks> layers = new ArrayList<>();
    List<Integer> linear = graph.linearLayers();
    for (int index = 0; index < linear.size(); index++) {
      int node = linear.get(index);
      Node it = graph.nodes().get(node);
      int kept = ranks.rank(node);
      List<Spectrum> inputs = examples.stream().map(e -> e.input(node)).toList();
      List<Spectrum> gradients = examples.stream().map(e -> e.gradient(node)).toList();
      int keptOfGradient =
          EnergyShares.rank(
              pass.gradient(node),
              index,
              rank.resolve(index, graph.shape(node).channels()),
              decomposition);
      layers.add(
          new LayerRanks(
              it.name(),
              plan.placement(it.name()).toString(),
              graph.inputShape(node).toString(),
              graph.shape(node).toString(),
              figures(examples, e -> e.input(node)),
              EnergyShares.of(pass.output(it.inputs().getFirst()), index, kept, inputs),
              figures(examples, e -> e.gradient(node)),
              EnergyShares.of(pass.gradient(node), index, keptOfGradient, gradients),
              figures(examples, e -> e.output(node)),
              lowRank(checks(examples, node))));
    }
    return layers;
  }

  private static @Nullable Figures figures(
      List<ExampleRanks> examples, Function<ExampleRanks, Spectrum> which) {
    List<Spectrum> spectra = examples.stream().map(which).filter(s -> !s.isZero()).toList();
    return spectra.isEmpty() ? null : Figures.of(spectra);
  }

  private static List<Check> checks(List<ExampleRanks> examples, int node) {
    return examples.stream().map(e -> e.check(node)).filter(Objects::nonNull).toList();
  }

  private static LowRankOutput lowRank(List<Check> checks) {
    return new LowRankOutput(
        medianRank(checks, Check::measured),
        medianRank(checks, Check::bound),
        slack(checks),
        median(checks, Check::effective),
        median(checks, Check::estimate));
  }

  private static int medianRank(List<Check> checks, ToIntFunction<Check> which) {
    return Figures.median(checks.stream().mapToInt(which).toArray());
  }

  private static double median(List<Check> checks, ToDoubleFunction<Check> which) {
    return Figures.median(checks.stream().mapToDouble(which).toArray());
  }

  /// How far the worst example stays below its bound.
  static int slack(List<Check> checks) {
    return checks.stream().mapToInt(c -> c.bound() - c.measured()).min().orElse(0);
  }

  private static List<NodeRanks> nodes(Graph graph, List<ExampleRanks> examples) {
    List<NodeRanks> nodes = new ArrayList<>();
    for (int node = 0; node < graph.nodes().size(); node++) {
      Node it = graph.nodes().get(node);
      String bound =
          switch (it.layer()) {
            case BatchNorm _, GroupNorm _ -> "affine: r + 1";
            case AvgPool _, GlobalAvgPool _ -> "average: r";
            case Add _ -> "addition: r1 + r2";
            case Conv2d _,
                GroupedConv2d _,
                Linear _,
                Relu _,
                Activation _,
                Scattering _,
                MaxPool _,
                Concat _,
                Flatten _,
                Dropout _ ->
                "";
          };
      List<Check> checks = checks(examples, node);
      if (!bound.isEmpty() && !checks.isEmpty()) {
        nodes.add(
            new NodeRanks(
                it.name(),
                bound,
                checks.stream().mapToInt(Check::measured).max().orElse(0),
                checks.stream().mapToInt(Check::bound).max().orElse(0),
                slack(checks)));
      }
    }
    return nodes;
  }
}
