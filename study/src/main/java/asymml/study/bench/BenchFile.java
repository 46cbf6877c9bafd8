package asymml.study.bench;

import asymml.trusted.bench.MachineRates;
import asymml.trusted.bench.StepCost;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;

/// A benchmark's JSON file.
///
/// @param spec what was measured
/// @param rates of the machine
/// @param version of this program
public record BenchFile(BenchSpec spec, MachineRates rates, String version) {
  /// Writes a result.
  ///
  /// @param file to write, in place of an earlier one
  /// @param result what was measured
  /// @param enclaveSlowdown of the projection; empty for none
  /// @throws IOException if the file cannot be written
  public void write(Path file, BenchResult result, OptionalDouble enclaveSlowdown)
      throws IOException {
    Map<String, Object> facts = header(result.point());
    facts.putAll(facts(result.point()));
    Map<String, Object> byMode = new LinkedHashMap<>();
    result.modes().forEach((mode, costs) -> byMode.put(mode.label(), facts(result, mode, costs)));
    facts.put("modes", byMode);
    result.trustedCostRatio().ifPresent(ratio -> facts.put("trustedCostRatio", ratio));
    enclaveSlowdown.ifPresent(slowdown -> {
      Map<String, Object> projection = new LinkedHashMap<>();
      projection.put("enclaveSlowdown", slowdown);
      result
          .modes()
          .forEach((mode, costs) ->
              projection.put(mode.label() + "WallMillis", costs.projectedMillis(slowdown)));
      facts.put("projectionNotMeasured", projection);
    });
    RunFile.write(file, facts);
  }

  /// Writes the results of a sweep, for one image.
  ///
  /// @param file to write, in place of an earlier one
  /// @param result what was measured
  /// @throws IOException if the file cannot be written
  public void write(Path file, SweepResult result) throws IOException {
    Map<String, Object> facts = header(result.results().getFirst().point());
    facts.put("sweep", result.sweep().key().label());
    List<Object> values = new ArrayList<>();
    for (int i = 0; i < result.results().size(); i++) {
      Map<String, Object> value = new LinkedHashMap<>();
      value.put("value", result.sweep().values().get(i));
      value.putAll(perImage(result.results().get(i)));
      values.add(value);
    }
    facts.put("values", values);
    RunFile.write(file, facts);
  }

  private Map<String, Object> header(BenchPoint first) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("version", version);
    facts.put("work", spec.inference() ? "inference" : "training step");
    facts.put("model", first.graph().name());
    facts.put("norm", spec.network().norm().name().toLowerCase(Locale.ROOT));
    facts.put("decomposer", spec.split().decomposition().label());
    facts.put("trustedLayers", spec.split().trustedLayers());
    facts.put("shield", spec.split().shield().toString());
    facts.put("noiseRatio", spec.split().noiseRatio());
    facts.put("update", spec.split().update().label());
    facts.put("worker", spec.processes().device());
    facts.put("chunks", spec.processes().chunks());
    facts.put("verify", spec.processes().verification().toString());
    facts.put("steps", spec.rounds().steps());
    facts.put("rounds", spec.rounds().rounds());
    facts.put("threads", spec.processes().threads());
    facts.put("processors", Runtime.getRuntime().availableProcessors());
    facts.put(
        "machineRates",
        Map.of(
            "gflops", rates.gflops(),
            "gigabytesPerSecond", rates.gigabytes(),
            "noiseNanos", rates.noiseNanos()));
    return facts;
  }

  private static Map<String, Object> facts(BenchPoint point) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("input", point.graph().input().toString());
    facts.put("batchSize", point.batchSize());
    facts.put("rank", point.rank().toString());
    return facts;
  }

  private static Map<String, Object> facts(BenchResult result, Mode mode, ModeCosts costs) {
    Map<String, Object> facts = new LinkedHashMap<>();
    StepCost cost = costs.cost();
    facts.put("wallMillis", cost.wallMillis());
    facts.put("imagesPerSecond", result.imagesPerSecond(mode));
    facts.put("trustedCpuMillis", cost.trustedCpuMillis());
    facts.put(
        "trustedCpuMillisByRound",
        costs.rounds().stream().map(StepCost::trustedCpuMillis).toList());
    facts.put("workerCpuMillis", cost.workerCpuMillis());
    facts.put("bytesToWorker", cost.bytesToWorker());
    facts.put("bytesFromWorker", cost.bytesFromWorker());
    costs.trustedPeak().ifPresent(bytes -> facts.put("trustedPeakBytes", bytes));
    costs.workerPeak().ifPresent(bytes -> facts.put("workerPeakBytes", bytes));
    facts.put("floorCpuMillis", costs.lowerBoundMillis());
    facts.put("phasesMillis", phases(costs::millis));
    Map<String, Object> layers = new LinkedHashMap<>();
    for (String layer : costs.layers().keySet()) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("placement", result.placement(mode, layer));
      row.putAll(phases(phase -> costs.millis(layer, phase)));
      layers.put(layer, row);
    }
    facts.put("layersMillis", layers);
    return facts;
  }

  private static Map<String, Double> phases(ToDoubleFunction<Phase> millis) {
    Map<String, Double> phases = new LinkedHashMap<>();
    for (Phase phase : Phase.values()) {
      phases.put(phase.label(), millis.applyAsDouble(phase));
    }
    return phases;
  }

  private static Map<String, Object> perImage(BenchResult result) {
    Map<String, Object> facts = facts(result.point());
    double batch = result.point().batchSize();
    Map<String, Object> modes = new LinkedHashMap<>();
    result
        .modes()
        .forEach((mode, costs) -> {
          StepCost cost = costs.cost();
          Map<String, Object> figures = new LinkedHashMap<>();
          figures.put("trustedCpuMillisPerImage", cost.trustedCpuMillis() / batch);
          figures.put("workerCpuMillisPerImage", cost.workerCpuMillis() / batch);
          figures.put("wallMillisPerImage", cost.wallMillis() / batch);
          figures.put("bytesToWorkerPerImage", cost.bytesToWorker() / batch);
          figures.put("bytesFromWorkerPerImage", cost.bytesFromWorker() / batch);
          costs.trustedPeak().ifPresent(bytes -> figures.put("trustedPeakBytes", bytes));
          modes.put(mode.label(), figures);
        });
    facts.put("modes", modes);
    result.trustedCostRatio().ifPresent(ratio -> facts.put("trustedCostRatio", ratio));
    return facts;
  }
}
