package asymml.trusted.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Release;
import asymml.trusted.boundary.OpenDoor;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Terms;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.Workers;
import asymml.wire.Slot;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Whole steps under an account, with a worker that gives back what stands in the region: ones, for
/// null examples too. The network keeps its gradients; that one which does not computes the same is
/// the claim of [PlannedMemoryTest].
class AccountedStepTest {
  private static final int SLOTS = 5;
  private static final int NULL = SoftmaxCrossEntropy.NO_LABEL;
  private static final int[] LABELS = {3, NULL, 0, 9, NULL};

  @TempDir Path folder;

  static Stream<Arguments> runs() {
    return Stream.of("cnn", "resnet20").flatMap(AccountedStepTest::runsOf);
  }

  private static Stream<Arguments> runsOf(String model) {
    Graph graph = Zoo.build(model, new Shape(16, 16, 3), 10, Zoo.Norm.GROUP);
    RankPolicy rank = RankPolicy.parse("1/4");
    return Stream.of(
            Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, rank, List.of("first")),
            Plan.of(graph, Mode.ASYMML, Decomposition.PER_EXAMPLE, rank, List.of("last")),
            Plan.of(graph, Mode.DP_ONLY, Decomposition.SHARED, rank, List.of()))
        .flatMap(plan ->
            Terms.PROTECTED.stream()
                .skip(model.equals("cnn") ? 0 : 2) // a larger network under the last terms alone
                .map(channels ->
                    Arguments.of(graph, plan, Terms.accounted(graph, channels, Basis.DP))));
  }

  @ParameterizedTest
  @MethodSource("runs")
  void a_step_releases_all_that_is_planned_and_learns_nothing_from_null_examples(
      Graph graph, Plan plan, ReleaseTerms terms) throws Exception {
    ReleasePlan releases = new ReleasePlan(graph, plan, terms);
    try (OpenDoor open = new OpenDoor(folder, 95, 2);
        Arena arena = Arena.ofShared();
        Parameters parameters = new Parameters(graph, new Initializer(5), true);
        SplitContext context =
            new SplitContext(graph, SLOTS, releases, Workers.one(open.worker(), open.door()));
        SplitNetwork network =
            SplitNetwork.forInspection(graph, plan, SLOTS, parameters, context, 0)) {
      open.worker().mapRegion(network.regionBytes());
      context.nullExamples(i -> LABELS[i] == NULL);
      fill(network.input());
      int floats = Math.toIntExact(network.regionBytes() / Float.BYTES);
      for (int step : new int[] {0, 1}) {
        open.worker().result(new Slot(0, floats), floats).fill(1);
        network.forward(step);
        SoftmaxCrossEntropy.evaluate(network.logits(), LABELS, 0.1f, 4, network.logitsGradient());
        network.backward();
        for (int node = 0; node < graph.nodes().size(); node++) {
          for (int i = 0; i < SLOTS; i++) {
            if (LABELS[i] == NULL) {
              assertThat(network.gradient(node).examples(i, 1).toArray())
                  .as("%s, example %d", graph.nodes().get(node).name(), i)
                  .containsOnly(0);
            }
          }
        }
        for (Release release : releases.releases(step == 0)) {
          assertHappened(open.door(), release, arena);
        }
      }
    }
  }

  private static void fill(Tensor input) {
    SplittableRandom random = new SplittableRandom(96);
    for (long i = 0; i < input.size(); i++) {
      input.set(i, (float) random.nextDouble(-2, 2));
    }
    for (int i = 0; i < SLOTS; i++) {
      if (LABELS[i] == NULL) {
        input.examples(i, 1).fill(0);
      }
    }
  }

  private static void assertHappened(ReleaseDoor door, Release release, Arena arena) {
    Tensor values = Tensor.allocate(arena, Math.toIntExact(release.values()));
    assertThatThrownBy(
            () -> {
              if (release.mechanism() instanceof Release.Gaussian) {
                door.perturb(release, 0, values);
              } else {
                door.exact(release, values, new Slot(0, release.values()));
              }
            })
        .as("%s", release)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("or it has happened");
  }
}
