package asymml.trusted.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Clip;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.HardSwish;
import asymml.model.Layer.LeakyRelu;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Sigmoid;
import asymml.model.Layer.Tanh;
import asymml.model.Shape;
import asymml.trusted.ops.DropoutOp;
import asymml.trusted.ops.Parameters;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Every layer, and networks of them, against [OracleNetwork] through one [NetworkHarness].
class NetworkTest {
  private static final BatchNorm BATCH_NORM = new BatchNorm(1e-5f, 0.1f);
  private static final GroupNorm GROUP_NORM = new GroupNorm(3, 1e-5f);

  /// A layer between a convolution of 6 channels, whose gradient goes through it, and a classifier.
  private static Graph around(String name, Consumer<GraphBuilder> middle) {
    GraphBuilder b = new GraphBuilder(new Shape(7, 5, 3));
    b.add("first", new Conv2d(6, 3, 1, 1));
    middle.accept(b);
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(4));
    return b.build(name);
  }

  private static Graph around(String name, Layer... layers) {
    return around(
        name,
        b -> {
          for (int i = 0; i < layers.length; i++) {
            b.add("layer" + i, layers[i]);
          }
        });
  }

  static Stream<Graph> layers() {
    return Stream.of(
        around("conv 3x3", new Conv2d(5, 3, 1, 1)),
        around("conv 1x1", new Conv2d(5, 1, 1, 0)),
        around("conv 3x3, stride 2", new Conv2d(5, 3, 2, 1)),
        around("conv 1x1, stride 2", new Conv2d(5, 1, 2, 0)),
        around("conv 5x5, unpadded", new Conv2d(4, 5, 1, 0)),
        around("conv 4x4, stride 3", new Conv2d(4, 4, 3, 2)),
        around("conv 3x3, standardised", new Conv2d(5, 3, 1, 1, true)),
        around("conv 1x1, standardised, group norm", new Conv2d(9, 1, 2, 0, true), GROUP_NORM),
        around("linear", new Flatten(), new Linear(5)),
        around("batch norm", BATCH_NORM),
        around("batch norm with relu", BATCH_NORM, new Relu()),
        around("batch norm with relu, convolved", BATCH_NORM, new Relu(), new Conv2d(4, 3, 1, 1)),
        around("group norm", GROUP_NORM),
        around("group norm with relu", GROUP_NORM, new Relu()),
        around("instance norm", new GroupNorm(6, 1e-5f)),
        around("layer norm", new GroupNorm(1, 1e-5f), new Relu()),
        around("group norm without scale", new GroupNorm(3, 1e-5f, false)),
        around("group norm without scale, relu", new GroupNorm(2, 1e-5f, false), new Relu()),
        around("relu", new Relu()),
        around("tanh", new Tanh()),
        around("tanh twice", new Tanh(), new Conv2d(4, 3, 2, 1), new Tanh()),
        around("conv with bias", new Conv2d(5, 3, 2, 1, false, true)),
        around("conv in groups", new GroupedConv2d(9, 3, 1, 1, 3, false, true), new Clip(0, 6)),
        around("depthwise", new GroupedConv2d(6, 3, 2, 1, 6, false, false), BATCH_NORM),
        around("depthwise, standardised", new GroupedConv2d(12, 3, 1, 1, 6, true, false)),
        around("clip", new Clip(-0.4f, 0.7f)),
        around("batch norm with clip", BATCH_NORM, new Clip(0, 6), new Conv2d(4, 3, 1, 1)),
        around("leaky relu", new LeakyRelu(0.2f)),
        around("sigmoid", new Sigmoid()),
        around("hard swish", new HardSwish()),
        around("hard swish behind a norm", GROUP_NORM, new HardSwish(), new Conv2d(4, 1, 1, 0)),
        around("max pool", new MaxPool(2, 2, 0)),
        around("max pool, overlapping and padded", new MaxPool(3, 2, 1)),
        around("average pool", new AvgPool(2, 2, 0)),
        around("average pool, overlapping and padded", new AvgPool(3, 2, 1)),
        around("global pool", new GlobalAvgPool()),
        around("dropout", new Dropout(0.3f)),
        around("dropout of nothing", new Dropout(0f), new Relu()),
        around("dropout on features", new Flatten(), new Dropout(0.5f), new Linear(6)));
  }

  static Stream<Graph> networks() {
    return Stream.of(
        around("add", NetworkTest::addWithoutRelu),
        around("add with relu", NetworkTest::addWithRelu),
        around("one output, three readers", NetworkTest::threeReaders),
        around("a normalisation read before its relu", NetworkTest::normReadTwice),
        around("a flattened map read twice", NetworkTest::flattenedTwice),
        around("concatenation", NetworkTest::concatenation),
        around("inverted residual", NetworkTest::invertedResidual),
        around("residual block, identity", b -> block(b, "block", 6, 1)),
        around("residual block, projection", b -> block(b, "block", 8, 2)),
        firstLayers(),
        vggLike(),
        resnetLike());
  }

  private static void addWithoutRelu(GraphBuilder b) {
    int start = b.last();
    int other = b.add("other", new Conv2d(6, 3, 1, 1), start);
    b.add("sum", new Add(), start, other);
  }

  private static void concatenation(GraphBuilder b) {
    int start = b.last();
    int left = b.add("left", new Conv2d(3, 3, 1, 1), start);
    int right = b.add("right", new Relu(), start);
    int joined = b.add("joined", new Concat(), left, start, right);
    b.add("again", new Concat(), left, joined);
    b.add("conv", new Conv2d(5, 3, 2, 1));
  }

  private static void invertedResidual(GraphBuilder b) {
    int start = b.last();
    b.add("expand", new Conv2d(12, 1, 1, 0));
    b.add("norm", BATCH_NORM);
    b.add("clip", new Clip(0, 6));
    b.add("filter", new GroupedConv2d(12, 3, 1, 1, 12, false, false));
    b.add("norm2", BATCH_NORM);
    b.add("clip2", new Clip(0, 6));
    int main = b.add("project", new Conv2d(6, 1, 1, 0));
    b.add("sum", new Add(), main, start);
  }

  private static void addWithRelu(GraphBuilder b) {
    addWithoutRelu(b);
    b.add("relu", new Relu());
    b.add("conv", new Conv2d(5, 3, 2, 1));
  }

  private static void threeReaders(GraphBuilder b) {
    int start = b.last();
    int conv = b.add("conv", new Conv2d(6, 3, 1, 1), start);
    int relu = b.add("relu", new Relu(), start);
    int pool = b.add("pool", new MaxPool(3, 1, 1), start);
    int sum = b.add("sum", new Add(), conv, relu);
    b.add("total", new Add(), pool, sum);
  }

  /// Its ReLU must not be fused: the sum needs the values before it.
  private static void normReadTwice(GraphBuilder b) {
    int norm = b.add("norm", BATCH_NORM);
    int relu = b.add("relu", new Relu(), norm);
    b.add("sum", new Add(), relu, norm);
  }

  private static void flattenedTwice(GraphBuilder b) {
    int flat = b.add("flat", new Flatten());
    int left = b.add("left", new Linear(6), flat);
    int right = b.add("right", new Linear(6), flat);
    b.add("sum", new Add(), left, right);
    b.add("act", new Relu());
  }

  private static void block(GraphBuilder b, String name, int out, int stride) {
    int start = b.last();
    b.add(name + ".conv1", new Conv2d(out, 3, stride, 1));
    b.add(name + ".bn1", BATCH_NORM);
    b.add(name + ".relu1", new Relu());
    b.add(name + ".conv2", new Conv2d(out, 3, 1, 1));
    int main = b.add(name + ".bn2", BATCH_NORM);
    int shortcut = start;
    if (stride != 1) {
      b.add(name + ".down", new Conv2d(out, 1, stride, 0), start);
      shortcut = b.add(name + ".downbn", BATCH_NORM);
    }
    b.add(name + ".add", new Add(), main, shortcut);
    b.add(name + ".relu2", new Relu());
  }

  /// Layers with and without parameters that read the network's input.
  private static Graph firstLayers() {
    GraphBuilder b = new GraphBuilder(new Shape(5, 7, 6));
    int norm = b.add("norm", BATCH_NORM, Graph.INPUT);
    int group = b.add("group", GROUP_NORM, Graph.INPUT);
    int relu = b.add("relu", new Relu(), Graph.INPUT);
    int pool = b.add("pool", new MaxPool(3, 1, 1), Graph.INPUT);
    int dropped = b.add("dropped", new Dropout(0.2f), Graph.INPUT);
    int sum = b.add("sum", new Add(), norm, group);
    sum = b.add("sum2", new Add(), sum, relu);
    sum = b.add("sum3", new Add(), sum, pool);
    sum = b.add("sum4", new Add(), sum, dropped);
    b.add("sum5", new Add(), sum, Graph.INPUT);
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(3));
    return b.build("layers on the input");
  }

  private static Graph vggLike() {
    GraphBuilder b = new GraphBuilder(new Shape(9, 9, 3));
    for (int i = 1; i <= 3; i++) {
      b.add("conv" + i, new Conv2d(4 * i, 3, 1, 1));
      b.add("bn" + i, BATCH_NORM);
      b.add("relu" + i, new Relu());
      b.add("pool" + i, new MaxPool(2, 2, 0));
    }
    b.add("flatten", new Flatten());
    b.add("fc1", new Linear(10));
    b.add("fc1.relu", new Relu());
    b.add("fc1.dropout", new Dropout(0.5f));
    b.add("fc", new Linear(5));
    return b.build("vgg-like");
  }

  private static Graph resnetLike() {
    GraphBuilder b = new GraphBuilder(new Shape(9, 7, 3));
    b.add("conv1", new Conv2d(4, 3, 1, 1));
    b.add("bn1", BATCH_NORM);
    b.add("relu1", new Relu());
    block(b, "layer1", 4, 1);
    block(b, "layer2", 6, 2);
    b.add("pool", new GlobalAvgPool());
    b.add("fc", new Linear(5));
    return b.build("resnet-like");
  }

  static Stream<Arguments> cases() {
    return Stream.concat(layers(), networks())
        .flatMap(graph -> Stream.of(2, 5).map(n -> Arguments.of(graph.name(), graph, n)));
  }

  @ParameterizedTest(name = "{0}, batch {2}")
  @MethodSource("cases")
  void forward_backward_and_inference_match_the_oracle(String name, Graph graph, int batch)
      throws Exception {
    NetworkHarness.check(graph, batch);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("singles")
  void a_batch_of_one_matches_the_oracle(String name, Graph graph) throws Exception {
    NetworkHarness.check(graph, 1);
  }

  static Stream<Arguments> singles() {
    return Stream.concat(layers(), networks()).map(graph -> Arguments.of(graph.name(), graph));
  }

  @Test
  void dropout_masks_of_different_steps_and_layers_are_unrelated() {
    long seed = NetworkHarness.SEED;
    Set<Long> keys = new HashSet<>();
    // The kernel derives a chunk's key from the seed plus multiples of the golden ratio: no two of
    // these may meet, or one step's mask would be another's, shifted.
    for (int layer = 0; layer < 4; layer++) {
      for (long step = 0; step < 50; step++) {
        for (int chunk = 1; chunk <= 50; chunk++) {
          keys.add(DropoutOp.maskSeed(seed * 31 + layer, step) + chunk * 0x9e3779b97f4a7c15L);
        }
      }
    }
    assertThat(keys).hasSize(4 * 50 * 50);
  }

  @Test
  void the_same_step_drops_the_same_values_and_another_step_others() throws Exception {
    Graph graph = around("dropout", new Dropout(0.5f));
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true);
        TrustedNetwork network = TrustedNetwork.forTraining(graph, 2, parameters, 1)) {
      network.input().fill(1);
      float[] first = logits(network, 3);
      assertThat(logits(network, 4)).isNotEqualTo(first);
      assertThat(logits(network, 3)).isEqualTo(first);
    }
  }

  private static float[] logits(TrustedNetwork network, long step) throws Exception {
    network.forward(step);
    return network.logits().toArray();
  }

  @Test
  void parameters_are_packed_anew_after_they_changed() throws Exception {
    Graph graph = around("linear");
    try (Parameters parameters = new Parameters(graph, new Initializer(1), false);
        TrustedNetwork network = TrustedNetwork.forInference(graph, 1, parameters)) {
      network.input().fill(1);
      logits(network, 0);
      parameters.value("first.weight").fill(0);
      parameters.value("fc.bias").copyFrom(new float[] {1, 2, 3, 4});
      parameters.changed();
      assertThat(logits(network, 1)).containsExactly(1, 2, 3, 4);
    }
  }

  @Test
  void a_network_planned_for_inference_does_not_run_backwards() {
    Graph graph = around("linear");
    try (Parameters parameters = new Parameters(graph, new Initializer(1), false);
        TrustedNetwork network = TrustedNetwork.forInference(graph, 1, parameters)) {
      assertThatThrownBy(network::logitsGradient)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("planned for inference");
      assertThatThrownBy(network::backward).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void a_batch_needs_an_example() {
    Graph graph = around("linear");
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true)) {
      assertThatThrownBy(() -> TrustedNetwork.forInference(graph, 0, parameters))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("0");
    }
  }

  @Test
  void a_closed_network_has_freed_its_memory() {
    Graph graph = around("linear");
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true)) {
      TrustedNetwork network = TrustedNetwork.forInference(graph, 2, parameters);
      Tensor input = network.input();
      network.close();
      network.close();
      assertThatThrownBy(() -> input.get(0)).isInstanceOf(IllegalStateException.class);
    }
  }
}
