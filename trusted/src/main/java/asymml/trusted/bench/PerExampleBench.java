package asymml.trusted.bench;

import asymml.kernels.Closer;
import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.DoubleSum;
import asymml.kernels.ProcessorTime;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.Linear;
import asymml.model.Node;
import asymml.model.Shape;
import asymml.trusted.network.Network;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.ops.PerExampleMethod;
import asymml.trusted.ops.PerExamplePlan;
import asymml.wire.ProtocolException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// Measures what gradients of single examples cost on the trusted side: for each linear layer by
/// each method, and for a step of the whole network. Processor time of all threads, the least of
/// several runs on random values.
public final class PerExampleBench {
  private static final long SEED = 1;

  /// Processor seconds after which no further run begins.
  private static final double LONGEST = 10;

  private final PerExamplePlan plan;
  private final int rounds;

  /// What one layer costs, for each example of a batch.
  ///
  /// @param layer its name
  /// @param shape its sizes
  /// @param chosen its method
  /// @param plainSeconds of the weight gradient of the batch
  /// @param seconds of norms and weighted sum, by method
  public record LayerCost(
      String layer,
      ConvShape shape,
      PerExampleMethod chosen,
      double plainSeconds,
      Map<PerExampleMethod, Double> seconds) {
    /// Copies the map.
    public LayerCost {
      seconds = Map.copyOf(seconds);
    }
  }

  /// What a step costs, for each example of a batch.
  ///
  /// @param plainSeconds forward and backward, with the sum of the gradients
  /// @param privateSeconds the same with the norm of each example's gradient, and a weighted sum
  public record StepCosts(double plainSeconds, double privateSeconds) {
    /// The second over the first.
    ///
    /// @return above 0
    public double ratio() {
      return privateSeconds / plainSeconds;
    }
  }

  private interface Run {
    void run() throws ProtocolException;
  }

  /// Plans the measurements.
  ///
  /// @param plan of the network's layers
  /// @param rounds runs of each, of which the fastest counts; at least 1, and many more where code
  ///   is still being compiled
  public PerExampleBench(PerExamplePlan plan, int rounds) {
    if (rounds < 1) {
      throw new IllegalArgumentException("there must be at least 1 run: " + rounds);
    }
    this.plan = plan;
    this.rounds = rounds;
  }

  /// The least processor time of some runs that take turns, for each example; fewer of them where
  /// they take long.
  private double[] fastest(Run... runs) throws ProtocolException {
    double[] least = new double[runs.length];
    Arrays.fill(least, Double.POSITIVE_INFINITY);
    double spent = 0;
    for (int i = 0; i < rounds && spent < LONGEST; i++) {
      for (int k = 0; k < runs.length; k++) {
        long start = ProcessorTime.nanos();
        runs[k].run();
        double seconds = (ProcessorTime.nanos() - start) / 1e9;
        least[k] = Math.min(least[k], seconds / plan.examples());
        spent += seconds;
      }
    }
    return least;
  }

  private static Tensor random(Arena arena, int... shape) {
    SplittableRandom random = new SplittableRandom(SEED);
    Tensor tensor = Tensor.allocate(arena, shape);
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(-1, 1));
    }
    return tensor;
  }

  /// Measures the layers one by one.
  ///
  /// @return in the order of the network
  /// @throws ProtocolException never, as there are no workers
  public List<LayerCost> layers() throws ProtocolException {
    List<LayerCost> costs = new ArrayList<>();
    for (int i : plan.graph().weightedLayers()) {
      costs.add(layer(i));
    }
    return costs;
  }

  private LayerCost layer(int number) throws ProtocolException {
    Graph graph = plan.graph();
    Node node = graph.nodes().get(number);
    int examples = plan.examples();
    ConvShape shape = PerExamplePlan.shape(graph, number, examples);
    try (Arena arena = Arena.ofShared();
        Convolution plain = new Convolution(shape, EnumSet.of(Convolution.Pass.BACKWARD_WEIGHTS))) {
      Tensor x = random(arena, shape.inputAxes());
      Tensor dy = random(arena, shape.outputAxes());
      Tensor dw = Tensor.allocate(arena, shape.weightAxes());
      double batch = fastest(() -> plain.backwardWeights(x, dy, dw))[0];
      Map<PerExampleMethod, Double> seconds = new EnumMap<>(PerExampleMethod.class);
      for (PerExampleMethod method : methods(node)) {
        seconds.put(method, layer(node, graph.inputShape(number), method, x, dy));
      }
      return new LayerCost(node.name(), shape, plan.method(node.name()), batch, seconds);
    }
  }

  private static List<PerExampleMethod> methods(Node node) {
    return switch (node.layer()) {
      case Linear _ -> List.of(PerExampleMethod.PRODUCT);
      case GroupedConv2d _ -> List.of(PerExampleMethod.STORED, PerExampleMethod.RECOMPUTED);
      default ->
          List.of(PerExampleMethod.STORED, PerExampleMethod.GHOST, PerExampleMethod.RECOMPUTED);
    };
  }

  private double layer(Node node, Shape in, PerExampleMethod method, Tensor x, Tensor dy)
      throws ProtocolException {
    GraphBuilder alone = new GraphBuilder(in);
    alone.add(node.name(), node.layer());
    if (!(node.layer() instanceof Linear)) {
      alone.add("flatten", new Flatten());
    }
    PerExamplePlan own =
        new PerExamplePlan(alone.build("layer"), plan.examples(), 1, Map.of(node.name(), method));
    try (PerExampleGradients gradients = new PerExampleGradients(own)) {
      DoubleSum sum = gradients.newSum();
      double[] weights = weights();
      return fastest(() -> {
        gradients.linear(node.name(), x, dy);
        gradients.norms();
        gradients.addTo(sum, weights);
      })[0];
    }
  }

  private double[] weights() {
    double[] weights = new double[plan.examples()];
    Arrays.fill(weights, 0.5);
    return weights;
  }

  /// Measures steps of the whole network. Scattering features are put in, as they are kept from the
  /// first epoch on.
  ///
  /// @return with and without gradients of single examples
  /// @throws ProtocolException never, as there are no workers
  public StepCosts step() throws ProtocolException {
    Graph graph = plan.graph();
    try (Arena arena = Arena.ofShared();
        Closer owned = new Closer()) {
      Parameters parameters = owned.own(new Parameters(graph, new Initializer(SEED), true));
      PerExampleGradients gradients = owned.own(new PerExampleGradients(plan));
      Network plain =
          owned.own(TrustedNetwork.forTraining(graph, plan.examples(), parameters, SEED));
      Network single =
          owned.own(TrustedNetwork.forPrivateTraining(graph, parameters, SEED, gradients));
      Shape in = graph.beginsWithScattering() ? graph.shape(0) : graph.input();
      Tensor batch = random(arena, plan.examples(), in.height(), in.width(), in.channels());
      DoubleSum sum = gradients.newSum();
      double[] weights = weights();
      double[] least =
          fastest(
              () -> pass(plain, batch),
              () -> {
                pass(single, batch);
                gradients.norms();
                gradients.addTo(sum, weights);
              });
      return new StepCosts(least[0], least[1]);
    }
  }

  private static void pass(Network network, Tensor batch) throws ProtocolException {
    Tensor logits = network.logits();
    int[] labels = IntStream.range(0, batch.length(0)).map(i -> i % logits.length(1)).toArray();
    network.load(batch);
    network.forward(0);
    SoftmaxCrossEntropy.evaluate(logits, labels, 0, 1, network.logitsGradient());
    network.backward();
  }
}
