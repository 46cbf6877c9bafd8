package asymml.study.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Architecture;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.study.Silent;
import asymml.study.bench.BenchSpec.Processes;
import asymml.trusted.bench.Planner.Choice;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.run.RunFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A plan for a small network, with timings of one step: its shape, not its wisdom.
class PlanStudyTest {
  private static final PlanSpec SPEC =
      new PlanSpec(
          DataSpec.of("generated").withLimits(new Limit(64), Limit.NONE),
          Architecture.of("cnn"),
          Zoo.Norm.BATCH,
          16,
          List.of("first", "last"),
          0.5,
          1,
          new Processes(1, "cpu", 1));

  private static final List<String> HEARD = new ArrayList<>();
  private static PlanResult result;

  @TempDir Path directory;

  @BeforeAll
  static void plan() throws Exception {
    PlanListener listener =
        new PlanListener() {
          @Override
          public void opened(Graph graph) {
            HEARD.add(graph.name());
          }

          @Override
          public void timing(String what) {
            HEARD.add(what);
          }

          @Override
          public void timed(double wallMillis) {
            HEARD.add(wallMillis > 0 ? "timed" : "no time");
          }
        };
    result = new PlanStudy(SPEC, listener, new Silent(), (_, _, _) -> {}).run();
  }

  @Test
  void it_times_two_ranks_beside_none_and_then_the_plan() {
    assertThat(HEARD)
        .containsExactly(
            "cnn",
            "all layers trusted",
            "timed",
            "split at rank 1/16",
            "timed",
            "split at rank 1/4",
            "timed",
            "the plan",
            "timed");
  }

  @Test
  void every_linear_layer_has_a_place_and_those_kept_stay() {
    assertThat(result.choices())
        .extracting(Choice::layer)
        .containsExactly("conv1", "conv2", "conv3", "fc");
    assertThat(result.trustedLayers()).contains("conv1", "fc");
    assertThat(result.choices().getFirst().reason()).isEqualTo("trusted by choice");
    assertThat(result.measuredMillis()).isPositive();
    assertThat(result.allTrustedMillis()).isPositive();
  }

  @Test
  void a_split_layer_leaves_no_more_energy_than_allowed() {
    assertThat(result.choices().stream().filter(Choice::split))
        .allSatisfy(choice -> assertThat(choice.energyLeft()).isLessThanOrEqualTo(0.5));
    assertThat(result.splits()).isEqualTo(result.choices().stream().anyMatch(Choice::split));
  }

  @Test
  void the_file_can_be_given_to_a_run() throws Exception {
    Path file = directory.resolve("plan.json");
    result.write(file, SPEC, "1.2.3");
    Map<String, Object> facts = RunFile.read(file);
    assertThat(facts)
        .containsEntry("version", "1.2.3")
        .containsEntry("rank", result.rank().toString())
        .containsEntry("trustedLayers", result.trustedLayers())
        .containsEntry("energy", 0.5);
    assertThat((List<?>) facts.get("layers"))
        .extracting(layer -> String.valueOf(((Map<?, ?>) layer).get("layer")))
        .containsExactly("conv1", "conv2", "conv3", "fc");
  }

  @Test
  void the_prediction_is_off_by_a_share_of_what_was_measured() {
    PlanResult planted = new PlanResult(result.graph(), List.of(), 11, 10, 20);
    assertThat(planted.predictionError()).isCloseTo(0.1, within(1e-12));
    assertThat(planted.splits()).isFalse();
  }

  @Test
  void ranks_beyond_half_the_channels_are_left_out() {
    Place place =
        new Place(
            "conv2",
            new Shape(8, 8, 16),
            List.of(
                new Residual(2, 1, 0.5), new Residual(8, 0.5, 0.2), new Residual(16, 0.1, 0.01)));
    assertThat(PlanStudy.shares(List.of(place))).isEqualTo(Map.of("conv2", Map.of(2, 0.5, 8, 0.2)));
  }
}
