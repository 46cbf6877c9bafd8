package asymml.study.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.trusted.bench.MachineRates;
import asymml.trusted.bench.StepCost;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Planted costs.
class BenchResultTest {
  private static final BenchSpec SPEC = BenchSpecTest.spec(Mode.TRUSTED_ONLY, Mode.ASYMML);
  private static final BenchPoint POINT = BenchPoint.of(SPEC);
  private static final MachineRates RATES = new MachineRates(50, 10, 2);

  @TempDir Path directory;

  /// Two rounds of two steps: a millisecond of each kind of work at each node, and 6 of waiting at
  /// the first node.
  private static ModeCosts costs(Mode mode, double trustedCpu, double wall) {
    ModeMeasurement measurement = new ModeMeasurement(POINT.graph(), POINT.plan(mode), 20);
    for (int round = 0; round < 2; round++) {
      double more = round == 0 ? 0 : 2; // the mean is 1 above
      measurement.add(
          new StepCost(wall - 1 + more, trustedCpu - 1 + more, 5, 1000, 2000),
          (node, phase) -> phase == Phase.WAIT ? (node == 0 ? 12_000_000 : 0) : 2_000_000,
          2,
          OptionalLong.of(round == 0 ? 700 : 300),
          mode == Mode.ASYMML ? OptionalLong.of(90) : OptionalLong.empty());
    }
    return measurement.costs();
  }

  private static BenchResult result() {
    Map<Mode, ModeCosts> modes = new LinkedHashMap<>();
    modes.put(Mode.TRUSTED_ONLY, costs(Mode.TRUSTED_ONLY, 120, 130));
    modes.put(Mode.ASYMML, costs(Mode.ASYMML, 40, 56));
    return new BenchResult(POINT, modes);
  }

  @Test
  void costs_are_means_over_the_rounds_and_peaks_the_largest() {
    ModeCosts costs = result().of(Mode.ASYMML);
    assertThat(costs.cost().trustedCpuMillis()).isEqualTo(40);
    assertThat(costs.cost().wallMillis()).isEqualTo(56);
    assertThat(costs.rounds()).extracting(StepCost::trustedCpuMillis).containsExactly(39.0, 41.0);
    assertThat(costs.trustedPeak()).hasValue(700);
    assertThat(costs.workerPeak()).hasValue(90);
    assertThat(result().of(Mode.TRUSTED_ONLY).workerPeak()).isEmpty();
    assertThat(costs.overLowerBound()).isEqualTo(2);
  }

  @Test
  void a_linear_layer_stands_for_what_follows_it() {
    ModeCosts costs = result().of(Mode.ASYMML);
    assertThat(costs.layers().keySet())
        .containsExactly("conv1", "conv2", "conv3", "fc", "whole step");
    List<Integer> linear = POINT.graph().linearLayers();
    int nodesOfFirst = linear.get(1) - linear.get(0);
    // 2 ms a round of 2 steps.
    assertThat(costs.millis("conv1", Phase.KERNELS)).isEqualTo(nodesOfFirst, within(1e-9));
    assertThat(costs.millis("conv1", Phase.WAIT)).isEqualTo(6, within(1e-9));
    assertThat(costs.millis("conv2", Phase.WAIT)).isZero();
    assertThat(costs.millis("whole step", Phase.UPDATE)).isEqualTo(1, within(1e-9));
    assertThat(costs.millis(Phase.UPDATE))
        .isEqualTo(POINT.graph().nodes().size() + 1.0, within(1e-9));
    assertThat(costs.millis("no layer", Phase.UPDATE)).isZero();
  }

  @Test
  void the_trusted_cost_ratio_is_that_of_processor_times() {
    assertThat(result().trustedCostRatio()).hasValue(3);
    assertThat(result().largestTrustedCostRatio()).hasValue(6);
  }

  @Test
  void without_both_modes_there_is_no_ratio() {
    BenchResult one =
        new BenchResult(POINT, Map.of(Mode.TRUSTED_ONLY, costs(Mode.TRUSTED_ONLY, 120, 130)));
    assertThat(one.trustedCostRatio()).isEmpty();
    assertThat(one.largestTrustedCostRatio()).isEmpty();
    assertThat(one.projectedRatio(3)).isEmpty();
    assertThatThrownBy(() -> one.of(Mode.ASYMML)).hasMessage("asymml was not measured");
  }

