package asymml.trusted.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Graph;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.Linear;
import asymml.model.Layer.Relu;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.plan.DataFlow.Input;
import asymml.trusted.plan.DataFlow.SiteKey;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DataFlowTest {
  private static final Shield RESIDUAL = new Shield.Residual();
  private static final Shield SHARES = new Shield.Shares(1);
  private static final Split KEEPS = new Split(Decomposition.SHARED, new Rank.Fixed(2));
  private static final Split EXAMPLES = new Split(Decomposition.PER_EXAMPLE, new Rank.Fixed(2));
  private static final Split NOTHING = new Split(Decomposition.SHARED, Rank.NONE);

  /// `input -> conv -> norm -> relu -> flatten -> fc`.
  private static final Graph SMALL =
      new Graph(
          "small",
          new Shape(4, 4, 3),
          List.of(
              new Node("conv", new Conv2d(8, 3, 1, 1), List.of(Graph.INPUT)),
              new Node("norm", new GroupNorm(2, 1e-5f), List.of(0)),
              new Node("relu", new Relu(), List.of(1)),
              new Node("flatten", new Flatten(), List.of(2)),
              new Node("fc", new Linear(5), List.of(3))));

  private static DataFlow flow(Placement conv, Placement fc, Shield shield) {
    Map<String, Placement> layers = new LinkedHashMap<>();
    layers.put("conv", conv);
    layers.put("fc", fc);
    return new DataFlow(SMALL, new Plan(layers), shield);
  }

  private static List<String> added(DataFlow flow, int node) {
    return flow.layer(node).addedHere().stream().map(Parameter::name).toList();
  }

  @Test
  void of_a_trusted_network_nothing_is_sent_and_all_gradients_are_computed_here() {
    DataFlow flow = flow(new Trusted(), new Trusted(), RESIDUAL);
    assertThat(flow.inputs()).isEmpty();
    assertThat(flow.layers()).hasSize(5).noneMatch(DataFlow.Layer::isRemote);
    assertThat(flow.layers()).noneMatch(DataFlow.Layer::sendsGradient);
    assertThat(added(flow, 0)).containsExactly("conv.weight");
    assertThat(added(flow, 1)).containsExactly("norm.weight", "norm.bias");
    assertThat(added(flow, 2)).isEmpty();
    assertThat(added(flow, 4)).containsExactly("fc.weight", "fc.bias");
  }

  /// The worker's product of a noisy input and a noisy gradient is all of it; a sum is no product.
  @Test
  void of_a_layer_that_keeps_nothing_the_worker_computes_the_weight_gradient_and_no_bias() {
    for (Placement whole : List.of(NOTHING, new Untrusted())) {
      DataFlow flow = flow(whole, whole, RESIDUAL);
      assertThat(added(flow, 0)).isEmpty();
      assertThat(added(flow, 4)).containsExactly("fc.bias");
      assertThat(flow.layer(4).valuesAddedHere()).isEqualTo(5);
      assertThat(flow.inputs()).allMatch(input -> input.decomposed().isEmpty());
      assertThat(flow.inputs()).noneMatch(Input::sharesBasis);
    }
  }

  @Test
  void of_a_layer_that_keeps_a_part_the_trusted_side_adds_that_part_s_product() {
    for (Split split : List.of(KEEPS, EXAMPLES)) {
      DataFlow flow = flow(split, NOTHING, RESIDUAL);
      assertThat(added(flow, 0)).containsExactly("conv.weight");
      assertThat(flow.layer(0).valuesAddedHere()).isEqualTo(8 * 3 * 3 * 3);
      Input input = flow.inputs().iterator().next();
      assertThat(input.decomposed()).contains(split);
      assertThat(input.sharesBasis()).isEqualTo(split.equals(KEEPS));
    }
  }

  /// The gradient of an image is nobody's business: it is not computed, and dY is not sent for it.
  @Test
  void under_masks_all_gradients_are_computed_here_and_none_is_sent_for_the_image() {
    for (Split split : List.of(KEEPS, NOTHING)) {
      DataFlow flow = flow(split, split, SHARES);
      assertThat(added(flow, 0)).containsExactly("conv.weight");
      assertThat(added(flow, 4)).containsExactly("fc.weight", "fc.bias");
      assertThat(flow.layer(0).sendsGradient()).isFalse();
      assertThat(flow.layer(0).isRemote()).isTrue();
      assertThat(flow.layer(4).sendsGradient()).isTrue();
    }
    assertThat(flow(KEEPS, KEEPS, RESIDUAL).layer(0).sendsGradient()).isTrue();
  }

  @Test
  void an_input_has_the_place_and_the_name_of_its_first_reader() {
    DataFlow flow = flow(new Trusted(), KEEPS, RESIDUAL);
    assertThat(flow.inputs()).containsExactly(new Input(new SiteKey(3, KEEPS), "fc", 1));
    assertThat(flow.layer(4).input()).isEqualTo(flow.inputs().iterator().next());
    assertThat(flow(KEEPS, new Trusted(), RESIDUAL).inputs())
        .containsExactly(new Input(new SiteKey(Graph.INPUT, KEEPS), "conv", 0));
  }

  @Test
  void running_statistics_get_no_gradient() {
    Graph graph = Zoo.build("cnn", new Shape(8, 8, 3), 3, Zoo.Norm.BATCH);
    DataFlow flow = new DataFlow(graph, Plan.trusted(graph), RESIDUAL);
    assertThat(flow.layers().stream().flatMap(layer -> layer.addedHere().stream()))
        .allMatch(p -> p.kind().trained())
        .hasSize((int) graph.parameters().stream().filter(p -> p.kind().trained()).count());
  }

  private static Placement any(SplittableRandom random) {
    Decomposition decomposition =
        random.nextBoolean() ? Decomposition.SHARED : Decomposition.PER_EXAMPLE;
    return switch (random.nextInt(4)) {
      case 0 -> new Trusted();
      case 1 -> new Untrusted();
      case 2 -> new Split(decomposition, Rank.NONE);
      default -> new Split(decomposition, new Rank.Fixed(random.nextInt(1, 3)));
    };
  }

  /// Plans that no policy would give, too.
  @ParameterizedTest
  @ValueSource(strings = {"cnn", "resnet20"})
  void whatever_the_placements_each_use_of_an_input_finds_it_sent_once(String model) {
    Graph graph = Zoo.build(model, new Shape(8, 8, 3), 10, Zoo.Norm.GROUP);
    long seed = 20_270;
    System.out.println("seed " + seed);
    SplittableRandom random = new SplittableRandom(seed);
    for (int trial = 0; trial < 200; trial++) {
      Map<String, Placement> layers = new LinkedHashMap<>();
      graph.linearLayers().forEach(i -> layers.put(graph.nodes().get(i).name(), any(random)));
      Plan plan = new Plan(layers);
      for (Shield shield : List.of(RESIDUAL, SHARES)) {
        check(graph, plan, shield, new DataFlow(graph, plan, shield));
      }
    }
  }

  private static void check(Graph graph, Plan plan, Shield shield, DataFlow flow) {
    Map<SiteKey, String> firstReaders = new HashMap<>();
    int place = 0;
    for (int i = 0; i < graph.nodes().size(); i++) {
      Node node = graph.nodes().get(i);
      DataFlow.Layer layer = flow.layer(i);
      assertThat(layer.node()).isEqualTo(i);
      assertThat(layer.name()).isEqualTo(node.name());
      Placement placement = plan.layers().getOrDefault(node.name(), new Trusted());
      assertThat(layer.isRemote()).isEqualTo(placement.needsWorker());
      Input input = layer.input();
      if (input == null) {
        assertThat(layer.sendsGradient()).isFalse();
      } else {
        SiteKey key = new SiteKey(node.inputs().getFirst(), placement);
        String first = firstReaders.computeIfAbsent(key, _ -> node.name());
        assertThat(input.key()).isEqualTo(key);
        assertThat(input.name()).isEqualTo(first);
        assertThat(flow.inputs()).contains(input);
        assertThat(layer.sendsGradient())
            .isEqualTo(!shield.masks() || node.inputs().getFirst() != Graph.INPUT);
        if (first.equals(node.name())) {
          assertThat(input.layer()).isEqualTo(place);
        }
      }
      // Whatever is sent of it, no gradient is left to nobody.
      boolean workers = input != null && !shield.masks() && input.decomposed().isEmpty();
      for (Parameter p : graph.parameters(i)) {
        assertThat(layer.addedHere().contains(p)).isEqualTo(!(workers && p.kind().weight()));
      }
      place += plan.layers().containsKey(node.name()) ? 1 : 0;
    }
    assertThat(flow.inputs()).hasSameSizeAs(firstReaders.keySet());
  }

  @Test
  void a_plan_that_leaves_a_layer_out_has_no_flow_and_lists_cannot_be_changed() {
    Plan partial = new Plan(Map.of("conv", KEEPS));
    assertThatThrownBy(() -> new DataFlow(SMALL, partial, RESIDUAL))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("fc");
    DataFlow flow = flow(KEEPS, KEEPS, RESIDUAL);
    assertThatThrownBy(() -> flow.layers().clear())
        .isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(() -> flow.inputs().clear())
        .isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(() -> flow.layer(0).addedHere().clear())
        .isInstanceOf(UnsupportedOperationException.class);
  }
}
