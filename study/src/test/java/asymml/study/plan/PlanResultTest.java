package asymml.study.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Architecture;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.session.DataSpec;
import asymml.study.bench.BenchSpec.Processes;
import asymml.trusted.bench.Planner.Choice;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PlanResultTest {
  private static final Graph GRAPH = Zoo.build("cnn", new Shape(8, 8, 3), 10, Zoo.Norm.BATCH);
  private static final PlanSpec SPEC =
      new PlanSpec(
          DataSpec.of("generated"),
          Architecture.of("cnn"),
          Zoo.Norm.BATCH,
          16,
          List.of("first"),
          0.25,
          3,
          new Processes(2, "cpu", 1));

  @TempDir Path folder;

  private static Choice kept(String layer) {
    return new Choice(layer, 0, 0, 4, Double.NaN, "trusted by choice");
  }

  private static PlanResult result(Choice... choices) {
    return new PlanResult(GRAPH, List.of(choices), 9, 12, 20);
  }

  private static PlanResult mixed() {
    return result(
        kept("conv1"),
        new Choice("conv2", 3, 0.2, 9, 2.5, "less expensive"),
        new Choice("conv3", 8, 0.1, 7, 1.5, "less expensive"),
        new Choice("fc", 0, 0, 1, 2, "more expensive to split"));
  }

  @Test
  void a_plan_saves_something_if_it_splits_and_was_measured_to_be_cheaper() {
    List<Choice> choices = mixed().choices();
    assertThat(new PlanResult(GRAPH, choices, 9, 12, 20).saves()).isTrue();
    assertThat(new PlanResult(GRAPH, choices, 9, 20, 20).saves()).isFalse();
    assertThat(new PlanResult(GRAPH, choices, 9, 21, 20).saves()).isFalse();
    assertThat(new PlanResult(GRAPH, List.of(kept("fc")), 9, 12, 20).saves()).isFalse();
  }

  private JsonNode written(PlanResult result) throws IOException {
    Path file = folder.resolve("plan.json");
    result.write(file, SPEC, "1.2.3");
    return JsonMapper.shared().readTree(Files.readString(file));
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(text -> texts.add(text.asString()));
    return texts;
  }

  /// What the file says, given to a run, places layers as they were chosen.
  @Test
  void a_run_with_the_files_ranks_and_layers_has_the_plan_that_was_found() throws Exception {
    JsonNode facts = written(mixed());
    Plan plan =
        Plan.of(
            GRAPH,
            Mode.ASYMML,
            Decomposition.SHARED,
            RankPolicy.parse(facts.get("rank").asString()),
            texts(facts.get("trustedLayers")));
    assertThat(plan.placement("conv1")).hasToString("trusted");
    assertThat(plan.placement("conv2").toString()).startsWith("split shared").endsWith("3");
    assertThat(plan.placement("conv3").toString()).startsWith("split shared").endsWith("8");
    assertThat(plan.placement("fc")).hasToString("trusted");
  }

  @Test
  void a_layer_has_its_costs_and_why_and_no_cost_that_was_not_predicted() throws Exception {
    JsonNode layers = written(mixed()).get("layers");
    assertThat(layers)
        .extracting(layer -> layer.get("layer").asString())
        .containsExactly("conv1", "conv2", "conv3", "fc");
    assertThat(layers.get(0).has("splitMillis")).isFalse();
    assertThat(layers.get(0).get("reason").asString()).isEqualTo("trusted by choice");
    assertThat(layers.get(1).get("rank").asInt()).isEqualTo(3);
    assertThat(layers.get(1).get("splitMillis").asDouble()).isEqualTo(2.5);
    assertThat(layers.get(1).get("trustedMillis").asDouble()).isEqualTo(9);
    assertThat(layers.get(1).get("energyLeft").asDouble()).isEqualTo(0.2);
    assertThat(layers.get(3).get("splitMillis").asDouble()).isEqualTo(2);
  }

  @Test
  void the_head_says_for_what_the_plan_is() throws Exception {
    JsonNode facts = written(mixed());
    assertThat(facts.get("model").asString()).isEqualTo("cnn");
    assertThat(facts.get("data").asString()).isEqualTo("generated");
    assertThat(facts.get("batchSize").asInt()).isEqualTo(16);
    assertThat(facts.get("energy").asDouble()).isEqualTo(0.25);
    assertThat(facts.get("threads").asInt()).isEqualTo(2);
    assertThat(facts.get("predictedMillis").asDouble()).isEqualTo(9);
    assertThat(facts.get("measuredMillis").asDouble()).isEqualTo(12);
    assertThat(facts.get("allTrustedMillis").asDouble()).isEqualTo(20);
  }

  @Test
  void a_plan_that_keeps_all_layers_splits_none() {
    PlanResult result = result(kept("conv1"), kept("conv2"), kept("conv3"), kept("fc"));
    assertThat(result.splits()).isFalse();
    assertThat(result.trustedLayers()).containsExactly("conv1", "conv2", "conv3", "fc");
    assertThat(mixed().splits()).isTrue();
    assertThat(mixed().trustedLayers()).containsExactly("conv1", "fc");
  }

  @ParameterizedTest
  @CsvSource({"9, 12, -0.25", "12, 12, 0", "18, 12, 0.5", "0, 12, -1"})
  void a_prediction_is_too_large_above_0_and_too_small_below(
      double predicted, double measured, double error) {
    assertThat(new PlanResult(GRAPH, List.of(), predicted, measured, 20).predictionError())
        .isCloseTo(error, within(1e-12));
  }

  @Test
  void a_file_that_cannot_be_written_is_named_in_a_line() {
    Path file = folder.resolve("nowhere/plan.json");
    assertThatThrownBy(() -> mixed().write(file, SPEC, "1.2.3"))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot write " + file + ": no such file or directory");
  }
}
