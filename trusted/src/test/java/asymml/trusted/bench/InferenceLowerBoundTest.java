package asymml.trusted.bench;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Against counts by hand, and against training.
class InferenceLowerBoundTest {
  private static final int BATCH = 5;
  private static final double X = BATCH * 64 * 6;
  private static final double Y = BATCH * 64 * 4;

  /// Layer `conv` is a 3x3 convolution from 6 to 4 channels on maps of 8x8.
  private static Graph graph() {
    GraphBuilder b = new GraphBuilder(new Shape(8, 8, 3));
    b.add("first", new Conv2d(6, 3, 1, 1));
    b.add("norm", new BatchNorm(1e-5f, 0.1f));
    b.add("relu", new Relu());
    b.add("conv", new Conv2d(4, 3, 1, 1));
    b.add("pool", new MaxPool(2, 2, 0));
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(2));
    return b.build("small");
  }

  private static Plan plan(Graph graph, Mode mode, Decomposition decomposition, String rank) {
    return Plan.of(
        graph, mode, decomposition, RankPolicy.parse(rank), List.of(Plan.FIRST, Plan.LAST));
  }

  private static Work batch(Mode mode, Decomposition decomposition, String rank, Shield shield) {
    Graph graph = graph();
    return new InferenceLowerBound(graph, BATCH, shield)
        .batch(plan(graph, mode, decomposition, rank));
  }

  @Test
  void a_trusted_layer_has_one_product_and_folded_norms_cost_nothing() {
    Work work = batch(Mode.TRUSTED_ONLY, Decomposition.SHARED, "0", new Shield.Residual());
    double products = BATCH * (64.0 * 9 * 3 * 6 + 64.0 * 9 * 6 * 4 + 16 * 4 * 2);
    assertThat(work.flops()).isEqualTo(2 * products);
    assertThat(work.noiseValues()).isZero();
    double image = BATCH * 64 * 3;
    double pooled = BATCH * 16 * 4;
    double weights = 9 * 3 * 6 + 9 * 6 * 4 + 64 * 2;
    assertThat(work.bytes())
        .isEqualTo(4 * (image + X + X + Y + Y + pooled + pooled + BATCH * 2 + weights));
  }

  @Test
  void a_split_layer_has_the_narrow_product_the_release_and_the_merge() {
    Work trusted = batch(Mode.TRUSTED_ONLY, Decomposition.SHARED, "0", new Shield.Residual());
    Work split = batch(Mode.ASYMML, Decomposition.SHARED, "2", new Shield.Residual());
    double conv = 2.0 * BATCH * 64 * 9 * 6 * 4;
    assertThat(split.flops()).isEqualTo(trusted.flops() - conv + conv * 3 / 6 + 4 * X * 3);
    assertThat(split.noiseValues()).isEqualTo(X);
    Work alone = batch(Mode.DP_ONLY, Decomposition.SHARED, "0", new Shield.Residual());
    assertThat(alone.flops()).isEqualTo(trusted.flops() - conv);
    Work masked = batch(Mode.DP_ONLY, Decomposition.SHARED, "0", new Shield.Shares(1));
    assertThat(masked.bytes() - alone.bytes()).isEqualTo(4 * Y);
  }

  @Test
  void inference_costs_less_than_a_training_step() {
    for (String model : List.of("cnn", "resnet20", "vgg11", "scatter-cnn")) {
      Graph graph = Zoo.build(model, new Shape(32, 32, 3), 10, Zoo.Norm.GROUP);
      for (Mode mode : Mode.values()) {
        for (Decomposition decomposition : Decomposition.values()) {
          for (Shield shield : List.of(new Shield.Residual(), new Shield.Shares(1))) {
            Plan plan = plan(graph, mode, decomposition, "1/8");
            Work inference = new InferenceLowerBound(graph, BATCH, shield).batch(plan);
            Work training = new CostLowerBound(graph, BATCH, shield).step(plan);
            assertThat(inference.flops()).isLessThanOrEqualTo(training.flops());
            assertThat(inference.bytes()).isLessThan(training.bytes());
            assertThat(inference.noiseValues()).isLessThanOrEqualTo(training.noiseValues());
          }
        }
      }
    }
  }
}
