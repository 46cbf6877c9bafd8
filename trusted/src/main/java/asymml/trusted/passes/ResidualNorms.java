package asymml.trusted.passes;

import asymml.kernels.Closer;
import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Node;
import asymml.model.Shape;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.DataFlow.SiteKey;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.split.SplitContext;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Measures what a network would release at several ranks: at every input of a split layer, the
/// norm of each example's residual. The network itself runs on the trusted side; there is no worker
/// and nothing is sent to a worker.
///
/// The clip bound C of the release door follows the median of these norms, and the noise that a
/// guarantee needs is `sigma = z C`; so the ratio of two medians is the ratio of the noise that two
/// ranks need for one guarantee (3LegRace, arXiv 2110.01229).
///
/// The network runs undisturbed: in a run, clipping and noise change what later layers read, and
/// with it their norms.
///
/// PRIVATE: norms are statistics of private data.
public final class ResidualNorms implements AutoCloseable {
  /// Smaller medians count as this one, as in the door's bound: a dead layer has nothing to hide,
  /// and 0 has no ratio.
  private static final double SMALLEST = 1e-30;

  /// The residual of one input at a rank.
  ///
  /// @param rank the rank, at most the channels however many were asked for; 0 for no low-rank part
  /// @param medianNorm the median over examples of `|X_U|`, above 0
  /// @param energyShare the mean over examples of `|X_U|^2 / |X|^2`
  public record Residual(int rank, double medianNorm, double energyShare) {}

  /// One input that would be released, however many layers read it.
  ///
  /// @param layer the first layer that reads it
  /// @param input its shape
  /// @param residuals one for each rank, in their order
  public record Place(String layer, Shape input, List<Residual> residuals) {
    /// Copies the list.
    public Place {
      residuals = List.copyOf(residuals);
    }
  }

  /// The norms of one input at one rank, in the order of the examples.
  private static final class Norms {
    final int rank;
    final @Nullable Decomposer decomposer;
    final List<double[]> residuals = new ArrayList<>();

    Norms(int rank, @Nullable Decomposer decomposer) {
      this.rank = rank;
      this.decomposer = decomposer;
    }
  }

  private record Site(String layer, int source, List<Norms> ranks, List<double[]> inputs) {}

  private final Graph graph;
  private final int batch;
  private final Arena arena = Arena.ofShared(); // written by worker threads of the kernels
  private final List<Site> sites = new ArrayList<>();
  private final Tensor scratch;
  private final TrustedNetwork network;
  private long steps;
  private boolean closed;

  /// Plans the measuring.
  ///
  /// @param graph the network
  /// @param plan says which layers' inputs would be released and how they are decomposed; its ranks
  ///   do not matter
  /// @param ranks the ranks; at least one
  /// @param batch number of examples at a time
  /// @param parameters of the network, with gradients; batch norm moves their running statistics
  /// @throws IllegalArgumentException if the plan splits no layer, or there is no rank
  public ResidualNorms(
      Graph graph, Plan plan, List<RankPolicy> ranks, int batch, Parameters parameters) {
    if (ranks.isEmpty()) {
      throw new IllegalArgumentException("at least one rank is needed");
    }
    this.graph = graph;
    this.batch = batch;
    try (Closer opened = new Closer()) {
      opened.own(arena);
      planSites(plan, ranks, opened);
      this.scratch = Tensor.allocate(arena, batch, largestInput());
      this.network = TrustedNetwork.forInspection(graph, batch, parameters, 0);
      opened.release();
    }
  }

