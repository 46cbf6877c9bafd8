package asymml.trusted.memory;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Layer.LinearLayer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.trusted.memory.BackwardNeeds.InputGradient;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Untrusted;
import asymml.trusted.plan.Rank;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// What operations say they read, against what they read.
class BackwardNeedsTest {
  private static BackwardNeeds needs(Graph graph, int node) {
    return BackwardNeeds.of(
        graph.nodes().get(node).layer(), graph.pairsWithRelu(node), new Placement.Trusted(), false);
  }

  /// NaN wherever nobody says to read: gradients are the same to the bit.
  @Test
  void gradients_do_not_depend_on_what_no_operation_says_to_read() {
    System.out.println("seed 93");
    SplittableRandom random = new SplittableRandom(93);
    Set<String> poisoned = new HashSet<>();
    for (int trial = 0; trial < 16; trial++) {
      Graph graph = RandomGraphs.next(random);
      try (Parameters parameters = new Parameters(graph, new Initializer(trial), true);
          TrustedNetwork network = TrustedNetwork.forInspection(graph, 2, parameters, trial)) {
        Map<String, float[]> clean = gradients(parameters, network, Set.of(), trial);
        Set<Long> read = read(graph, network);
        Map<Integer, Tensor> unread = new HashMap<>();
        for (int i = Graph.INPUT; i < graph.nodes().size(); i++) {
          Tensor output = network.activation(i);
          if (!read.contains(output.segment().address())) {
            unread.put(i, output);
            poisoned.add(i < 0 ? "input" : graph.nodes().get(i).layer().getClass().getSimpleName());
          }
        }
        Map<String, float[]> same =
            gradients(parameters, network, Set.copyOf(unread.values()), trial);
        clean.forEach((name, values) ->
            assertThat(same.get(name)).as("%s of %s", name, graph.nodes()).isEqualTo(values));
      }
    }
    // All kinds of layers gave something that nobody reads again.
    assertThat(poisoned)
        .contains(
            "Conv2d", "BatchNorm", "GroupNorm", "MaxPool", "AvgPool", "Dropout", "Add", "Linear");
  }

  private static Set<Long> read(Graph graph, TrustedNetwork network) {
    Set<Long> read = new HashSet<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      // Where no gradient flows, nothing runs backward.
      if (!isFused(graph, i) && graph.takesGradient(i)) {
        BackwardNeeds needs = needs(graph, i);
        if (needs.output()) {
          read.add(network.activation(i).segment().address());
        }
        if (needs.input()) {
          for (int input : graph.nodes().get(i).inputs()) {
            read.add(network.activation(input).segment().address());
          }
        }
      }
    }
    return read;
  }

  private static boolean isFused(Graph graph, int node) {
    int source = graph.nodes().get(node).inputs().getFirst();
    return graph.pairsWithRelu(source);
  }

  /// Runs a step, with NaN in some outputs between the passes.
  private static Map<String, float[]> gradients(
      Parameters parameters, TrustedNetwork network, Set<Tensor> poisoned, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    fill(network.input(), random);
    network.forward(seed);
    fill(network.logitsGradient(), random);
    poisoned.forEach(tensor -> tensor.fill(Float.NaN));
    network.backward();
    Map<String, float[]> gradients = new LinkedHashMap<>();
    for (Parameter p : parameters.all()) {
      if (p.kind().trained()) {
        gradients.put(p.name(), parameters.gradient(p.name()).toArray());
      }
    }
    return gradients;
  }

  private static void fill(Tensor tensor, SplittableRandom random) {
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(-1, 1));
    }
  }

  /// The other way round: what is kept is needed.
  @Test
  void what_an_operation_says_to_read_shows_in_a_gradient() {
    System.out.println("seed 94");
    SplittableRandom random = new SplittableRandom(94);
    Set<String> shown = new HashSet<>();
    for (int trial = 0; trial < 7; trial++) {
      Graph graph = RandomGraphs.next(random);
      try (Parameters parameters = new Parameters(graph, new Initializer(trial), true);
          TrustedNetwork network = TrustedNetwork.forInspection(graph, 2, parameters, trial)) {
        Map<String, float[]> clean = gradients(parameters, network, Set.of(), trial);
        for (int node = 0; node < graph.nodes().size(); node++) {
          Node read = graph.nodes().get(node);
          // Of layers with parameters, the gradient of the first is a product with the input.
          if (graph.parameters(node).isEmpty()) {
            continue;
          }
          assertThat(needs(graph, node).input()).isTrue();
          Tensor operand = network.activation(read.inputs().getFirst());
          Map<String, float[]> other = gradients(parameters, network, Set.of(operand), trial);
          String own = graph.parameters(node).getFirst().name();
          assertThat(other.get(own))
              .as("%s of %s", own, graph.nodes())
              .isNotEqualTo(clean.get(own));
          shown.add(read.layer().getClass().getSimpleName());
        }
      }
    }
    assertThat(shown).contains("Conv2d", "Linear", "BatchNorm", "GroupNorm");
  }

  @Test
  void a_layer_at_workers_reads_its_input_again_only_under_masks_and_gets_its_gradient_last() {
    Graph graph = RandomGraphs.next(new SplittableRandom(95));
    int linear = graph.linearLayers().getLast();
    LinearLayer layer = (LinearLayer) graph.nodes().get(linear).layer();
    for (Placement placement :
        List.of(
            new Untrusted(),
            new Split(Decomposition.SHARED, Rank.NONE),
            new Split(Decomposition.PER_EXAMPLE, new Rank.Fixed(2)))) {
      assertThat(BackwardNeeds.of(layer, false, placement, false))
          .isEqualTo(new BackwardNeeds(false, false, InputGradient.LAST));
      assertThat(BackwardNeeds.of(layer, false, placement, true))
          .isEqualTo(new BackwardNeeds(true, false, InputGradient.LAST));
    }
    // Not at workers, it reads it whatever the shield is.
    for (boolean shares : new boolean[] {false, true}) {
      assertThat(BackwardNeeds.of(layer, false, new Placement.Trusted(), shares))
          .isEqualTo(new BackwardNeeds(true, false, InputGradient.APART));
    }
  }
}
