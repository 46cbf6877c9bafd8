package asymml.trusted.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Layer.Relu;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.trusted.boundary.OpenDoor;
import asymml.trusted.memory.NetworkBuffers;
import asymml.trusted.memory.Purpose;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Terms;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.Workers;
import asymml.wire.Slot;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Memory that is used again within a step against memory that is kept: training computes the same.
/// All of it is NaN before the first step, so that a value that is read before it is written shows.
class PlannedMemoryTest {
  private static final long SEED = 20_263;
  private static final int NULL = SoftmaxCrossEntropy.NO_LABEL;
  private static final int[] LABELS = {2, 0, NULL, 1};
  private static final int STEPS = 3;

  @TempDir Path folder;

  private static Network training(
      Graph graph, Plan plan, int batch, Parameters values, @Nullable SplitContext c, long seed)
      throws Exception {
    return c == null
        ? TrustedNetwork.forTraining(graph, batch, values, seed)
        : SplitNetwork.forTraining(graph, plan, batch, values, c, seed);
  }

  private static Network inspection(
      Graph graph, Plan plan, int batch, Parameters values, @Nullable SplitContext c, long seed)
      throws Exception {
    return c == null
        ? TrustedNetwork.forInspection(graph, batch, values, seed)
        : SplitNetwork.forInspection(graph, plan, batch, values, c, seed);
  }

  /// Plans a network.
  private interface Planner {
    Network plan(
        Graph graph, Plan plan, int batch, Parameters values, @Nullable SplitContext c, long seed)
        throws Exception;
  }

  static Stream<Arguments> graphs() {
    return Stream.concat(
            Stream.concat(NetworkTest.layers(), NetworkTest.networks()),
            Stream.of("cnn", "scatter-cnn", "resnet20").map(PlannedMemoryTest::grouped))
        .map(graph -> Arguments.of(graph.name(), graph));
  }

