package asymml.analysis;

import asymml.analysis.WorkerView.Operation;
import asymml.kernels.Tensor;
import asymml.kernels.WeightStandardization;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map.Entry;
import java.util.OptionalLong;

/// What an attacker knows of the network at the first step: the weights that the worker was sent,
/// and the code that draws initial weights from a seed. The attacker tries the seeds 0 to 999 until
/// a layer's weights equal those that the worker was sent; the weights of the TRUSTED layers then
/// follow. With any other seed only the weights that were sent are known.
///
/// Reads the first W of each layer of the view. Public knowledge: graph, code. Cost: a layer's
/// weights a seed, the smallest layer's; a millisecond for 74,000.
public final class InitialNetwork {
  private static final int SEEDS = 1000;

  private final Architecture architecture;
  private final Graph graph;
  private final OptionalLong seed;

  private InitialNetwork(Architecture architecture, Graph graph, OptionalLong seed) {
    this.architecture = architecture;
    this.graph = graph;
    this.seed = seed;
  }

  /// Looks for the seed.
  ///
  /// @param architecture which operation is which layer; each with its first weights
  /// @param graph the network
  /// @return what is known
  public static InitialNetwork of(Architecture architecture, Graph graph) {
    Entry<Integer, Operation> smallest =
        architecture.operations().entrySet().stream()
            .filter(e -> !e.getValue().weights().isEmpty())
            .min(Comparator.comparingLong(e -> e.getValue().weights().getFirst().size()))
            .orElseThrow(() -> new IllegalArgumentException("the recording holds no weights"));
    Parameter parameter = graph.parameters(smallest.getKey()).getFirst();
    float[] sent = smallest.getValue().weights().getFirst().toArray();
    for (long seed = 0; seed < SEEDS; seed++) {
      if (Arrays.equals(used(parameter, new Initializer(seed).values(parameter)), sent)) {
        return new InitialNetwork(architecture, graph, OptionalLong.of(seed));
      }
    }
    return new InitialNetwork(architecture, graph, OptionalLong.empty());
  }

  /// What a layer multiplies with.
  private static float[] used(Parameter parameter, float[] values) {
    if (parameter.kind() != Parameter.Kind.STANDARDIZED_WEIGHT) {
      return values;
    }
    try (Arena arena = Arena.ofConfined()) {
      Tensor standardized = Tensor.allocate(arena, parameter.shape());
      WeightStandardization.forward(
          Tensor.allocate(arena, parameter.shape()).copyFrom(values),
          standardized,
          Tensor.allocate(arena, parameter.shape()[0]));
      return standardized.toArray();
    }
  }

  /// The seed of the run.
  ///
  /// @return empty if it is not one of those tried
  public OptionalLong seed() {
    return seed;
  }

  /// Whether all weights of a part of the network are known.
  ///
  /// @param part of the graph, with the same names
  /// @return false if a layer that was not sent is in it and the seed was not found
  public boolean knows(Graph part) {
    return seed.isPresent()
        || part.weightedLayers().stream()
            .map(i -> node(part.nodes().get(i).name()))
            .allMatch(
                i -> architecture.operations().containsKey(i) && !architecture.standardises(i));
  }

  /// Builds a part of the network.
  ///
  /// @param engine who computes
  /// @param part of the graph, with the same names, whose weights are known
  /// @return the network with its weights of the first step; the caller closes it
  public Engine.Net build(Engine engine, Graph part) {
    if (!knows(part)) {
      throw new IllegalArgumentException("not all weights of " + part.name() + " are known");
    }
    Engine.Net net = engine.build(part, seed.orElse(0));
    if (seed.isEmpty()) {
      for (int i : part.linearLayers()) {
        String name = part.nodes().get(i).name();
        Operation op = architecture.operations().get(node(name));
        if (op != null) {
          net.set(name + ".weight", op.weights().getFirst().toArray());
        }
      }
    }
    return net;
  }

  private int node(String name) {
    for (int i = 0; i < graph.nodes().size(); i++) {
      if (graph.nodes().get(i).name().equals(name)) {
        return i;
      }
    }
    throw new IllegalArgumentException("no layer is called " + name);
  }
}
