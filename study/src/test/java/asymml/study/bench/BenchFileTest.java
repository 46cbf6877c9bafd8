package asymml.study.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.study.bench.BenchSpec.Processes;
import asymml.trusted.bench.MachineRates;
import asymml.trusted.bench.StepCost;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Mode;
import java.io.IOException;
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

/// Files of costs that the test makes up: steps of 4 images.
class BenchFileTest {
  private static final MachineRates RATES = new MachineRates(50, 10, 2);

  @TempDir Path folder;

  private static BenchSpec spec(Mode... modes) {
    BenchSpec base = BenchSpecTest.spec(modes);
    return new BenchSpec(base.network(), base.split(), base.rounds(), new Processes(3, "cpu", 2));
  }

  private static ModeCosts costs(
      BenchPoint point, Mode mode, double cpu, OptionalLong trusted, OptionalLong worker) {
    Map<String, Map<Phase, Double>> layers = new LinkedHashMap<>();
    layers.put("conv2", Map.of(Phase.WAIT, 6.0, Phase.NORM, 1.5));
    layers.put("whole step", Map.of(Phase.UPDATE, 2.0));
    return new ModeCosts(
        point.plan(mode),
        cpu / 2,
        List.of(new StepCost(cpu + 6, cpu, 8, 4000, 1000)),
        layers,
        trusted,
        worker);
  }

  private static BenchResult result(Mode... modes) {
    BenchPoint point = BenchPoint.of(spec(modes));
    Map<Mode, ModeCosts> costs = new LinkedHashMap<>();
    for (Mode mode : modes) {
      costs.put(
          mode,
          costs(
              point,
              mode,
              mode == Mode.ASYMML ? 24 : 60,
              OptionalLong.empty(),
              mode == Mode.ASYMML ? OptionalLong.of(77) : OptionalLong.empty()));
    }
    return new BenchResult(point, costs);
  }

  private JsonNode written(BenchResult result, OptionalDouble slowdown) throws IOException {
    Path file = folder.resolve("bench.json");
    new BenchFile(spec(Mode.ASYMML), RATES, "1.2.3").write(file, result, slowdown);
    return JsonMapper.shared().readTree(Files.readString(file));
  }

  @Test
  void the_head_says_on_what_the_figures_depend() throws Exception {
    JsonNode facts = written(result(Mode.ASYMML), OptionalDouble.empty());
    assertThat(facts.get("version").asString()).isEqualTo("1.2.3");
    assertThat(facts.get("model").asString()).isEqualTo("cnn");
    assertThat(facts.get("norm").asString()).isEqualTo("batch");
    assertThat(facts.get("decomposer").asString()).isEqualTo("shared");
    assertThat(facts.get("trustedLayers"))
        .extracting(JsonNode::asString)
        .containsExactly("first", "last");
    assertThat(facts.get("worker").asString()).isEqualTo("cpu");
    assertThat(facts.get("chunks").asInt()).isEqualTo(2);
    assertThat(facts.get("threads").asInt()).isEqualTo(3);
    assertThat(facts.get("steps").asInt()).isEqualTo(2);
    assertThat(facts.get("processors").asInt()).isPositive();
    assertThat(facts.get("input").asString()).isEqualTo("32x32x3");
    JsonNode rates = facts.get("machineRates");
    assertThat(rates.get("gflops").asDouble()).isEqualTo(50);
    assertThat(rates.get("gigabytesPerSecond").asDouble()).isEqualTo(10);
    assertThat(rates.get("noiseNanos").asDouble()).isEqualTo(2);
  }

