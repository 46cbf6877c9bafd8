package asymml.trusted.passes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ResidualNormsTest {
  private static final Shape SHAPE = new Shape(4, 4, 8);
  private static final int PIXELS = SHAPE.pixels();

  /// The strength of each of the planted directions: far apart, so that two rounds of the light SVD
  /// find them to a part in a thousand.
  private static final double[] STRENGTH = {8, 2, 0.5, 0.125};

  /// Factors of the examples; their median is 2.5.
  private static final double[] SIZES = {1, 4, 2, 3};

  /// A network whose first layer reads the planted images themselves.
  private static final Graph PLANTED = planted();

  private static Graph planted() {
    GraphBuilder graph = new GraphBuilder(SHAPE);
    graph.add("conv", new Conv2d(3, 3, 1, 1));
    graph.add("flatten", new Flatten());
    graph.add("fc", new Linear(2));
    return graph.build("planted");
  }

  private static List<RankPolicy> ranks(String... ranks) {
    return Stream.of(ranks).map(RankPolicy::parse).toList();
  }

  private static Plan plan(Graph graph, Decomposition decomposition, String... trusted) {
    return Plan.of(graph, Mode.ASYMML, decomposition, RankPolicy.parse("1/8"), List.of(trusted));
  }

  /// `X_i = s_i sum_j a_j h_j q_j^T`: the columns h of a Hadamard matrix but the constant one,
  /// which are orthogonal and without mean, and orthonormal q. So `|X_i|^2 = s_i^2 P sum a_j^2`,
  /// and what the best r directions leave of it is the sum without the r largest.
  private static Tensor planted(Arena arena) {
    double[] reflection = new double[SHAPE.channels()];
    Arrays.setAll(reflection, c -> 1 + 0.3 * c);
    double square = Arrays.stream(reflection).map(v -> v * v).sum();
    Tensor x = Tensor.allocate(arena, SIZES.length, 4, 4, SHAPE.channels());
    for (int i = 0; i < x.size(); i++) {
      int c = i % SHAPE.channels();
      int p = i / SHAPE.channels() % PIXELS;
      double value = 0;
      for (int j = 0; j < STRENGTH.length; j++) {
        int sign = Integer.bitCount(p & (j + 1)) % 2 == 0 ? 1 : -1;
        // Column j of a Householder reflection.
        double q = (c == j ? 1 : 0) - 2 * reflection[c] * reflection[j] / square;
        value += STRENGTH[j] * sign * q;
      }
      x.set(i, (float) (SIZES[i / SHAPE.size()] * value));
    }
    return x;
  }

  /// `|X_U|^2` of an example of size 1 from a rank on.
  private static double energyBeyond(int rank) {
    double sum = 0;
    for (int j = rank; j < STRENGTH.length; j++) {
      sum += STRENGTH[j] * STRENGTH[j];
    }
    return PIXELS * sum;
  }

  private static List<Place> measured(
      Graph graph, Plan plan, List<RankPolicy> ranks, List<Tensor> batches) {
    int batch = batches.getFirst().length(0);
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true);
        ResidualNorms norms = new ResidualNorms(graph, plan, ranks, batch, parameters)) {
      batches.forEach(norms::measure);
      return norms.places();
    }
  }

  @ParameterizedTest
  @EnumSource
  void norms_of_planted_activations_are_those_of_the_closed_form(Decomposition decomposition) {
    try (Arena arena = Arena.ofShared()) {
      List<Place> places =
          measured(
              PLANTED,
              plan(PLANTED, decomposition, "fc"),
              ranks("0", "1", "2", "3"),
              List.of(planted(arena)));
      assertThat(places).hasSize(1);
      assertThat(places.getFirst().layer()).isEqualTo("conv");
      assertThat(places.getFirst().input()).isEqualTo(SHAPE);
      for (int rank = 0; rank <= 3; rank++) {
        Residual residual = places.getFirst().residuals().get(rank);
        double norm = 2.5 * Math.sqrt(energyBeyond(rank));
        assertThat(residual.rank()).isEqualTo(rank);
        assertThat(residual.medianNorm()).isCloseTo(norm, within(2e-3 * norm));
        double share = energyBeyond(rank) / energyBeyond(0);
        assertThat(residual.energyShare()).isCloseTo(share, within(4e-3 * share));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_rank_beyond_the_channels_is_clamped_and_leaves_rounding(Decomposition decomposition) {
    try (Arena arena = Arena.ofShared()) {
      Residual residual =
          measured(
                  PLANTED,
                  plan(PLANTED, decomposition, "fc"),
                  ranks("100"),
                  List.of(planted(arena)))
              .getFirst()
              .residuals()
              .getFirst();
      assertThat(residual.rank()).isEqualTo(SHAPE.channels());
      assertThat(residual.medianNorm()).isLessThan(1e-4 * Math.sqrt(energyBeyond(0)));
      assertThat(residual.energyShare()).isLessThan(1e-8);
    }
  }

  @Test
  void a_share_of_the_channels_is_the_rank_it_stands_for() {
    try (Arena arena = Arena.ofShared()) {
      List<Residual> residuals =
          measured(
                  PLANTED,
                  plan(PLANTED, Decomposition.SHARED, "fc"),
                  ranks("3/8", "3"),
                  List.of(planted(arena)))
              .getFirst()
              .residuals();
      assertThat(residuals.getFirst()).isEqualTo(residuals.getLast());
    }
  }

  @Test
  void the_median_is_over_the_examples_of_all_batches() {
    try (Arena arena = Arena.ofShared()) {
      Tensor x = planted(arena);
      Tensor larger = Tensor.allocate(arena, x.shape());
      for (long i = 0; i < x.size(); i++) {
        larger.set(i, 10 * x.get(i));
      }
      // Of sizes 1, 2, 3, 4, 10, 20, 30, 40.
      double norm = 7 * Math.sqrt(energyBeyond(0));
      assertThat(
              measured(
                      PLANTED,
                      plan(PLANTED, Decomposition.SHARED, "fc"),
                      ranks("0"),
                      List.of(x, larger))
                  .getFirst()
                  .residuals()
                  .getFirst()
                  .medianNorm())
          .isCloseTo(norm, within(1e-5 * norm));
    }
  }

  @Test
  void every_input_that_would_leave_counts_once_and_no_other() {
    Graph graph = Zoo.build("resnet20", new Shape(8, 8, 3), 10, Zoo.Norm.BATCH);
    SplittableRandom random = new SplittableRandom(1);
    try (Arena arena = Arena.ofShared()) {
      Tensor x = Tensor.allocate(arena, 4, 8, 8, 3);
      for (long i = 0; i < x.size(); i++) {
        x.set(i, (float) random.nextGaussian());
      }
      List<Place> places =
          measured(
              graph,
              plan(graph, Decomposition.SHARED, Plan.FIRST, Plan.LAST),
              ranks("0", "2", "8"),
              List.of(x));
      // Two convolutions in each of nine blocks; those of the shortcuts read what the first reads.
      assertThat(places).hasSize(18);
      assertThat(places).extracting(Place::layer).doesNotHaveDuplicates();
      assertThat(places)
          .noneMatch(place -> place.input().channels() == 3 || place.layer().equals("fc"));
      assertThat(places)
          .allSatisfy(place -> {
            List<Double> norms = place.residuals().stream().map(Residual::medianNorm).toList();
            assertThat(norms.get(1)).isLessThan(norms.get(0));
            assertThat(norms.get(2)).isLessThan(norms.get(1));
          });
    }
  }

  @Test
  void values_that_are_not_finite_have_no_norm() {
    try (Arena arena = Arena.ofShared()) {
      Tensor x = planted(arena);
      x.set(7, Float.NaN);
      assertThatThrownBy(() ->
              measured(PLANTED, plan(PLANTED, Decomposition.SHARED, "fc"), ranks("0"), List.of(x)))
          .isInstanceOf(NonFiniteException.class);
    }
  }

  @Test
  void a_dead_input_counts_as_nothing_and_does_not_fail() {
    try (Arena arena = Arena.ofShared()) {
      List<Residual> residuals =
          measured(
                  PLANTED,
                  plan(PLANTED, Decomposition.SHARED, "fc"),
                  ranks("0", "2"),
                  List.of(Tensor.allocate(arena, SIZES.length, 4, 4, SHAPE.channels())))
              .getFirst()
              .residuals();
      assertThat(residuals)
          .allSatisfy(residual -> {
            assertThat(residual.medianNorm()).isEqualTo(1e-30);
            assertThat(residual.energyShare()).isZero();
          });
    }
  }

  @Test
  void without_a_split_layer_a_rank_or_a_batch_there_is_nothing_to_measure() {
    try (Parameters parameters = new Parameters(PLANTED, new Initializer(1), true)) {
      assertThatThrownBy(
              () -> new ResidualNorms(PLANTED, Plan.trusted(PLANTED), ranks("0"), 4, parameters))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("nothing would be released");
      Plan plan = plan(PLANTED, Decomposition.SHARED);
      assertThatThrownBy(() -> new ResidualNorms(PLANTED, plan, List.of(), 4, parameters))
          .isInstanceOf(IllegalArgumentException.class);
      try (ResidualNorms norms = new ResidualNorms(PLANTED, plan, ranks("0"), 4, parameters)) {
        assertThatThrownBy(norms::places).isInstanceOf(IllegalStateException.class);
      }
    }
  }
}
