package asymml.trusted.execute;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Node;
import asymml.trusted.boundary.ClipBound;
import asymml.trusted.boundary.NoiseStrength;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.decompose.PerExampleDecomposer;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.decompose.SharedDecomposer;
import asymml.trusted.execute.Placement.Split;
import asymml.trusted.execute.Placement.Trusted;
import asymml.trusted.execute.Placement.Untrusted;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// What the split layers of all batch sizes have in common: the worker, the door, and at each place
/// where data leave the decomposition and the clip bound.
public final class SplitContext implements AutoCloseable {
  private static final int LIGHT_SVD_ROUNDS = 2;

  private final RemoteWorker worker;
  private final ReleaseDoor door;
  private final NoiseStrength noise;
  private final Map<SiteKey, SplitSite> sites = new LinkedHashMap<>();
  private final Map<String, SplitSite> siteNames = new LinkedHashMap<>();
  private int nextOpId;

  /// A place where data leave: an edge of the graph, and how what crosses it is split.
  ///
  /// @param source the node whose output leaves, or [Graph#INPUT]
  /// @param placement split or untrusted
  record SiteKey(int source, Placement placement) {}

  /// Plans the places of a network.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch largest number of examples
  /// @param noise strength of the noise on split residuals; untrusted layers get exact inputs
  /// @param worker who computes the untrusted parts
  /// @param door the way out to that worker
  public SplitContext(
      Graph graph,
      Plan plan,
      int batch,
      NoiseStrength noise,
      RemoteWorker worker,
      ReleaseDoor door) {
    this.worker = worker;
    this.door = door;
    this.noise = noise;
    List<Integer> linear = graph.linearLayers();
    for (int index = 0; index < linear.size(); index++) {
      Node node = graph.nodes().get(linear.get(index));
      Placement placement = plan.placement(node.name());
      SiteKey key = new SiteKey(node.inputs().getFirst(), placement);
      if (!(placement instanceof Trusted) && !sites.containsKey(key)) {
        SplitSite site = new SplitSite(decomposer(graph, key, batch, index), new ClipBound());
        sites.put(key, site);
        siteNames.put(node.name(), site);
      }
    }
  }

  static @Nullable Decomposer decomposer(Graph graph, SiteKey key, int batch, int layer) {
    return switch (key.placement) {
      case Trusted _, Untrusted _ -> null;
      case Split(Placement.Decomposition decomposition, var rank) -> {
        var shape = graph.shape(key.source);
        if (rank.rank(layer, shape.channels()) == 0) {
          yield null;
        }
        yield switch (decomposition) {
          case SHARED -> new SharedDecomposer(batch, shape, layer, rank, Refresh.DEFAULT);
          case PER_EXAMPLE ->
              new PerExampleDecomposer(
                  batch, shape, layer, rank, Refresh.DEFAULT, LIGHT_SVD_ROUNDS);
        };
      }
    };
  }

  RemoteWorker worker() {
    return worker;
  }

  ReleaseDoor door() {
    return door;
  }

  NoiseStrength noise(Placement placement) {
    return placement instanceof Untrusted ? new NoiseStrength.None() : noise;
  }

  SplitSite site(SiteKey key) {
    SplitSite site = sites.get(key);
    if (site == null) {
      throw new IllegalStateException("no place was planned for " + key);
    }
    return site;
  }

  int takeOpId() {
    return nextOpId++;
  }

  /// What a later run needs to go on with the same bases and bounds.
  ///
  /// @return name to values, always in the same order
  public Map<String, float[]> state() {
    Map<String, float[]> state = new LinkedHashMap<>();
    siteNames.forEach((name, site) -> {
      if (site.decomposer() != null) {
        // Sorted: the order of an immutable map changes from one JVM to the next, and the same
        // state is to give the same file.
        new TreeMap<>(site.decomposer().state()).forEach((k, v) -> state.put(name + "." + k, v));
      }
      if (site.bound().known()) {
        state.put(name + ".clip", split(site.bound().norm()));
      }
    });
    return state;
  }

  /// Puts back what [#state] gave.
  ///
  /// @param state of a run of the same plan
  public void restore(Map<String, float[]> state) {
    siteNames.forEach((name, site) -> {
      Map<String, float[]> own = new LinkedHashMap<>();
      String prefix = name + ".";
      state.forEach((k, v) -> {
        if (k.startsWith(prefix)) {
          own.put(k.substring(prefix.length()), v);
        }
      });
      float[] clip = own.remove("clip");
      if (clip != null) {
        site.bound().restore((double) clip[0] + clip[1]);
      }
      if (site.decomposer() != null && !own.isEmpty()) {
        site.decomposer().restore(own);
      }
    });
  }

  /// A double as the sum of two floats: 48 of its 53 bits, in a file of float32.
  private static float[] split(double value) {
    float high = (float) value;
    return new float[] {high, (float) (value - high)};
  }

  /// Zeroes and frees the decompositions.
  @Override
  public void close() {
    for (SplitSite site : sites.values()) {
      if (site.decomposer() != null) {
        site.decomposer().close();
      }
    }
  }

  /// Scratch memory that all inputs of a network share.
  ///
  /// @param inputs tensors that leave
  /// @return values needed
  static long scratchFloats(List<Tensor> inputs) {
    return inputs.stream().mapToLong(SplitInput::scratchFloats).max().orElse(0);
  }
}
