package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Layer.BatchNorm;
import asymml.model.Node;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Release;
import asymml.session.TrainingSpec;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.inference.InferenceTerms;
import asymml.trusted.inference.SplitInference;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.split.Workers;
import asymml.trusted.train.TrainConfig;
import asymml.verify.CapturingWorker.Kind;
import asymml.verify.CapturingWorker.Seen;
import asymml.verify.CapturingWorker.Sent;
import java.lang.foreign.Arena;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What workers receive of a trained network's batches, derived from what they really get: the very
/// releases that an image is accounted for with, weights once, and never a gradient.
class InferenceFlowTest {
  private static final int BATCH = 4;

  /// So little noise that what it covers can be seen.
  private static final double NOISE = 1e-4;

  @TempDir Path folder;

  /// A network with a shortcut: two layers read one input.
  private static Graph graph(Zoo.Norm norm) {
    return Zoo.build("resnet20", new Shape(8, 8, 3), 10, norm);
  }

  private static TrainConfig config(
      boolean accounted, double noise, Decomposition decomposition, String rank) {
    TrainingSpec spec = TrainingSpec.defaults().withBatchSize(BATCH);
    if (accounted) {
      spec = spec.withProtection(null, Channel.RESIDUALS);
    }
    return spec.withNoise(
            noise == 0 ? new NoiseStrength.None() : new NoiseStrength.Multiplier(noise))
        .withRank(RankPolicy.parse(rank))
        .training()
        .withDecomposition(decomposition);
  }

  private static List<Release> of(List<Release> releases, Channel channel) {
    return releases.stream().filter(r -> r.channel() == channel).toList();
  }

  private static List<String> remote(Graph graph, Plan plan) {
    return graph.linearLayers().stream()
        .map(i -> graph.nodes().get(i).name())
        .filter(name -> plan.placement(name).needsWorker())
        .toList();
  }

  /// Each tensor once, with the layers that were asked to work on it.
  private static Map<FloatBuffer, Set<String>> inputs(Seen seen, List<String> remote) {
    Map<FloatBuffer, Set<String>> inputs = new LinkedHashMap<>();
    for (Sent sent : seen.sent()) {
      if (sent.kind() == Kind.INPUT) {
        inputs.computeIfAbsent(sent.values(), _ -> new HashSet<>()).add(remote.get(sent.op()));
      }
    }
    return inputs;
  }

  @ParameterizedTest
  @CsvSource({
    "BATCH, false, 0,    SHARED,      1/4",
    "BATCH, false, 1e-4, PER_EXAMPLE, 1/4",
    "BATCH, true,  1e-4, SHARED,      1/4",
    "GROUP, true,  1e-4, PER_EXAMPLE, 2",
    "BATCH, true,  1e-4, SHARED,      0",
  })
  void what_flows_is_what_an_image_is_accounted_for_with(
      Zoo.Norm norm, boolean accounted, double noise, Decomposition decomposition, String rank)
      throws Exception {
    Graph graph = graph(norm);
    TrainConfig config = config(accounted, noise, decomposition, rank);
    Plan plan = InferenceTerms.plan(config, graph);
    List<String> remote = remote(graph, plan);
    try (Arena arena = Arena.ofShared();
        CapturingWorker worker = new CapturingWorker(folder.resolve("w"));
        ReleaseDoor door = new ReleaseDoor(worker.remote(), new SecureRandom(), 1);
        Parameters parameters = Inference.parameters(graph);
        SplitInference split =
            new SplitInference(
                config,
                graph,
                parameters,
                Workers.one(worker.remote(), door),
                accounted ? Inference.images(arena, graph, 6, 9) : null)) {
      List<Release> planned = split.releases().releases(true);
      for (int b = 0; b < 3; b++) {
        int count = b == 1 ? 2 : BATCH;
        Tensor logits = split.logits(Inference.images(arena, graph, count, b));
        assertThat(logits.length(0)).isEqualTo(count);
        Seen seen = worker.take();
        assertThat(seen.weightGradients()).isEmpty();
        assertThat(seen.sent()).noneMatch(sent -> sent.kind() == Kind.GRADIENT);
        assertWeights(seen, b == 0, remote, planned, graph, parameters);
        List<Release> open = new ArrayList<>(of(planned, Channel.RESIDUALS));
        Map<FloatBuffer, Set<String>> inputs = inputs(seen, remote);
        assertThat(inputs.values().stream().mapToInt(Set::size).sum()).isEqualTo(remote.size());
        inputs.forEach((values, layers) -> {
          Release release =
              open.stream().filter(r -> layers.contains(r.layer())).findFirst().orElseThrow();
          open.remove(release);
          assertThat(release.values() * BATCH).isEqualTo(values.array().length);
          assertMechanism(release, values.array(), count, accounted);
        });
        assertThat(open).as("planned, but not seen").isEmpty();
      }
      assertThat(of(planned, Channel.GRADIENTS)).isEmpty();
      // A basis shows where it is fitted to the images.
      assertThat(of(planned, Channel.BASIS).isEmpty())
          .isEqualTo(accounted || decomposition == Decomposition.PER_EXAMPLE);
      assertThat(split.statement(10, "a model").epsilon().isFinite())
          .as("with this little noise the tails use up delta")
          .isFalse();
    }
  }

