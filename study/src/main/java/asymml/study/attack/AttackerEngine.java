package asymml.study.attack;

import asymml.analysis.Engine;
import asymml.analysis.Maps;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer.AvgPool;
import asymml.model.Node;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import java.util.HashMap;
import java.util.Map;

/// The project's own networks, all of them on one side, as an attacker's computer. It holds nothing
/// but what attacks put in: their graphs, seeds, parameters and maps.
final class AttackerEngine implements Engine {
  private static final String INPUT = "attacker.input";

  @Override
  public Net build(Graph graph, long seed) {
    return new Own(withInput(graph), seed);
  }

  /// The graph behind an average over single positions, which changes nothing and has a gradient:
  /// that of the images.
  private static Graph withInput(Graph graph) {
    GraphBuilder builder = new GraphBuilder(graph.input());
    builder.add(INPUT, new AvgPool(1, 1, 0), Graph.INPUT);
    for (Node node : graph.nodes()) {
      builder.add(node.name(), node.layer(), node.inputs().stream().mapToInt(i -> i + 1).toArray());
    }
    return builder.build(graph.name());
  }

  private static final class Own implements Net {
    private final Graph graph;
    private final Parameters parameters;
    private final Map<Integer, TrustedNetwork> training = new HashMap<>();
    private final Map<Integer, TrustedNetwork> inference = new HashMap<>();
    private int last;

    Own(Graph graph, long seed) {
      this.graph = graph;
      parameters = new Parameters(graph, new Initializer(seed), true);
    }

    @Override
    public float[] parameter(String name) {
      return parameters.value(name).toArray();
    }

    @Override
    public void set(String name, float[] values) {
      Tensor value = parameters.value(name);
      value.copyFrom(values);
      parameters.changed();
    }

    @Override
    public float[] gradient(String name) {
      return parameters.gradient(name).toArray();
    }

    @Override
    public Maps forward(Maps x) {
      last = x.examples();
      return run(training.computeIfAbsent(last, this::trained), x);
    }

    private TrustedNetwork trained(int batch) {
      return TrustedNetwork.forInspection(graph, batch, parameters, 0);
    }

    @Override
    public Maps infer(Maps x) {
      return run(
          inference.computeIfAbsent(
              x.examples(), batch -> TrustedNetwork.forInference(graph, batch, parameters)),
          x);
    }

    private static Maps run(TrustedNetwork network, Maps x) {
      network.input().copyFrom(x.values());
      network.forward(0);
      float[] values = network.logits().toArray();
      return new Maps(x.examples(), 1, 1, values.length / x.examples(), values);
    }

    @Override
    public Maps backward(Maps dy) {
      TrustedNetwork network = training.get(last);
      if (network == null) {
        throw new IllegalStateException("backward before forward");
      }
      network.logitsGradient().copyFrom(dy.values());
      network.backward();
      return Maps.of(network.gradient(0));
    }

    @Override
    public void step(float rate, float momentum, float weightDecay) {
      parameters.update(rate, momentum, weightDecay);
    }

    @Override
    public void close() {
      training.values().forEach(TrustedNetwork::close);
      inference.values().forEach(TrustedNetwork::close);
      parameters.close();
    }
  }
}
