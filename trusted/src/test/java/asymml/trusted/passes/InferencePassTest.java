package asymml.trusted.passes;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.trusted.boundary.OpenDoor;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.Terms;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.Workers;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class InferencePassTest {
  private static final Shape SHAPE = new Shape(16, 16, 3);
  private static final int IMAGES = 5;
  private static final int[] LABELS = {0, 3, 1, 9, 3};

  private final Arena arena = Arena.ofShared();

  @TempDir Path folder;

  @AfterEach
  void free() {
    arena.close();
  }

  private static Plan plan(Graph graph, Decomposition decomposition) {
    return Plan.of(graph, Mode.ASYMML, decomposition, RankPolicy.parse("1/4"), List.of(Plan.FIRST));
  }

  private Tensor images(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Tensor images = Tensor.allocate(arena, IMAGES, 16, 16, 3);
    for (long i = 0; i < images.size(); i++) {
      images.set(i, (float) random.nextDouble(-2, 2));
    }
    return images;
  }

  private static Map<String, ClipNorm> bounds(
      Graph graph, Plan plan, Parameters parameters, Tensor images) {
    try (InferencePass pass = new InferencePass(graph, plan, parameters, images)) {
      return Objects.requireNonNull(pass.bounds().norms().get(Channel.RESIDUALS));
    }
  }

  /// Group norm is the same in training and at inference.
  @ParameterizedTest
  @EnumSource(Decomposition.class)
  void bounds_are_those_of_training_where_the_two_compute_the_same(Decomposition decomposition) {
    Graph graph = Zoo.build("resnet20", SHAPE, 10, Zoo.Norm.GROUP);
    Plan plan = plan(graph, decomposition);
    Tensor images = images(1);
    try (Parameters parameters = new Parameters(graph, new Initializer(3), true);
        PublicPass training = new PublicPass(graph, parameters, images, LABELS)) {
      assertThat(bounds(graph, plan, parameters, images))
          .isEqualTo(training.bounds(plan, IMAGES).norms().get(Channel.RESIDUALS));
    }
  }

  @Test
  void running_statistics_are_used_and_no_batch_s_own() {
    Graph graph = Zoo.build("cnn", SHAPE, 10, Zoo.Norm.BATCH);
    Plan plan = plan(graph, Decomposition.SHARED);
    Tensor images = images(2);
    try (Parameters parameters = new Parameters(graph, new Initializer(3), false)) {
      Map<String, ClipNorm> before = bounds(graph, plan, parameters, images);
      parameters.all().stream()
          .filter(p -> p.name().endsWith(".running_var"))
          .forEach(p -> parameters.value(p.name()).fill(100));
      parameters.changed();
      Map<String, ClipNorm> after = bounds(graph, plan, parameters, images);
      assertThat(after.keySet()).isEqualTo(before.keySet()).isNotEmpty();
      after.forEach((layer, bound) ->
          assertThat(bound.value())
              .isLessThan(Objects.requireNonNull(before.get(layer)).value() / 5));
    }
  }

  @Test
  void every_shared_basis_is_fitted() throws Exception {
    Graph graph = Zoo.build("resnet20", SHAPE, 10, Zoo.Norm.BATCH);
    Plan plan = plan(graph, Decomposition.SHARED);
    ReleasePlan releases =
        ReleasePlan.ofInference(
            graph, plan, Terms.accounted(graph, Set.of(Channel.RESIDUALS), Basis.PUBLIC));
    try (OpenDoor open = new OpenDoor(folder, 1, 1);
        Parameters parameters = new Parameters(graph, new Initializer(3), false);
        SplitContext context =
            new SplitContext(graph, IMAGES, releases, Workers.one(open.worker(), open.door()));
        InferencePass pass = new InferencePass(graph, plan, parameters, images(4))) {
      assertThat(context.hasBases()).isFalse();
      pass.fitBases(context);
      assertThat(context.hasBases()).isTrue();
      Map<String, float[]> first = context.state();
      assertThat(first.keySet().stream().filter(name -> name.endsWith(".basis")))
          .hasSameSizeAs(releases.flow().inputs());
    }
  }
}