  private static void assertWeights(
      Seen seen,
      boolean first,
      List<String> remote,
      List<Release> planned,
      Graph graph,
      Parameters parameters) {
    List<Sent> weights = seen.sent().stream().filter(s -> s.kind() == Kind.WEIGHTS).toList();
    assertThat(weights).hasSize(first ? remote.size() : 0);
    for (Sent sent : weights) {
      String layer = remote.get(sent.op());
      float[] expected = folded(graph, layer, parameters);
      assertThat(sent.values().array()).hasSameSizeAs(expected);
      for (int i = 0; i < expected.length; i++) {
        assertThat(sent.values().get(i))
            .isCloseTo(expected[i], within(1e-6f * Math.abs(expected[i]) + 1e-12f));
      }
      assertThat(planned)
          .filteredOn(r -> r.channel() == Channel.WEIGHTS && r.layer().equals(layer))
          .singleElement()
          .extracting(Release::mechanism)
          .isInstanceOf(Release.PostProcessing.class);
    }
  }

  /// A layer's weights, times what the batch normalisation behind it multiplies each channel by.
  private static float[] folded(Graph graph, String layer, Parameters parameters) {
    float[] weights = parameters.used(layer + ".weight").toArray();
    int node = graph.nodes().stream().map(Node::name).toList().indexOf(layer);
    Node norm = graph.nodes().get(graph.consumers(node).getFirst());
    if (!(norm.layer() instanceof BatchNorm(float epsilon, float _))) {
      return weights;
    }
    float[] scale = parameters.value(norm.name() + ".weight").toArray();
    float[] variance = parameters.value(norm.name() + ".running_var").toArray();
    int each = weights.length / scale.length;
    for (int i = 0; i < weights.length; i++) {
      weights[i] *= (float) (scale[i / each] / Math.sqrt(variance[i / each] + epsilon));
    }
    return weights;
  }

  /// Of an image no more than its bound, of a null example noise alone.
  private static void assertMechanism(
      Release release, float[] values, int count, boolean accounted) {
    assertThat(release.mechanism() instanceof Release.Gaussian).isEqualTo(accounted);
    if (!(release.mechanism() instanceof Release.Gaussian(var clip, var z))) {
      return;
    }
    assertThat(z.value()).isEqualTo(NOISE);
    int dim = values.length / BATCH;
    double noise = clip.value() * NOISE * Math.sqrt(dim);
    double spread = 6 / Math.sqrt(2.0 * dim); // one in 5e8
    for (int i = 0; i < BATCH; i++) {
      double squares = 0;
      for (int at = i * dim; at < (i + 1) * dim; at++) {
        squares += (double) values[at] * values[at];
      }
      double norm = Math.sqrt(squares);
      if (i < count) {
        assertThat(norm).isLessThanOrEqualTo(clip.value() + noise * (1 + spread));
      } else {
        assertThat(norm).isBetween(noise * (1 - spread), noise * (1.001 + spread));
      }
    }
  }

  @Test
  void the_holder_of_masks_receives_weights_once_and_no_value_of_an_image() throws Exception {
    Graph graph = graph(Zoo.Norm.BATCH);
    TrainConfig config =
        TrainingSpec.defaults().withShield(new Shield.Shares(1)).withBatchSize(BATCH).training();
    List<String> remote = remote(graph, InferenceTerms.plan(config, graph));
    try (Arena arena = Arena.ofShared();
        CapturingWorker one = new CapturingWorker(folder.resolve("one"));
        CapturingWorker two = new CapturingWorker(folder.resolve("two"));
        ReleaseDoor first = new ReleaseDoor(one.remote(), new SecureRandom(), 1);
        ReleaseDoor second = new ReleaseDoor(two.remote(), new SecureRandom(), 1);
        Parameters parameters = Inference.parameters(graph);
        SplitInference split =
            new SplitInference(
                config,
                graph,
                parameters,
                Workers.of(
                    new Workers.Party(one.remote(), first),
                    new Workers.Party(two.remote(), second)),
                null)) {
      for (int b = 0; b < 2; b++) {
        split.logits(Inference.images(arena, graph, BATCH, b));
        Seen masked = one.take();
        Seen holder = two.take();
        List<Release> planned = split.releases().releases(true);
        assertWeights(masked, b == 0, remote, planned, graph, parameters);
        assertWeights(holder, b == 0, remote, planned, graph, parameters);
        assertThat(masked.masks()).isEmpty();
        Set<FloatBuffer> made = new HashSet<>();
        holder.masks().forEach(mask -> made.add(FloatBuffer.wrap(mask)));
        assertThat(made).containsAll(inputs(holder, remote).keySet());
        assertThat(inputs(masked, remote))
            .hasSameSizeAs(of(planned, Channel.RESIDUALS))
            .hasSameSizeAs(inputs(holder, remote));
        assertThat(masked.sent()).noneMatch(sent -> sent.kind() == Kind.GRADIENT);
        assertThat(holder.sent()).noneMatch(sent -> sent.kind() == Kind.GRADIENT);
      }
    }
  }
}
