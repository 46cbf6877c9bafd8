package asymml.cli;

import asymml.analysis.Engine;
import asymml.analysis.Maps;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer.AvgPool;
import asymml.model.Node;
import asymml.trusted.network.Network;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Plan;
import asymml.wire.ProtocolException;
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
    private final Map<Integer, Network> training = new HashMap<>();
    private final Map<Integer, Network> inference = new HashMap<>();
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

    private Network trained(int batch) {
      try {
        return Network.forInspection(graph, Plan.trusted(graph), batch, parameters, null, 0);
      } catch (ProtocolException e) {
        throw new IllegalStateException("a network without a worker", e);
      }
    }

    @Override
    public Maps infer(Maps x) {
      return run(
          inference.computeIfAbsent(
              x.examples(), batch -> Network.forInference(graph, batch, parameters)),
          x);
    }

    private static Maps run(Network network, Maps x) {
      network.input().copyFrom(x.values());
      try {
        network.forward(0);
      } catch (ProtocolException e) {
        throw new IllegalStateException("a network without a worker", e);
      }
      float[] values = network.logits().toArray();
      return new Maps(x.examples(), 1, 1, values.length / x.examples(), values);
    }

    @Override
    public Maps backward(Maps dy) {
      Network network = training.get(last);
      if (network == null) {
        throw new IllegalStateException("backward before forward");
      }
      network.logitsGradient().copyFrom(dy.values());
      try {
        network.backward();
      } catch (ProtocolException e) {
        throw new IllegalStateException("a network without a worker", e);
      }
      return Maps.of(network.gradient(0));
    }

    @Override
    public void step(float rate, float momentum, float weightDecay) {
      parameters.update(rate, momentum, weightDecay);
    }

    @Override
    public void close() {
      training.values().forEach(Network::close);
      inference.values().forEach(Network::close);
      parameters.close();
    }
  }
}
