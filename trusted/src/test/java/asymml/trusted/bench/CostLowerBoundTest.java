package asymml.trusted.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Add;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Layer.Tanh;
import asymml.model.Shape;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.Rank;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Against counts by hand.
class CostLowerBoundTest {
  private static final int BATCH = 5;

  /// Layer 1 is a 3x3 convolution from 6 to 4 channels on maps of 8x8.
  private static Graph graph() {
    GraphBuilder b = new GraphBuilder(new Shape(8, 8, 3));
    b.add("first", new Conv2d(6, 3, 1, 1));
    b.add("conv", new Conv2d(4, 3, 1, 1));
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(2));
    return b.build("small");
  }

  private static final double X = BATCH * 64 * 6;
  private static final double Y = BATCH * 64 * 4;
  private static final double W = 4 * 9 * 6;

  @Test
  void a_trusted_layer_has_three_products_and_one_without_a_gradient_to_pass_on_two() {
    CostLowerBound bound = new CostLowerBound(graph(), BATCH, new Shield.Residual());
    Work conv = bound.linear(1, new Trusted());
    assertThat(conv.flops()).isEqualTo(3 * 2.0 * BATCH * 64 * W);
    assertThat(conv.bytes()).isEqualTo(4 * (3 * X + 3 * Y + 3 * W));
    assertThat(conv.noiseValues()).isZero();
    assertThat(bound.linear(0, new Trusted()).flops()).isEqualTo(2 * 2.0 * BATCH * 64 * 6 * 9 * 3);
  }

  @Test
  void a_split_layer_has_two_narrow_products_and_the_folds() {
    CostLowerBound bound = new CostLowerBound(graph(), BATCH, new Shield.Residual());
    Split split = new Split(Decomposition.SHARED, new Rank.Fixed(2));
    Work conv = bound.linear(1, split);
    double kept = 3; // two directions and the mean
    assertThat(conv.flops())
        .isCloseTo(2 * 2.0 * BATCH * 64 * 4 * 9 * kept + 4 * W * kept, within(1e-6));
    // Y in and out, its gradient out and for the weights' part; X's gradient in; W out, folded,
    // unfolded and merged.
    assertThat(conv.bytes()).isEqualTo(4 * (4 * Y + Y + 2 * X + 4 * W + 2 * W));
    Work release = bound.release(1, split);
    assertThat(release.flops()).isEqualTo(4 * X * kept);
    assertThat(release.bytes()).isEqualTo(4 * 2 * X);
    assertThat(release.noiseValues()).isEqualTo(X);
  }

  @Test
  void an_untrusted_layer_and_noise_alone_have_no_products() {
    CostLowerBound bound = new CostLowerBound(graph(), BATCH, new Shield.Residual());
    assertThat(bound.linear(1, new Untrusted()).flops()).isZero();
    Split noise = new Split(Decomposition.SHARED, Rank.NONE);
    assertThat(bound.linear(1, noise)).isEqualTo(bound.linear(1, new Untrusted()));
    assertThat(bound.release(1, noise).flops()).isZero();
    assertThat(bound.release(1, noise).noiseValues()).isEqualTo(X);
    assertThat(bound.release(1, new Untrusted()).noiseValues()).isZero();
  }

  @Test
  void an_input_that_two_layers_read_is_released_once() {
    GraphBuilder b = new GraphBuilder(new Shape(4, 4, 3));
    int start = b.add("first", new Conv2d(4, 3, 1, 1));
    int left = b.add("left", new Conv2d(4, 3, 1, 1), start);
    int right = b.add("right", new Conv2d(4, 1, 1, 0), start);
    b.add("sum", new Add(), left, right);
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(2));
    Graph graph = b.build("two readers");
    Work step =
        new CostLowerBound(graph, 2, new Shield.Residual()).step(plan(graph, "2", "first,fc"));
    assertThat(step.noiseValues()).isEqualTo(2 * 16 * 4);
  }

  @Test
  void a_step_counts_what_lies_between_linear_layers_and_the_update() {
    GraphBuilder b = new GraphBuilder(new Shape(4, 4, 2));
    b.add("conv", new Conv2d(3, 1, 1, 0));
    b.add("norm", new BatchNorm(1e-5f, 0.1f));
    b.add("relu", new Relu()); // fused, costs nothing more
    b.add("pool", new MaxPool(2, 2, 0));
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(2));
    Graph graph = b.build("between");
    CostLowerBound bound = new CostLowerBound(graph, 1, new Shield.Residual());
    Plan plan = Plan.trusted(graph);
    Work linear = bound.linear(0, new Trusted()).plus(bound.linear(5, new Trusted()));
    double map = 16 * 3;
    double parameters = 6 + 3 + 3 + 2 * 12 + 2;
    assertThat(bound.step(plan).bytes() - linear.bytes())
        .isCloseTo(4 * (8 * map + 2 * map + 2 * map / 4 + 5 * parameters), within(1e-6));
    assertThat(bound.step(plan).flops()).isEqualTo(linear.flops());
  }

  /// Neither the transform, which can be cached, nor a gradient of its values, which nobody needs.
  @Test
  void behind_a_scattering_transform_no_gradient_is_counted() {
    GraphBuilder b = new GraphBuilder(new Shape(4, 4, 1));
    b.add("scattering", new Scattering());
    b.add("fc", new Linear(2));
    b.add("tanh", new Tanh());
    Graph graph = b.build("fixed");
    CostLowerBound bound = new CostLowerBound(graph, 1, new Shield.Residual());
    Work linear = bound.linear(1, new Trusted());
    assertThat(linear.flops()).isEqualTo(2 * 2 * 81 * 2);
    assertThat(bound.step(Plan.trusted(graph)).bytes() - linear.bytes())
        .isCloseTo(4 * (2 * 81 + 5 * 2 + 5 * (2 * 81 + 2)), within(1e-6));
  }

  private static Plan plan(Graph graph, String rank, String trusted) {
    return Plan.of(
        graph,
        Mode.ASYMML,
        Decomposition.SHARED,
        RankPolicy.parse(rank),
        List.of(trusted.split(",")));
  }

  @Test
  void time_is_the_sum_over_the_resources() {
    MachineRates rates = new MachineRates(100, 20, 0.5);
    assertThat(rates.millis(new Work(2e9, 40e6, 6e6))).isCloseTo(20 + 2 + 3, within(1e-9));
  }
}
