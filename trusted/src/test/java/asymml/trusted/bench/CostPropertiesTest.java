package asymml.trusted.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Add;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Shape;
import asymml.trusted.bench.Planner.Choice;
import asymml.trusted.bench.Planner.Cost;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.Rank;
import asymml.trusted.plan.Shield;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// What holds of costs and of the choices made by them, whatever the sizes: with counts by hand for
/// the placements that [CostLowerBoundTest] leaves out.
class CostPropertiesTest {
  private static final Graph GRAPH = graph();
  private static final int LEFT = 1;
  private static final int FC = 6;
  private static final List<Shield> SHIELDS =
      List.of(new Shield.Residual(), new Shield.Shares(1), new Shield.Shares(0.25));

  /// `left` and `right` read one input of 6 channels on maps of 8x8.
  private static Graph graph() {
    GraphBuilder b = new GraphBuilder(new Shape(8, 8, 3));
    int start = b.add("first", new Conv2d(6, 3, 1, 1));
    int left = b.add("left", new Conv2d(4, 3, 1, 1), start);
    int right = b.add("right", new Conv2d(4, 1, 1, 0), start);
    b.add("sum", new Add(), left, right);
    b.add("late", new Conv2d(2, 3, 2, 1));
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(2));
    return b.build("two readers");
  }

  private static final double MAP = 64;
  private static final double W = 4 * 9 * 6;

  private static Split split(Decomposition decomposition, int rank) {
    return new Split(decomposition, new Rank.Fixed(rank));
  }

  @Test
  void examples_with_directions_of_their_own_are_folded_and_factored_one_by_one() {
    int batch = 5;
    CostLowerBound bound = new CostLowerBound(GRAPH, batch, new Shield.Residual());
    Split split = split(Decomposition.PER_EXAMPLE, 2);
    // No mean is carried: two directions are two.
    assertThat(bound.linear(LEFT, split).flops())
        .isCloseTo(2 * 2.0 * batch * MAP * 4 * 9 * 2 + batch * 4 * W * 2, within(1e-6));
    // Four products to find each direction's pair of factors twice, four for part and residual.
    assertThat(bound.release(LEFT, split).flops())
        .isCloseTo(12 * batch * MAP * 6 * 2, within(1e-6));
    assertThat(bound.release(LEFT, split).noiseValues()).isEqualTo(batch * MAP * 6);
  }

  @Test
  void under_masks_the_weight_gradient_stays_and_the_output_gradient_gets_noise_too() {
    int batch = 5;
    CostLowerBound bound = new CostLowerBound(GRAPH, batch, new Shield.Shares(1));
    double product = 2.0 * batch * MAP * W;
    double x = batch * MAP * 6;
    double y = batch * MAP * 4;
    Work whole = bound.linear(LEFT, split(Decomposition.SHARED, 0));
    assertThat(whole.flops()).isCloseTo(product, within(1e-6));
    assertThat(whole.noiseValues()).isEqualTo(y);
    // X and dY for the weight gradient; two results for Y and two for dX, each merged into one; dY
    // read and sent; W out, its copy, its gradient and the update.
    assertThat(whole.bytes()).isCloseTo(4 * (x + y + 3 * y + 2 * y + 3 * x + 4 * W), within(1e-6));
    Work kept = bound.linear(LEFT, split(Decomposition.SHARED, 2));
    assertThat(kept.flops() - whole.flops()).isCloseTo(product * 3 / 6 + 2 * W * 3, within(1e-6));
    // The first layer passes no gradient on: only X is masked.
    assertThat(bound.linear(0, split(Decomposition.SHARED, 0)).noiseValues()).isZero();
  }

  @Test
  void a_sampled_weight_gradient_costs_its_share_but_two_positions_a_channel() {
    int batch = 5;
    double product = 2.0 * batch * MAP * W;
    Split split = split(Decomposition.SHARED, 0);
    for (double share : new double[] {1, 0.5, 0.1}) {
      CostLowerBound bound = new CostLowerBound(GRAPH, batch, new Shield.Shares(share));
      assertThat(bound.linear(LEFT, split).flops()).isCloseTo(share * product, within(1e-6));
    }
    // Of 320 positions, 8 for 4 channels.
    CostLowerBound few = new CostLowerBound(GRAPH, batch, new Shield.Shares(0.001));
    assertThat(few.linear(LEFT, split).flops()).isCloseTo(product * 8 / 320, within(1e-6));
    // Of a fully connected layer's 5 positions, 4 for 2 outputs.
    double fc = 2.0 * batch * 32 * 2;
    assertThat(few.linear(FC, split).flops()).isCloseTo(fc * 4 / 5, within(1e-6));
    CostLowerBound one = new CostLowerBound(GRAPH, 1, new Shield.Shares(0.001));
    assertThat(one.linear(FC, split).flops()).isCloseTo(2.0 * 32 * 2, within(1e-6));
  }

  private static List<Placement> placements() {
    return List.of(
        new Trusted(),
        new Untrusted(),
        split(Decomposition.SHARED, 0),
        split(Decomposition.SHARED, 3),
        split(Decomposition.PER_EXAMPLE, 2));
  }

  private static void assertClose(Work actual, Work expected) {
    assertThat(actual.flops()).isCloseTo(expected.flops(), within(1e-9 * (1 + expected.flops())));
    assertThat(actual.bytes()).isCloseTo(expected.bytes(), within(1e-9 * (1 + expected.bytes())));
    assertThat(actual.noiseValues()).isCloseTo(expected.noiseValues(), within(1e-6));
  }

  private static Work scaled(Work work, double by) {
    return new Work(by * work.flops(), by * work.bytes(), by * work.noiseValues());
  }

  /// An example adds the same work whichever it is; what remains at none is that of the weights.
  @Test
  void work_grows_by_the_same_with_each_example() {
    for (Shield shield : List.of(new Shield.Residual(), new Shield.Shares(1))) {
      for (Placement placement : placements()) {
        for (int layer : GRAPH.linearLayers()) {
          Work[] works = new Work[3];
          for (int i = 0; i < 3; i++) {
            CostLowerBound bound = new CostLowerBound(GRAPH, 8 * (i + 1), shield);
            works[i] = bound.linear(layer, placement).plus(bound.release(layer, placement));
          }
          assertClose(scaled(works[1], 2), works[0].plus(works[2]));
          assertThat(works[1].bytes()).isBetween(works[0].bytes(), 2 * works[0].bytes());
        }
      }
    }
  }

  @Test
  void more_directions_never_cost_less() {
    for (Shield shield : SHIELDS) {
      CostLowerBound bound = new CostLowerBound(GRAPH, 4, shield);
      for (Decomposition decomposition : Decomposition.values()) {
        for (int layer : GRAPH.linearLayers()) {
          Work before = Work.NONE;
          for (int rank = 0; rank < 5; rank++) {
            Split split = split(decomposition, rank);
            Work work = bound.linear(layer, split).plus(bound.release(layer, split));
            assertThat(work.flops()).isGreaterThanOrEqualTo(before.flops());
            assertThat(work.bytes()).isGreaterThanOrEqualTo(before.bytes());
            assertThat(rank == 0 || work.flops() > before.flops()).isTrue();
            before = work;
          }
        }
      }
    }
  }

  /// Whatever the plan: the layers' own work, each sent input once, and the rest, which no plan
  /// changes.
  @Test
  void a_step_is_the_sum_of_its_layers_and_of_its_inputs_once_each() {
    System.out.println("seed 23");
    SplittableRandom random = new SplittableRandom(23);
    for (int trial = 0; trial < 200; trial++) {
      CostLowerBound bound =
          new CostLowerBound(
              GRAPH, random.nextInt(1, 9), SHIELDS.get(random.nextInt(SHIELDS.size())));
      Map<String, Placement> layers = new LinkedHashMap<>();
      Work changed = bound.step(Plan.trusted(GRAPH));
      Map<Integer, Set<Placement>> sent = new HashMap<>();
      for (int layer : GRAPH.linearLayers()) {
        Placement placement = placements().get(random.nextInt(placements().size()));
        layers.put(GRAPH.nodes().get(layer).name(), placement);
        changed =
            changed
                .plus(bound.linear(layer, placement))
                .plus(scaled(bound.linear(layer, new Trusted()), -1));
        int source = GRAPH.nodes().get(layer).inputs().getFirst();
        if (sent.computeIfAbsent(source, _ -> new HashSet<>()).add(placement)) {
          changed = changed.plus(bound.release(layer, placement));
        }
      }
      assertClose(bound.step(new Plan(layers)), changed);
    }
  }

  /// Of what was measured, each choice is inside the bound on energy and not more expensive than to
  /// leave the layers that read an input where they are.
  @Test
  void choices_from_random_measurements_keep_the_rules() {
    System.out.println("seed 24");
    SplittableRandom random = new SplittableRandom(24);
    int splits = 0;
    for (int trial = 0; trial < 500; trial++) {
      Map<String, Cost> costs = new HashMap<>();
      Map<String, NavigableMap<Integer, Double>> shares = new HashMap<>();
      for (int layer : GRAPH.linearLayers()) {
        String name = GRAPH.nodes().get(layer).name();
        costs.put(
            name, new Cost(random.nextDouble(4), random.nextDouble(2), random.nextDouble(0.5)));
        NavigableMap<Integer, Double> falling = new TreeMap<>();
        double share = 1;
        for (int rank = 0; rank < 5; rank++) {
          falling.put(rank, share);
          share *= random.nextDouble();
        }
        shares.put(name, falling);
      }
      double energy = random.nextDouble(0.01, 0.99);
      List<Choice> choices = new Planner(GRAPH, energy, Set.of("fc")).choose(costs, shares);
      splits += (int) choices.stream().filter(Choice::split).count();
      check(choices, List.of("first"), energy, costs, shares);
      check(choices, List.of("left", "right"), energy, costs, shares);
      check(choices, List.of("late"), energy, costs, shares);
      assertThat(choices.getLast().split()).isFalse();
      assertThat(Planner.trusted(choices)).contains("fc").hasSizeBetween(1, 5);
    }
    assertThat(splits).isBetween(500, 1500);
  }

  private static <T> T of(Map<String, T> measured, String layer) {
    return Objects.requireNonNull(measured.get(layer));
  }

  private static void check(
      List<Choice> all,
      List<String> readers,
      double energy,
      Map<String, Cost> costs,
      Map<String, NavigableMap<Integer, Double>> shares) {
    List<Choice> own = all.stream().filter(c -> readers.contains(c.layer())).toList();
    assertThat(own).hasSameSizeAs(readers);
    double chosen = own.stream().mapToDouble(Choice::millis).sum();
    double trusted = readers.stream().mapToDouble(name -> of(costs, name).trustedMillis()).sum();
    assertThat(chosen).isLessThanOrEqualTo(trusted);
    int rank = own.getFirst().rank();
    assertThat(own).allMatch(choice -> choice.rank() == rank);
    NavigableMap<Integer, Double> left = of(shares, readers.getFirst());
    for (Map.Entry<Integer, Double> measured : left.entrySet()) {
      int other = measured.getKey();
      if (other == 0) {
        continue;
      }
      if (measured.getValue() > energy) {
        assertThat(rank).isNotEqualTo(other);
        continue;
      }
      double cost = readers.stream().mapToDouble(name -> of(costs, name).split(other)).sum();
      // No other rank inside the bound would have been less expensive.
      assertThat(chosen).isLessThanOrEqualTo(cost);
    }
  }

  @Test
  void the_line_through_two_measurements_is_nowhere_negative_and_never_falls() {
    System.out.println("seed 25");
    SplittableRandom random = new SplittableRandom(25);
    for (int trial = 0; trial < 1000; trial++) {
      int rank = random.nextInt(1, 20);
      int larger = random.nextInt(1, 40);
      double millis = random.nextDouble(10);
      double largerMillis = random.nextDouble(10);
      Cost cost = Cost.between(7, rank, millis, larger, largerMillis);
      assertThat(cost.trustedMillis()).isEqualTo(7);
      for (int r = 0; r < 50; r++) {
        assertThat(cost.split(r)).isNotNegative().isLessThanOrEqualTo(cost.split(r + 1));
      }
      // Between the two it is no further from a measurement than the other is.
      double apart = Math.abs(largerMillis - millis) + 1e-12;
      boolean exact = larger > rank && cost.splitMillis() > 0;
      if (exact) {
        assertThat(cost.split(rank)).isCloseTo(millis, within(apart));
        assertThat(cost.split(larger)).isCloseTo(largerMillis, within(apart));
      }
    }
  }

  @Test
  void the_mean_of_no_costs_is_refused() {
    assertThatThrownBy(() -> StepCost.mean(List.of())).isInstanceOf(NoSuchElementException.class);
  }
}