  private void planSites(Plan plan, List<RankPolicy> ranks, Closer opened) {
    Map<Integer, Site> bySource = new LinkedHashMap<>();
    List<Integer> linear = graph.linearLayers();
    for (int layer = 0; layer < linear.size(); layer++) {
      Node node = graph.nodes().get(linear.get(layer));
      int source = node.inputs().getFirst();
      if (plan.placement(node.name()) instanceof Split(var decomposition, var _)
          && !bySource.containsKey(source)) {
        Site site = new Site(node.name(), source, new ArrayList<>(), new ArrayList<>());
        bySource.put(source, site);
        sites.add(site);
        for (RankPolicy rank : ranks) {
          int channels = graph.shape(source).channels();
          Split split = new Split(decomposition, rank.resolve(layer, channels));
          DataFlow.Input input = new DataFlow.Input(new SiteKey(source, split), node.name(), layer);
          Decomposer decomposer = SplitContext.decomposer(graph, input, batch, true);
          if (decomposer != null) {
            opened.own(decomposer);
          }
          site.ranks.add(new Norms(decomposer == null ? 0 : decomposer.largestRank(), decomposer));
        }
      }
    }
    if (sites.isEmpty()) {
      throw new IllegalArgumentException("no layer is split: nothing would be released");
    }
  }

  private int largestInput() {
    return sites.stream().mapToInt(site -> graph.shape(site.source).size()).max().orElseThrow();
  }

  /// Runs one batch forward, as a training step would: batch norm takes the batch's own statistics,
  /// shared bases are renewed when they would be.
  ///
  /// @param images `[batch, H, W, C]`, normalised
  /// @throws NonFiniteException if an activation is NaN or infinite
  public void measure(Tensor images) {
    network.input().copyFrom(images);
    network.forward(steps);
    for (Site site : sites) {
      Tensor x = network.activation(site.source);
      double[] whole = norms(x);
      site.inputs.add(whole);
      for (Norms norms : site.ranks) {
        norms.residuals.add(norms.decomposer == null ? whole : residuals(norms.decomposer, x));
      }
    }
    steps++;
  }

  private double[] residuals(Decomposer decomposer, Tensor x) {
    decomposer.fit(x, steps);
    Tensor out = Tensor.of(scratch.segment().asSlice(0, x.sizeBytes()), x.shape());
    decomposer.residual(x, 0, x.length(0), out);
    return norms(out);
  }

  private static double[] norms(Tensor x) {
    double[] norms = new double[x.length(0)];
    for (int i = 0; i < norms.length; i++) {
      norms[i] = Math.sqrt(Elementwise.sumOfSquares(x.examples(i, 1)));
      if (!Double.isFinite(norms[i])) {
        throw new NonFiniteException();
      }
    }
    return norms;
  }

  /// What was measured so far.
  ///
  /// @return one entry for each input that would be released, in graph order
  /// @throws IllegalStateException before the first batch
  public List<Place> places() {
    if (steps == 0) {
      throw new IllegalStateException("no batch has been measured yet");
    }
    return sites.stream()
        .map(site -> {
          double[] inputs = joined(site.inputs);
          List<Residual> residuals =
              site.ranks.stream()
                  .map(norms -> {
                    double[] left = joined(norms.residuals);
                    return new Residual(norms.rank, median(left), meanShare(left, inputs));
                  })
                  .toList();
          return new Place(site.layer, graph.shape(site.source), residuals);
        })
        .toList();
  }

  private static double[] joined(List<double[]> parts) {
    return parts.stream().flatMapToDouble(Arrays::stream).toArray();
  }

  private static double median(double[] norms) {
    double[] sorted = norms.clone();
    Arrays.sort(sorted);
    double median = (sorted[sorted.length / 2] + sorted[(sorted.length - 1) / 2]) / 2;
    return Math.max(SMALLEST, median);
  }

  /// An example without energy has a residual of none.
  private static double meanShare(double[] residuals, double[] inputs) {
    double sum = 0;
    for (int i = 0; i < inputs.length; i++) {
      double share = inputs[i] > 0 ? residuals[i] / inputs[i] : 0;
      sum += share * share;
    }
    return sum / inputs.length;
  }

  private void closeSites() {
    for (Site site : sites) {
      for (Norms norms : site.ranks) {
        if (norms.decomposer != null) {
          norms.decomposer.close();
        }
      }
    }
  }

  /// Zeroes and frees activations, residuals and bases.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      network.close();
      closeSites();
      scratch.fill(0);
      arena.close();
    }
  }
}