  private static Graph grouped(String model) {
    return Zoo.build(model, new Shape(16, 16, 3), 10, Zoo.Norm.GROUP);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("graphs")
  void a_trusted_network_trains_to_the_same_bits(String name, Graph graph) throws Exception {
    Plan plan = Plan.trusted(graph);
    assertSame(
        train(graph, plan, PlannedMemoryTest::training, null, List.of()),
        train(graph, plan, PlannedMemoryTest::inspection, null, List.of()));
  }

  static Stream<Arguments> splits() {
    return Stream.of("cnn", "scatter-cnn", "resnet20").flatMap(PlannedMemoryTest::splitsOf);
  }

  private static Stream<Arguments> splitsOf(String model) {
    Graph graph = grouped(model);
    Plan shared = asymml(graph, Decomposition.SHARED, "1/4");
    ReleaseTerms noise =
        new ReleaseTerms.Unaccounted(
            new NoiseStrength.Ratio(0.1), new NoiseStrength.Ratio(0.1), "a test");
    ReleaseTerms guarded = Terms.accounted(graph, Terms.PROTECTED.getLast(), Basis.DP);
    ReleaseTerms shares =
        new ReleaseTerms.Accounted(
            new NoiseStrength.Multiplier(0.5),
            Set.of(Channel.values()),
            Basis.DP,
            Terms.bounds(graph),
            new Shield.Shares(1));
    return Stream.of(
        Arguments.of(model + ", noise", graph, shared, noise),
        Arguments.of(model + ", guarded", graph, shared, guarded),
        Arguments.of(model + ", shares", graph, shared, shares),
        Arguments.of(
            model + ", nothing kept", graph, asymml(graph, Decomposition.SHARED, "0"), guarded),
        Arguments.of(
            model + ", exact inputs",
            graph,
            Plan.of(
                graph,
                Mode.UNTRUSTED_ONLY,
                Decomposition.SHARED,
                new RankPolicy.Fixed(0),
                List.of()),
            noise));
  }

  private static Plan asymml(Graph graph, Decomposition decomposition, String rank) {
    return Plan.of(graph, Mode.ASYMML, decomposition, RankPolicy.parse(rank), List.of(Plan.FIRST));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("splits")
  void a_split_network_trains_to_the_same_bits(
      String name, Graph graph, Plan plan, ReleaseTerms terms) throws Exception {
    assertSame(
        trainSplit(graph, plan, PlannedMemoryTest::training, terms),
        trainSplit(graph, plan, PlannedMemoryTest::inspection, terms));
  }

  /// To rounding: the light SVD's sums over vector lanes have no fixed order.
  @Test
  void a_network_split_example_by_example_trains_to_the_same_values() throws Exception {
    Graph graph = grouped("cnn");
    Plan plan = asymml(graph, Decomposition.PER_EXAMPLE, "1/4");
    for (ReleaseTerms terms :
        List.of(
            new ReleaseTerms.Unaccounted(new NoiseStrength.Ratio(0.1), "a test"),
            Terms.accounted(graph, Terms.PROTECTED.getLast(), Basis.DP))) {
      Map<String, float[]> planned = trainSplit(graph, plan, PlannedMemoryTest::training, terms);
      trainSplit(graph, plan, PlannedMemoryTest::inspection, terms)
          .forEach((key, expected) -> {
            float[] actual = Objects.requireNonNull(planned.get(key));
            for (int i = 0; i < expected.length; i++) {
              assertThat((double) Math.abs(actual[i] - expected[i]))
                  .as("%s[%d]: %s against %s", key, i, actual[i], expected[i])
                  .isLessThan(1e-4 * (1 + Math.abs(expected[i])));
            }
          });
    }
  }

  private static void assertSame(Map<String, float[]> planned, Map<String, float[]> kept) {
    kept.forEach((key, values) -> {
      for (float value : values) {
        assertThat(value).as(key).isFinite();
      }
      assertThat(planned.get(key)).as(key).isEqualTo(values);
    });
  }

  private Map<String, float[]> trainSplit(
      Graph graph, Plan plan, Planner planner, ReleaseTerms terms) throws Exception {
    try (OpenDoor first = new OpenDoor(Files.createTempDirectory(folder, "worker"), 7, 2);
        OpenDoor second = new OpenDoor(Files.createTempDirectory(folder, "worker"), 8, 2)) {
      return train(graph, plan, planner, terms, List.of(first, second));
    }
  }

  /// Trains, with null examples where there are terms that know of them.
  ///
  /// @return logits and parameter gradients of each step, and the parameters after the last
  private static Map<String, float[]> train(
      Graph graph, Plan plan, Planner planner, @Nullable ReleaseTerms terms, List<OpenDoor> doors)
      throws Exception {
    int[] labels = LABELS.clone();
    if (terms == null) {
      labels[2] = 1;
    }
    Map<String, float[]> trace = new LinkedHashMap<>();
    Workers workers =
        doors.isEmpty()
            ? null
            : new Workers(
                doors.stream().map(d -> new Workers.Party(d.worker(), d.door())).toList(), 1);
    try (Parameters parameters = new Parameters(graph, new Initializer(SEED), true);
        SplitContext context =
            workers == null || terms == null
                ? null
                : new SplitContext(
                    graph, labels.length, new ReleasePlan(graph, plan, terms), workers);
        Network network = planner.plan(graph, plan, labels.length, parameters, context, SEED)) {
      if (context != null) {
        context.workers().mapRegion(network.regionBytes());
        context.nullExamples(i -> labels[i] == NULL);
      }
      network.buffers().fill(Float.NaN);
      SplittableRandom random = new SplittableRandom(SEED);
      for (int step = 0; step < STEPS; step++) {
        fill(network.input(), random);
        if (context != null) {
          network.input().examples(2, 1).fill(0);
        }
        for (OpenDoor door : doors) {
          fill(all(door, network), random);
        }
        network.forward(step);
        trace.put("logits of step " + step, network.logits().toArray());
        SoftmaxCrossEntropy.evaluate(
            network.logits(), labels, 0.1f, labels.length, network.logitsGradient());
        network.backward();
        for (Parameter p : parameters.all()) {
          if (p.kind().trained()) {
            trace.put(
                "gradient of " + p.name() + " in step " + step,
                parameters.gradient(p.name()).toArray());
          }
        }
        parameters.update(1e-3f, 0.9f, 5e-4f);
      }
      for (Parameter p : parameters.all()) {
        trace.put(p.name(), parameters.value(p.name()).toArray());
      }
    }
    return trace;
  }

  /// The region, from which this worker's results come: they are what stands there.
  private static Tensor all(OpenDoor door, Network network) throws Exception {
    int floats = Math.toIntExact(network.regionBytes() / Float.BYTES);
    return door.worker().result(new Slot(0, floats), floats);
  }

  private static void fill(Tensor tensor, SplittableRandom random) {
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(-1, 1));
    }
  }

