package asymml.study.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Architecture;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.study.NoRun;
import asymml.study.bench.BenchSpec.Processes;
import asymml.trusted.bench.Planner.Choice;
import asymml.trusted.data.DataException;
import asymml.trusted.run.RunFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Plans whose answer is known: all layers are kept, so that nothing is trained and no worker runs.
class TrustedPlanTest {
  @TempDir Path folder;

  private final List<String> heard = new ArrayList<>();

  private final PlanListener listener =
      new PlanListener() {
        @Override
        public void opened(Graph graph) {
          heard.add("opened " + graph.name());
        }

        @Override
        public void timing(String what) {
          heard.add(what);
        }

        @Override
        public void timed(double wallMillis) {}
      };

  private static PlanSpec spec(String data, String model, String... trusted) {
    return new PlanSpec(
        DataSpec.of(data).withLimits(new Limit(8), new Limit(4)),
        Architecture.of(model),
        Zoo.Norm.BATCH,
        2,
        List.of(trusted),
        0.25,
        1,
        new Processes(1, "cpu", 1));
  }

  private PlanResult run(PlanSpec spec) throws Exception {
    return new PlanStudy(spec, listener, new NoRun(), (_, _, _) -> {}).run();
  }

  @Test
  void layers_that_are_kept_are_neither_trained_for_nor_split() throws Exception {
    PlanResult result = run(spec("generated", "cnn", "conv1", "conv2", "conv3", "fc"));
    assertThat(result.splits()).isFalse();
    assertThat(result.trustedLayers()).containsExactly("conv1", "conv2", "conv3", "fc");
    assertThat(result.rank()).hasToString("layers:0:0:0:0");
    assertThat(result.choices())
        .allSatisfy(choice -> {
          assertThat(choice.reason()).isEqualTo("trusted by choice");
          assertThat(choice.split()).isFalse();
          assertThat(choice.millis()).isEqualTo(choice.trustedMillis());
        });
    assertThat(heard)
        .containsExactly(
            "opened cnn",
            "all layers trusted",
            "split at rank 1/16",
            "split at rank 1/4",
            "the plan");
  }

  @ParameterizedTest
  @CsvSource({
    "cnn, conv9, 'conv9'",
    "perceptron, first, 'no model is called ''perceptron'''",
  })
  void what_does_not_fit_is_refused_before_anything_is_timed(
      String model, String layer, String why) {
    assertThatThrownBy(() -> run(spec("generated", model, layer)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(why)
        .hasMessageNotContaining("--");
    assertThat(heard).isEmpty();
  }

  @Test
  void images_that_are_not_there_are_told() {
    assertThatThrownBy(() -> run(spec(folder.resolve("gone").toString(), "cnn", "first")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("gone");
  }

  private static final Graph GRAPH = Zoo.build("cnn", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);

  private static PlanResult planted() {
    return new PlanResult(
        GRAPH,
        List.of(
            new Choice("conv1", 0, 0, 4, Double.NaN, "trusted by choice"),
            new Choice("conv2", 2, 0.2, 9, 3, "less expensive"),
            new Choice("conv3", 0, 0, 2, 5, "more expensive to split"),
            new Choice("fc", 0, 0, 1, Double.NaN, "too much energy left")),
        12,
        10,
        18);
  }

  @Test
  void ranks_and_kept_layers_are_those_of_the_choices() {
    PlanResult result = planted();
    assertThat(result.rank()).hasToString("layers:0:2:0:0");
    assertThat(result.trustedLayers()).containsExactly("conv1", "conv3", "fc");
    assertThat(result.splits()).isTrue();
    assertThat(result.predictionError()).isCloseTo(0.2, within(1e-12));
    assertThat(result.choices().stream().mapToDouble(Choice::millis).sum())
        .isEqualTo(4 + 3 + 2 + 1);
  }

  @Test
  void the_file_has_no_cost_where_nothing_was_predicted() throws Exception {
    Path file = folder.resolve("plan.json");
    planted().write(file, spec("generated", "cnn", "first"), "1.0");
    Map<String, Object> facts = RunFile.read(file);
    assertThat(facts)
        .containsEntry("predictedMillis", 12.0)
        .containsEntry("measuredMillis", 10.0)
        .containsEntry("allTrustedMillis", 18.0)
        .containsEntry("batchSize", 2)
        .containsEntry("threads", 1);
    List<?> layers = (List<?>) facts.get("layers");
    assertThat(layers)
        .extracting(layer -> ((Map<?, ?>) layer).containsKey("splitMillis"))
        .containsExactly(false, true, true, false);
    assertThat(layers)
        .extracting(layer -> String.valueOf(((Map<?, ?>) layer).get("reason")))
        .containsExactly(
            "trusted by choice",
            "less expensive",
            "more expensive to split",
            "too much energy left");
  }
}