  @Test
  void a_mode_has_all_kinds_of_work_whole_and_by_layer() throws Exception {
    JsonNode mode = written(result(Mode.ASYMML), OptionalDouble.empty()).at("/modes/asymml");
    assertThat(mode.get("wallMillis").asDouble()).isEqualTo(30);
    assertThat(mode.get("workerCpuMillis").asDouble()).isEqualTo(8);
    assertThat(mode.get("floorCpuMillis").asDouble()).isEqualTo(12);
    assertThat(mode.get("bytesToWorker").asLong()).isEqualTo(4000);
    JsonNode phases = mode.get("phasesMillis");
    assertThat(phases).hasSize(Phase.values().length);
    assertThat(phases.get("wait").asDouble()).isEqualTo(6);
    assertThat(phases.get("loss and update").asDouble()).isEqualTo(2);
    assertThat(phases.get("door").asDouble()).isZero();
    JsonNode layers = mode.get("layersMillis");
    assertThat(layers.propertyNames()).containsExactly("conv2", "whole step");
    assertThat(layers.at("/conv2/placement").asString()).isEqualTo("split, rank 2");
    assertThat(layers.at("/conv2/norm").asDouble()).isEqualTo(1.5);
    assertThat(layers.at("/whole step/placement").asString()).isEmpty();
  }

  @Test
  void what_nobody_measured_is_not_in_the_file() throws Exception {
    JsonNode facts = written(result(Mode.ASYMML), OptionalDouble.empty());
    assertThat(facts.has("trustedCostRatio")).isFalse();
    assertThat(facts.has("projectionNotMeasured")).isFalse();
    assertThat(facts.get("modes").propertyNames()).containsExactly("asymml");
    assertThat(facts.at("/modes/asymml").has("trustedPeakBytes")).isFalse();
    assertThat(facts.at("/modes/asymml/workerPeakBytes").asLong()).isEqualTo(77);
  }

  /// 60 over 24; and of 66 and 30 milliseconds all but 6 take twice as long.
  @Test
  void two_modes_have_a_ratio_and_a_projection_that_says_what_it_is() throws Exception {
    JsonNode facts = written(result(Mode.TRUSTED_ONLY, Mode.ASYMML), OptionalDouble.of(2));
    assertThat(facts.get("trustedCostRatio").asDouble()).isEqualTo(2.5);
    JsonNode projection = facts.get("projectionNotMeasured");
    assertThat(projection.get("enclaveSlowdown").asDouble()).isEqualTo(2);
    assertThat(projection.get("trusted-onlyWallMillis").asDouble()).isEqualTo(126);
    assertThat(projection.get("asymmlWallMillis").asDouble()).isEqualTo(54);
  }

  @Test
  void a_sweep_has_a_line_for_each_value_per_image() throws Exception {
    Path file = folder.resolve("sweep.json");
    BenchResult one = result(Mode.ASYMML);
    new BenchFile(spec(Mode.ASYMML), RATES, "1.2.3")
        .write(file, new SweepResult(BenchSweep.parse("rank:2,1/8"), List.of(one, one)));
    JsonNode facts = JsonMapper.shared().readTree(Files.readString(file));
    assertThat(facts.get("sweep").asString()).isEqualTo("rank");
    assertThat(facts.has("modes")).isFalse();
    assertThat(facts.get("values"))
        .extracting(value -> value.get("value").asString())
        .containsExactly("2", "1/8");
    JsonNode figures = facts.at("/values/1/modes/asymml");
    assertThat(figures.get("trustedCpuMillisPerImage").asDouble()).isEqualTo(6);
    assertThat(figures.get("workerCpuMillisPerImage").asDouble()).isEqualTo(2);
    assertThat(figures.get("wallMillisPerImage").asDouble()).isEqualTo(7.5);
    assertThat(figures.get("bytesToWorkerPerImage").asDouble()).isEqualTo(1000);
    assertThat(figures.get("bytesFromWorkerPerImage").asDouble()).isEqualTo(250);
    assertThat(figures.has("trustedPeakBytes")).isFalse();
    assertThat(facts.at("/values/0").has("trustedCostRatio")).isFalse();
  }

  @Test
  void a_file_that_cannot_be_written_is_named_in_a_line() {
    Path file = folder.resolve("nowhere/bench.json");
    BenchFile bench = new BenchFile(spec(Mode.ASYMML), RATES, "1.2.3");
    BenchResult result = result(Mode.ASYMML);
    assertThatThrownBy(() -> bench.write(file, result, OptionalDouble.empty()))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot write " + file + ": no such file or directory");
  }
}
