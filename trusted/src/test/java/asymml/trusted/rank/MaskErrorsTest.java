package asymml.trusted.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer;
import asymml.model.Shape;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.MaskPrecision;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.rank.MaskErrors.AtRank;
import asymml.trusted.rank.MaskErrors.Errors;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Masks are drawn afresh by each measurement: errors are compared within factors.
class MaskErrorsTest {
  private static final int BATCH = 3;
  private static final double NOISE = 4;
  private static final int[] LABELS = {1, 0, 2};

  /// A strided convolution, one behind a ReLU, and a fully connected layer.
  private static final Graph GRAPH = graph();

  private final Arena arena = Arena.ofShared();
  private Parameters parameters;
  private Tensor images;
  private LayerPass pass;

  private static Graph graph() {
    GraphBuilder b = new GraphBuilder(new Shape(7, 5, 3));
    b.add("conv1", new Layer.Conv2d(6, 3, 1, 1));
    b.add("relu", new Layer.Relu());
    b.add("conv2", new Layer.Conv2d(5, 3, 2, 1));
    b.add("flat", new Layer.Flatten());
    b.add("fc", new Layer.Linear(3));
    return b.build("three linear layers");
  }

  @BeforeEach
  void run() {
    SplittableRandom random = Known.seeded(61);
    parameters = new Parameters(GRAPH, new Initializer(61), false);
    images = Tensor.allocate(arena, BATCH, 7, 5, 3);
    for (long i = 0; i < images.size(); i++) {
      images.set(i, (float) random.nextGaussian());
    }
    pass = new LayerPass(GRAPH, parameters, images, LABELS, 0, 1);
  }

  @AfterEach
  void free() {
    pass.close();
    parameters.close();
    arena.close();
  }

  private static List<RankPolicy> ranks(int... ranks) {
    return Stream.of(ranks)
        .flatMapToInt(Arrays::stream)
        .mapToObj(rank -> (RankPolicy) new RankPolicy.Fixed(rank))
        .toList();
  }

