package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Zoo;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.DataSets;
import asymml.trusted.network.SplitNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.ResidualNorms;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.split.SplitContext;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What `privacy compare` measures is what the release door goes by.
class ClipBoundAgreementTest {
  private static final int BATCH = 15;
  private static final int SEED = 5;

  private static final NoiseStrength NOISE = new NoiseStrength.Ratio(0.1);

  private static DataSet data;

  @BeforeAll
  static void draw_images() throws Exception {
    data = DataSets.open("generated", (_, _, _) -> {});
  }

  @ParameterizedTest
  @CsvSource({"SHARED, 0", "SHARED, 2", "PER_EXAMPLE, 2", "SHARED, 1/4"})
  void the_measured_median_is_the_bound_that_the_door_sets(Decomposition decomposition, String rank)
      throws Exception {
    Graph graph = Zoo.build("cnn", data.train().shape(), 10, Zoo.Norm.BATCH);
    RankPolicy policy = RankPolicy.parse(rank);
    Plan plan = Plan.of(graph, Mode.ASYMML, decomposition, policy, List.of(Plan.FIRST, Plan.LAST));
    try (Arena arena = Arena.ofShared();
        Parameters parameters = new Parameters(graph, new Initializer(SEED), true);
        ResidualNorms norms = new ResidualNorms(graph, plan, List.of(policy), BATCH, parameters);
        LocalWorker worker = new LocalWorker();
        SplitContext context =
            new SplitContext(graph, plan, BATCH, NOISE, worker.remote, worker.door);
        SplitNetwork network =
            SplitNetwork.forTraining(graph, plan, BATCH, parameters, context, SEED)) {
      worker.remote.mapRegion(network.regionBytes());
      Tensor images = Tensor.allocate(arena, BATCH, 32, 32, 3);
      byte[] pixels = new byte[data.train().shape().size()];
      for (int n = 0; n < BATCH; n++) {
        data.train().pixels(n, pixels);
        data.normalization().apply(pixels, images.examples(n, 1));
      }
      norms.measure(images);
      network.input().copyFrom(images);
      network.forward(0);

      List<Place> places = norms.places();
      assertThat(places).extracting(Place::layer).containsExactly("conv2", "conv3");
      // To float32 rounding: the light SVD's sums over vector lanes have no fixed order.
      double bound = bound(context, "conv2");
      assertThat(median(places.getFirst())).isCloseTo(bound, within(1e-5 * bound));
      // The second cannot be the same: what it is computed from was clipped at that bound.
    }
  }

  private static double median(Place place) {
    return place.residuals().getFirst().medianNorm();
  }

  /// The sum of the two floats that a checkpoint keeps.
  private static double bound(SplitContext context, String layer) {
    float[] saved = Objects.requireNonNull(context.state().get(layer + ".clip"));
    return (double) saved[0] + saved[1];
  }
}
