package asymml.trusted.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.draw.Shuffle;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.rank.LayerRanks.LowRankOutput;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RankAnalysisTest {
  private static final Shape SHAPE = new Shape(8, 8, 3);
  private static final long SEED = 5;

  @TempDir Path folder;

  private static ImageSet images(int count) {
    SplittableRandom random = Known.seeded(SEED);
    byte[] pixels = new byte[count * SHAPE.size()];
    random.nextBytes(pixels);
    int[] labels = new int[count];
    Arrays.setAll(labels, i -> i % 3);
    return ImageSet.of(SHAPE, List.of("a", "b", "c"), labels, pixels);
  }

  private static RankAnalysis analysis(Graph graph, String rank, Decomposition how, int images) {
    RankPolicy policy = RankPolicy.parse(rank);
    return new RankAnalysis(
        Plan.of(graph, Mode.ASYMML, how, policy, List.of(Plan.FIRST)),
        policy,
        how,
        images,
        0.1f,
        SEED);
  }

  private static Map<String, List<Float>> values(Parameters parameters) {
    Map<String, List<Float>> values = new LinkedHashMap<>();
    for (Parameter p : parameters.all()) {
      float[] array = parameters.value(p.name()).toArray();
      Float[] boxed = new Float[array.length];
      Arrays.setAll(boxed, i -> array[i]);
      values.put(p.name(), List.of(boxed));
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    "cnn, BATCH, 1/4, SHARED",
    "resnet20, BATCH, 1/8, SHARED",
    "resnet20, GROUP, energy:0.1:1/2, PER_EXAMPLE",
    "cnn, GROUP, 0, SHARED",
    "cnn, BATCH, schedule:1:8, PER_EXAMPLE"
  })
  void every_bound_holds_in_networks_of_the_zoo_and_nothing_is_changed(
      String model, Zoo.Norm norm, String rank, Decomposition how) {
    Graph graph = Zoo.build(model, SHAPE, 3, norm);
    ImageSet data = images(12);
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true)) {
      Map<String, List<Float>> before = values(parameters);
      RankReport report =
          analysis(graph, rank, how, 3).of(graph, parameters, data, Normalization.of(data), 2, 34);
      assertThat(report.violations()).isEmpty();
      assertThat(report.epoch()).isEqualTo(2);
      assertThat(report.step()).isEqualTo(34);
      assertThat(report.images()).isEqualTo(3);
      assertThat(report.batch()).isEqualTo(12);
      assertThat(report.layers())
          .extracting(LayerRanks::layer)
          .containsExactlyElementsOf(
              graph.linearLayers().stream().map(i -> graph.nodes().get(i).name()).toList());
      assertThat(report.layers().getFirst().placement()).isEqualTo("trusted");
      assertThat(report.layers())
          .allSatisfy(layer -> {
            assertThat(layer.xShares().perExample())
                .isGreaterThanOrEqualTo(layer.xShares().perExampleOptimum() - 1e-6);
            assertThat(layer.xShares().shared())
                .isGreaterThanOrEqualTo(layer.xShares().sharedOptimum() - 1e-6);
            assertThat(layer.dyShares().shared())
                .isGreaterThanOrEqualTo(layer.dyShares().sharedOptimum() - 1e-6);
          });
      if (model.equals("resnet20")) {
        assertThat(report.nodes())
            .extracting(NodeRanks::bound)
            .contains("affine: r + 1", "addition: r1 + r2", "average: r");
      }
      assertThat(values(parameters)).isEqualTo(before);
    }
  }

  /// The figures of the first layer, whose input is the images themselves, from nothing but these.
  @Test
  void figures_are_those_of_a_slow_oracle() {
    Graph graph = Zoo.build("cnn", SHAPE, 3, Zoo.Norm.BATCH);
    ImageSet data = images(10);
    Normalization normalization = Normalization.of(data);
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true);
        Arena arena = Arena.ofShared()) {
      LayerRanks first =
          analysis(graph, "2", Decomposition.SHARED, 3)
              .of(graph, parameters, data, normalization, 1, 1)
              .layers()
              .getFirst();
      int[] order = Shuffle.order(10, SEED);
      double[][] mean = new double[1][3];
      double[] effective = new double[3];
      double left = 0;
      double energy = 0;
      for (int i = 0; i < 3; i++) {
        byte[] pixels = new byte[SHAPE.size()];
        data.pixels(order[i], pixels);
        Tensor x = Tensor.allocate(arena, 1, 8, 8, 3);
        normalization.apply(pixels, x);
        double[] s = Known.jacobi(ExactSvd.matrix(x, 0));
        double sum = Arrays.stream(s).sum();
        double squares = 0;
        for (int j = 0; j < 3; j++) {
          mean[0][j] += s[j] / sum / 3;
          squares += s[j] / sum * (s[j] / sum);
          energy += s[j] * s[j];
        }
        effective[i] = 1 / squares;
        left += s[2] * s[2];
      }
      Figures x = Objects.requireNonNull(first.x());
      for (int j = 0; j < 3; j++) {
        assertThat(x.spectrum().get(j)).isCloseTo(mean[0][j], within(1e-5));
      }
      Arrays.sort(effective);
      assertThat(x.effective()).isCloseTo(effective[1], within(1e-9));
      assertThat(first.xShares().perExampleOptimum()).isCloseTo(left / energy, within(1e-9));
      assertThat(first.input()).isEqualTo("8x8x3");
      assertThat(first.xShares().rank()).isEqualTo(2);
    }
  }

  @Test
  void a_pass_gives_the_gradient_of_the_loss_and_leaves_the_parameters() {
    Graph graph = Zoo.build("cnn", SHAPE, 3, Zoo.Norm.BATCH);
    int last = graph.nodes().size() - 1;
    SplittableRandom random = Known.seeded(6);
    try (Parameters parameters = new Parameters(graph, new Initializer(1), false);
        Arena arena = Arena.ofShared()) {
      Map<String, List<Float>> before = values(parameters);
      Tensor x = Tensor.allocate(arena, 4, 8, 8, 3);
      for (int i = 0; i < x.size(); i++) {
        x.set(i, (float) random.nextGaussian());
      }
      int[] labels = {0, 2, 1, 2};
      try (LayerPass pass = new LayerPass(graph, parameters, x, labels, 0, 1)) {
        assertThat(pass.output(Graph.INPUT).toArray()).isEqualTo(x.toArray());
        Tensor logits = pass.output(last);
        for (int n = 0; n < 4; n++) {
          double sum = 0;
          for (int k = 0; k < 3; k++) {
            sum += Math.exp(logits.get(n * 3L + k));
          }
          for (int k = 0; k < 3; k++) {
            double p = Math.exp(logits.get(n * 3L + k)) / sum;
            assertThat(pass.gradient(last).get(n * 3L + k))
                .isCloseTo((float) ((p - (labels[n] == k ? 1 : 0)) / 4), within(1e-6f));
          }
        }
      }
      assertThat(values(parameters)).isEqualTo(before);
      parameters.value("fc.bias").set(0, Float.NaN);
      assertThatThrownBy(() -> new LayerPass(graph, parameters, x, labels, 0, 1))
          .isInstanceOf(NonFiniteException.class);
    }
  }

  private static LayerRanks layer(String name, int slack) {
    Shares shares = new Shares(2, 0.5, 0.25, 0.75, 0.5);
    Figures figures = new Figures(3, List.of(0.75, 0.25), 1.5, 2.25, 1, 2, 2);
    return new LayerRanks(
        name,
        "trusted",
        "8x8x3",
        "8x8x4",
        figures,
        shares,
        null,
        shares,
        figures,
        new LowRankOutput(4, 4 + slack, slack, 2.5, 3.5));
  }

  private static RankReport report(int epoch, int layerSlack, int nodeSlack) {
    return new RankReport(
        epoch,
        10L * epoch,
        3,
        12,
        0.5,
        List.of(layer("conv1", 0), layer("conv2", layerSlack)),
        List.of(new NodeRanks("bn1", "affine: r + 1", 3, 3 + nodeSlack, nodeSlack)));
  }

  @Test
  void broken_bounds_are_named() {
    assertThat(report(1, 0, 0).violations()).isEmpty();
    assertThat(report(1, -2, -1).violations())
        .containsExactly(
            "conv2: W * X_T exceeds its bound by 2",
            "bn1 (affine: r + 1): its rank exceeds the bound by 1");
    assertThat(
            RankAnalysis.slack(
                List.of(
                    new RankBounds.Check(3, 9, 1, 1),
                    new RankBounds.Check(9, 8, 1, 1),
                    new RankBounds.Check(1, 8, 1, 1))))
        .isEqualTo(-1);
  }

  @Test
  void a_file_gives_back_what_was_written_and_says_that_it_is_private() throws Exception {
    Path file = folder.resolve("rank.json");
    assertThat(RankFile.read(file).reports()).isEmpty();
    RankFile two = new RankFile(List.of()).with(report(1, 0, 0)).with(report(3, 1, 2));
    two.write(file);
    assertThat(RankFile.read(file)).isEqualTo(two);
    assertThat(Files.readString(file))
        .contains("computed from private images; not covered by any guarantee");
  }

  @Test
  void a_new_analysis_replaces_those_of_its_epoch_and_later_ones() {
    RankFile three =
        new RankFile(List.of()).with(report(1, 0, 0)).with(report(2, 0, 0)).with(report(3, 0, 0));
    assertThat(three.with(report(2, 5, 5)).reports())
        .containsExactly(report(1, 0, 0), report(2, 5, 5));
  }

  @Test
  void another_file_is_refused_by_name() throws Exception {
    Path file = folder.resolve("rank.json");
    for (String text :
        List.of("{}", "[1]", "null", "not json", "{\"format\": \"asymml-rank-9\"}")) {
      Files.writeString(file, text);
      assertThatThrownBy(() -> RankFile.read(file))
          .hasMessage(file + " is no rank analysis of this program: move it away");
    }
  }
}