  private Tensor input(int node) {
    return pass.output(GRAPH.nodes().get(node).inputs().getFirst());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2, 4})
  void a_whole_input_under_masks_has_the_ratio_of_its_size_and_an_error_as_predicted(int node) {
    List<AtRank> rows = new MaskErrors(pass, GRAPH, NOISE).forward(node, ranks(0));
    assertThat(rows).hasSize(1);
    assertThat(rows.getFirst().layer()).isEqualTo(GRAPH.nodes().get(node).name());
    Errors y = rows.getFirst().y();
    double values = input(node).size() / (double) BATCH;
    assertThat(y.normShare()).isEqualTo(1);
    // An example of n values has the norm 1 under masks: their root mean square is 1 / sqrt(n).
    assertThat(y.masks()).isCloseTo(NOISE * Math.sqrt(values), within(1e-9));
    assertThat(y.predicted()).isCloseTo(MaskPrecision.ERROR * y.masks(), within(1e-15));
    // What is predicted is the upper end of what is measured.
    assertThat(y.measured()).isBetween(y.predicted() / 50, y.predicted());
    assertThat(Math.pow(2, y.bits())).isCloseTo(y.masks(), within(1e-9));
  }

  /// The part that stays is taken off before: masks are as large as what they hide.
  @Test
  void the_error_falls_with_the_norm_of_what_is_released() {
    MaskErrors errors = new MaskErrors(pass, GRAPH, NOISE);
    List<AtRank> rows = errors.forward(2, ranks(0, 1, 3, 5));
    assertThat(rows).extracting(AtRank::rank).containsExactly(0, 1, 3, 5);
    Tensor x = input(2);
    for (AtRank row : rows) {
      double share =
          row.rank() == 0 ? 1 : EnergyShares.of(x, 1, row.rank(), List.of(spectrum(x))).shared();
      assertThat(row.y().normShare()).isCloseTo(Math.sqrt(share), within(1e-5));
      assertThat(row.y().masks())
          .isCloseTo(NOISE * Math.sqrt(7 * 5 * 6) * Math.sqrt(share), within(1e-2));
      assertThat(row.y().measured()).isBetween(row.y().predicted() / 50, row.y().predicted());
    }
    for (int i = 1; i < rows.size(); i++) {
      assertThat(rows.get(i).y().normShare()).isLessThan(rows.get(i - 1).y().normShare());
    }
    assertThat(rows.getLast().y().measured()).isLessThan(rows.getFirst().y().measured());
  }

  private static Spectrum spectrum(Tensor x) {
    return ExactSvd.of(ExactSvd.matrix(x, 0)).spectrum();
  }

  @Test
  void with_all_directions_kept_next_to_nothing_is_released() {
    AtRank all = new MaskErrors(pass, GRAPH, NOISE).forward(2, ranks(6)).getFirst();
    assertThat(all.y().normShare()).isLessThan(1e-5);
    assertThat(all.y().measured()).isLessThan(1e-8);
  }

  @Test
  void ranks_are_measured_once_each_and_never_above_the_channels() {
    MaskErrors errors = new MaskErrors(pass, GRAPH, NOISE);
    List<RankPolicy> policies =
        Stream.of("9", "1/2", "3", "2", "99", "schedule:1:8").map(RankPolicy::parse).toList();
    // Of 6 channels, in the second linear layer: 6, 3, 3, 2, 6, and 1 doubled once.
    assertThat(errors.forward(2, policies)).extracting(AtRank::rank).containsExactly(2, 3, 6);
    // Of 3, in the first: 3, 2 (the least of a fraction), 3, 2, 3, and 1.
    assertThat(errors.forward(0, policies)).extracting(AtRank::rank).containsExactly(1, 2, 3);
    assertThat(errors.forward(2, List.of())).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2, 4})
  void an_output_gradient_is_released_whole(int node) {
    MaskErrors.OfGradient row = new MaskErrors(pass, GRAPH, NOISE).backward(node);
    assertThat(row.layer()).isEqualTo(GRAPH.nodes().get(node).name());
    double values = pass.gradient(node).size() / (double) BATCH;
    assertThat(row.dx().normShare()).isEqualTo(1);
    assertThat(row.dx().masks()).isCloseTo(NOISE * Math.sqrt(values), within(1e-9));
    assertThat(row.dx().measured()).isBetween(row.dx().predicted() / 50, row.dx().predicted());
  }

  /// The mean of some measurements; masks sixteen times as large cost four bits more.
  @Test
  void larger_masks_cost_precision_in_proportion() {
    double[] measured = new double[2];
    for (int i = 0; i < 8; i++) {
      measured[0] += new MaskErrors(pass, GRAPH, 2).forward(2, ranks(0)).getFirst().y().measured();
      measured[1] += new MaskErrors(pass, GRAPH, 32).forward(2, ranks(0)).getFirst().y().measured();
    }
    assertThat(measured[1] / measured[0]).isBetween(8.0, 32.0);
  }

  /// An example that is zero has no norm to scale by.
  @Test
  void an_example_that_is_zero_does_not_spoil_the_others() {
    images.examples(1, 1).fill(0);
    try (LayerPass other = new LayerPass(GRAPH, parameters, images, LABELS, 0, 1)) {
      Errors y = new MaskErrors(other, GRAPH, NOISE).forward(0, ranks(0)).getFirst().y();
      assertThat(y.normShare()).isEqualTo(1);
      assertThat(y.measured()).isBetween(y.predicted() / 50, y.predicted());
    }
  }

  @Test
  void measuring_changes_nothing_of_the_pass() {
    float[] x = input(2).toArray();
    float[] dy = pass.gradient(2).toArray();
    float[] w = pass.weight(2).toArray();
    MaskErrors errors = new MaskErrors(pass, GRAPH, NOISE);
    assertThat(errors.forward(2, ranks(0, 2))).hasSize(2);
    errors.backward(2);
    assertThat(input(2).toArray()).isEqualTo(x);
    assertThat(pass.gradient(2).toArray()).isEqualTo(dy);
    assertThat(pass.weight(2).toArray()).isEqualTo(w);
  }
}
