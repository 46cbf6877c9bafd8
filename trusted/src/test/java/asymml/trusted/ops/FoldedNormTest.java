package asymml.trusted.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.Relu;
import asymml.model.Parameter;
import asymml.model.Shape;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class FoldedNormTest {
  private static final float EPSILON = 1e-3f;

  private static Graph graph() {
    GraphBuilder b = new GraphBuilder(new Shape(6, 6, 3));
    b.add("conv", new Conv2d(5, 3, 1, 1));
    b.add("norm", new BatchNorm(EPSILON, 0.1f));
    b.add("relu", new Relu());
    b.add("pool", new GlobalAvgPool());
    return b.build("small");
  }

  private static Parameters parameters(Graph graph) {
    Parameters parameters = new Parameters(graph, new Initializer(1), false);
    SplittableRandom random = new SplittableRandom(2);
    for (Parameter p : parameters.all()) {
      for (long i = 0; i < p.size(); i++) {
        parameters.value(p.name()).set(i, (float) random.nextDouble(0.1, 2));
      }
    }
    parameters.changed();
    return parameters;
  }

  private static LinearParameters own(Parameters parameters) {
    return new LinearParameters(parameters.value("conv.weight"), null, null, null);
  }

  private static void check(FoldedNorm folded, Parameters parameters) {
    Tensor weight = folded.parameters().weight();
    Tensor before = parameters.value("conv.weight");
    for (int o = 0; o < 5; o++) {
      double a =
          parameters.value("norm.weight").get(o)
              / Math.sqrt(parameters.value("norm.running_var").get(o) + (double) EPSILON);
      double b =
          parameters.value("norm.bias").get(o) - a * parameters.value("norm.running_mean").get(o);
      Tensor bias = folded.parameters().bias();
      assertThat(bias).isNotNull();
      if (bias != null) {
        assertThat((double) bias.get(o)).isCloseTo(b, within(1e-6 * (1 + Math.abs(b))));
      }
      for (int i = 0; i < 27; i++) {
        double expected = a * before.get(o * 27L + i);
        assertThat((double) weight.get(o * 27L + i))
            .isCloseTo(expected, within(1e-6 * Math.abs(expected)));
      }
    }
  }

  @Test
  void weights_and_bias_are_those_of_the_two_layers_and_follow_them_when_renewed() {
    Graph graph = graph();
    try (Arena arena = Arena.ofShared();
        Parameters parameters = parameters(graph)) {
      FoldedNorm folded = new FoldedNorm(arena, graph, 1, parameters, own(parameters));
      check(folded, parameters);
      assertThat(folded.parameters().relu()).isTrue();
      assertThat(folded.parameters().weightGradient()).isNull();
      parameters.value("norm.running_var").fill(4);
      parameters.value("conv.weight").fill(0.5f);
      folded.renew();
      check(folded, parameters);
    }
  }

  @Test
  void only_running_statistics_can_be_folded_and_a_relu_needs_a_bias() {
    Graph graph = graph();
    try (Arena arena = Arena.ofShared();
        Parameters parameters = parameters(graph)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new FoldedNorm(arena, graph, 3, parameters, own(parameters)))
          .withMessage("pool has no running statistics to fold");
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> new LinearParameters(parameters.value("conv.weight"), null, null, null, true));
    }
  }
}
