package asymml.trusted.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Initializer;
import asymml.model.Layer;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ParametersTest {
  private static final Graph CNN = Zoo.build("cnn", new Shape(8, 8, 1), 3, Zoo.Norm.BATCH);

  @Test
  void they_start_as_the_initializer_says() {
    Initializer initializer = new Initializer(5);
    try (Parameters parameters = new Parameters(CNN, initializer, true)) {
      assertThat(parameters.all()).isEqualTo(CNN.parameters());
      for (Parameter p : parameters.all()) {
        assertThat(parameters.value(p.name()).shape()).isEqualTo(p.shape());
        assertThat(parameters.value(p.name()).toArray()).isEqualTo(initializer.values(p));
      }
    }
  }

  @Test
  void only_trained_ones_have_gradients_and_momentum_of_their_shape() {
    try (Parameters parameters = new Parameters(CNN, new Initializer(5), true)) {
      for (Parameter p : parameters.all()) {
        if (p.kind().trained()) {
          assertThat(parameters.gradient(p.name()).shape()).isEqualTo(p.shape());
          assertThat(parameters.velocity(p.name()).toArray()).containsOnly(0f);
        } else {
          assertThatThrownBy(() -> parameters.gradient(p.name())).hasMessageContaining(p.name());
          assertThatThrownBy(() -> parameters.velocity(p.name())).hasMessageContaining(p.name());
        }
      }
    }
  }

  @Test
  void for_inference_there_are_values_alone() {
    try (Parameters parameters = new Parameters(CNN, new Initializer(5), false)) {
      assertThat(parameters.value("fc.weight").size()).isEqualTo(3 * 64);
      assertThatThrownBy(() -> parameters.gradient("fc.weight"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("no such parameter: fc.weight");
    }
  }

  private static void randomize(Tensor tensor, SplittableRandom random) {
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(-1, 1));
    }
  }

  /// `v = momentum v + (g + decay w)`, `w -= rate v`, in double precision, over three steps.
  @Test
  void an_update_is_gradient_descent_with_momentum_in_which_weights_alone_decay() {
    System.out.println("seed 95");
    SplittableRandom random = new SplittableRandom(95);
    Map<String, double[]> values = new HashMap<>();
    Map<String, double[]> velocities = new HashMap<>();
    try (Parameters parameters = new Parameters(CNN, new Initializer(5), true)) {
      for (Parameter p : parameters.all()) {
        values.put(p.name(), OpHarness.doubles(parameters.value(p.name())));
        velocities.put(p.name(), new double[Math.toIntExact(p.size())]);
      }
      for (int step = 0; step < 3; step++) {
        float rate = 0.1f / (step + 1);
        for (Parameter p : parameters.all()) {
          if (!p.kind().trained()) {
            continue;
          }
          Tensor gradient = parameters.gradient(p.name());
          randomize(gradient, random);
          boolean decays = p.name().equals("fc.weight") || p.name().startsWith("conv");
          double[] w = Objects.requireNonNull(values.get(p.name()));
          double[] v = Objects.requireNonNull(velocities.get(p.name()));
          for (int i = 0; i < w.length; i++) {
            v[i] = 0.9f * v[i] + gradient.get(i) + (decays ? 0.05f * w[i] : 0);
            w[i] -= rate * v[i];
          }
        }
        parameters.update(rate, 0.9f, 0.05f);
      }
      for (Parameter p : parameters.all()) {
        double[] expected = Objects.requireNonNull(values.get(p.name()));
        OpHarness.assertClose(p.name(), parameters.value(p.name()), expected, 1e-6);
        if (p.kind().trained()) {
          double[] velocity = Objects.requireNonNull(velocities.get(p.name()));
          OpHarness.assertClose(p.name(), parameters.velocity(p.name()), velocity, 1e-6);
        }
      }
    }
  }

  @Test
  void copies_of_the_values_can_tell_that_they_are_old() {
    try (Parameters parameters = new Parameters(CNN, new Initializer(5), true)) {
      long first = parameters.version();
      parameters.changed();
      long second = parameters.version();
      assertThat(second).isGreaterThan(first);
      parameters.update(0.1f, 0, 0);
      assertThat(parameters.version()).isGreaterThan(second);
    }
  }

  /// Two standardised convolutions around a plain layer.
  private static Graph standardizedGraph() {
    GraphBuilder builder = new GraphBuilder(new Shape(5, 5, 3));
    builder.add("first", new Layer.Conv2d(4, 3, 1, 1, true));
    builder.add("second", new Layer.Conv2d(5, 1, 1, 0, true));
    builder.add("flat", new Layer.Flatten());
    builder.add("fc", new Layer.Linear(2));
    return builder.build("standardised");
  }

  /// Each filter `(w - mean) / |w - mean|`.
  private static double[] standardize(double[] weight, int filters) {
    int fan = weight.length / filters;
    double[] used = new double[weight.length];
    for (int from = 0; from < weight.length; from += fan) {
      double mean = 0;
      for (int i = from; i < from + fan; i++) {
        mean += weight[i] / fan;
      }
      double squares = 0;
      for (int i = from; i < from + fan; i++) {
        squares += (weight[i] - mean) * (weight[i] - mean);
      }
      for (int i = from; i < from + fan; i++) {
        used[i] = (weight[i] - mean) / Math.sqrt(squares);
      }
    }
    return used;
  }

  @Test
  void layers_compute_with_standardised_filters_that_follow_every_change() {
    try (Parameters parameters = new Parameters(standardizedGraph(), new Initializer(5), true)) {
      SplittableRandom random = new SplittableRandom(96);
      for (int change = 0; change < 3; change++) {
        for (String name : List.of("first.weight", "second.weight")) {
          Tensor value = parameters.value(name);
          OpHarness.assertClose(
              name,
              parameters.used(name),
              standardize(OpHarness.doubles(value), value.length(0)),
              1e-6);
          randomize(value, random);
        }
        parameters.changed();
      }
      assertThat(parameters.used("fc.weight").toArray())
          .isEqualTo(parameters.value("fc.weight").toArray());
    }
  }

  /// What the layers leave is the gradient by the standardised filters.
  @Test
  void finished_gradients_are_those_by_the_parameters() {
    System.out.println("seed 97");
    SplittableRandom random = new SplittableRandom(97);
    try (OpHarness harness = new OpHarness(97);
        Parameters parameters = new Parameters(standardizedGraph(), new Initializer(5), true)) {
      Map<String, double[]> expected = new HashMap<>();
      for (Parameter p : parameters.all()) {
        randomize(parameters.gradient(p.name()), random);
        double[] gradient = OpHarness.doubles(parameters.gradient(p.name()));
        expected.put(
            p.name(),
            p.kind() == Parameter.Kind.STANDARDIZED_WEIGHT
                ? harness.gradient(
                    w -> standardize(w, p.shape()[0]),
                    OpHarness.doubles(parameters.value(p.name())),
                    gradient)
                : gradient);
      }
      parameters.finishGradients();
      for (Parameter p : parameters.all()) {
        OpHarness.assertClose(
            p.name(),
            parameters.gradient(p.name()),
            Objects.requireNonNull(expected.get(p.name())),
            1e-5);
      }
    }
  }

  @Test
  void closed_ones_are_gone_and_may_be_closed_again() {
    Parameters parameters = new Parameters(CNN, new Initializer(5), true);
    Tensor weight = parameters.value("fc.weight");
    parameters.close();
    parameters.close();
    assertThatThrownBy(() -> weight.get(0)).isInstanceOf(IllegalStateException.class);
  }
}