  @Test
  void waiting_does_not_grow_with_a_slower_trusted_side() {
    assertThat(result().of(Mode.ASYMML).projectedMillis(1)).isEqualTo(56, within(1e-9));
    assertThat(result().of(Mode.ASYMML).projectedMillis(3)).isEqualTo(3 * 50 + 6, within(1e-9));
    assertThat(result().projectedRatio(3).orElseThrow())
        .isEqualTo((3 * 124 + 6) / 156.0, within(1e-9));
  }

  @Test
  void a_placement_names_the_rank_of_the_layer() {
    assertThat(result().placement(Mode.ASYMML, "conv1")).isEqualTo("trusted");
    assertThat(result().placement(Mode.ASYMML, "conv3")).isEqualTo("split, rank 4");
    assertThat(result().placement(Mode.TRUSTED_ONLY, "conv3")).isEqualTo("trusted");
    assertThat(result().placement(Mode.ASYMML, "whole step")).isEmpty();
  }

  @Test
  void the_file_has_costs_by_mode_layer_and_kind_of_work() throws Exception {
    Path file = directory.resolve("bench.json");
    new BenchFile(SPEC, RATES, "1.2.3").write(file, result(), OptionalDouble.of(3));
    Map<String, Object> facts = RunFile.read(file);
    assertThat(facts)
        .containsEntry("version", "1.2.3")
        .containsEntry("model", "cnn")
        .containsEntry("batchSize", 4)
        .containsEntry("rank", "1/8")
        .containsEntry("noiseRatio", 0.1)
        .containsEntry("rounds", 2)
        .containsEntry("trustedCostRatio", 3.0);
    assertThat(facts.get("projectionNotMeasured"))
        .isEqualTo(
            Map.of(
                "enclaveSlowdown",
                3.0,
                "trusted-onlyWallMillis",
                378.0,
                "asymmlWallMillis",
                156.0));
    JsonNode mode = json(file).get("modes").get("asymml");
    assertThat(mode.get("trustedCpuMillisByRound"))
        .extracting(JsonNode::asDouble)
        .containsExactly(39.0, 41.0);
    assertThat(mode.get("floorCpuMillis").asDouble()).isEqualTo(20);
    assertThat(mode.get("workerPeakBytes").asLong()).isEqualTo(90);
    JsonNode layer = mode.get("layersMillis").get("conv3");
    assertThat(layer.get("placement").asString()).isEqualTo("split, rank 4");
    assertThat(layer.size()).isEqualTo(1 + Phase.values().length);
  }

  @Test
  void the_file_of_a_sweep_has_what_an_image_costs() throws Exception {
    Path file = directory.resolve("sweep.json");
    SweepResult sweep =
        new SweepResult(BenchSweep.parse("batch-size:4,8"), List.of(result(), result()));
    new BenchFile(SPEC, RATES, "1.2.3").write(file, sweep);
    JsonNode facts = json(file);
    assertThat(facts.get("sweep").asString()).isEqualTo("batch-size");
    assertThat(facts.has("trustedCostRatio")).isFalse();
    JsonNode values = facts.get("values");
    assertThat(values).extracting(v -> v.get("value").asString()).containsExactly("4", "8");
    assertThat(values.get(0).get("trustedCostRatio").asDouble()).isEqualTo(3);
    JsonNode asymml = values.get(0).get("modes").get("asymml");
    assertThat(asymml.get("trustedCpuMillisPerImage").asDouble()).isEqualTo(10);
    assertThat(asymml.get("bytesToWorkerPerImage").asDouble()).isEqualTo(250);
    assertThat(asymml.get("trustedPeakBytes").asLong()).isEqualTo(700);
  }

  private static JsonNode json(Path file) throws Exception {
    return JsonMapper.shared().readTree(Files.readString(file));
  }

  @Test
  void a_sweep_has_a_result_for_each_value() {
    assertThatThrownBy(() -> new SweepResult(BenchSweep.parse("batch-size:4,8"), List.of(result())))
        .hasMessage("1 results for 2 values");
  }
}