  @Test
  void a_chain_at_inference_takes_its_input_its_logits_and_the_two_largest_neighbours() {
    GraphBuilder b = new GraphBuilder(new Shape(8, 8, 4));
    b.add("conv", new Conv2d(8, 3, 1, 1));
    b.add("relu", new Relu());
    b.add("conv2", new Conv2d(16, 3, 2, 1));
    b.add("relu2", new Relu());
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(16));
    Graph graph = b.build("chain");
    try (Parameters parameters = new Parameters(graph, new Initializer(1), false);
        Network network = TrustedNetwork.forInference(graph, 3, parameters)) {
      assertThat(network.buffers().sizeBytes())
          .isEqualTo(3 * Float.BYTES * (8 * 8 * 4 + 16 + 2 * 8 * 8 * 8));
    }
  }

  @Test
  void training_takes_half_of_what_keeping_everything_takes() throws Exception {
    for (String model : List.of("vgg16", "resnet20")) {
      Graph graph = Zoo.build(model, new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
      Plan trusted = Plan.trusted(graph);
      Plan split = asymml(graph, Decomposition.SHARED, "1/8");
      long kept = size(graph, trusted, Purpose.INSPECTION);
      long training = size(graph, trusted, Purpose.TRAINING);
      assertThat(training).as(model).isLessThan(kept / 2);
      // What a worker has is not read here again.
      assertThat(size(graph, split, Purpose.TRAINING)).as(model).isLessThan(training * 3 / 4);
      assertThat(size(graph, trusted, Purpose.INFERENCE)).as(model).isLessThan(training / 2);
    }
  }

  private static long size(Graph graph, Plan plan, Purpose purpose) {
    try (NetworkBuffers buffers = new NetworkBuffers(graph, plan, 4, purpose, false)) {
      return buffers.sizeBytes();
    }
  }

  @Test
  void only_a_network_planned_for_inspection_shows_what_its_nodes_gave() throws Exception {
    Graph graph = grouped("cnn");
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true);
        Network training = TrustedNetwork.forTraining(graph, 2, parameters, 1);
        Network inference = TrustedNetwork.forInference(graph, 2, parameters);
        Network inspection = TrustedNetwork.forInspection(graph, 2, parameters, 1)) {
      for (Network network : List.of(training, inference)) {
        assertThatThrownBy(() -> network.activation(0))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("not planned for inspection");
        assertThatThrownBy(() -> network.gradient(0))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("not planned for inspection");
      }
      List<Tensor> all = new ArrayList<>();
      for (int i = 0; i < graph.nodes().size(); i++) {
        all.add(inspection.activation(i));
        all.add(inspection.gradient(i));
      }
      assertThat(all).allMatch(tensor -> tensor.length(0) == 2);
    }
  }

  @Test
  void a_closed_network_leaves_zeros() throws Exception {
    Graph graph = grouped("cnn");
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true);
        Network network = TrustedNetwork.forTraining(graph, 2, parameters, 1)) {
      network.buffers().fill(1);
      network.buffers().clear();
      assertThat(network.input().toArray()).containsOnly(0);
      assertThat(network.logitsGradient().toArray()).containsOnly(0);
    }
  }
}
