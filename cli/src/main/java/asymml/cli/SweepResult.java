package asymml.cli;

import asymml.trusted.bench.StepCost;
import asymml.trusted.plan.Mode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/// The figures of a sweep, for one image.
///
/// @param header what was measured
/// @param sweep over which values
/// @param results by value
record SweepResult(BenchHeader header, BenchSweep sweep, List<BenchResult> results)
    implements BenchOutput {
  @Override
  public void print(PrintWriter out) {
    int width = "per image".length();
    for (int i = 0; i < results.size(); i++) {
      width = Math.max(width, sweep.place(i).length());
    }
    String row = "%-" + width + "s  %-14s  %14s  %13s  %8s  %9s  %11s  %12s  %5s%n";
    out.printf(
        row,
        "per image",
        "mode",
        "trusted CPU ms",
        "worker CPU ms",
        "wall ms",
        "to worker",
        "from worker",
        "trusted peak",
        "ratio");
    for (int i = 0; i < results.size(); i++) {
      printRows(results.get(i), row, sweep.place(i), out);
    }
    out.println();
    out.println("ratio         trusted CPU of trusted-only over that of asymml");
    out.println(
        "trusted peak  of the process, not of an image: the most that was resident while the row was"
            + " measured, warm-up included");
  }

  private static void printRows(BenchResult result, String row, String place, PrintWriter out) {
    int batch = result.point().batchSize();
    result
        .modes()
        .forEach((mode, m) -> {
          StepCost cost = m.cost();
          out.printf(
              row,
              place,
              mode.label(),
              millis(cost.trustedCpuMillis() / batch),
              millis(cost.workerCpuMillis() / batch),
              millis(cost.wallMillis() / batch),
              Figures.bytes(cost.bytesToWorker() / batch),
              Figures.bytes(cost.bytesFromWorker() / batch),
              BenchResult.peak(m.trustedPeak()),
              mode == Mode.ASYMML ? ratio(result) : "");
        });
  }

  private static String millis(double millis) {
    return String.format(Locale.ROOT, "%.3f", millis);
  }

  private static String ratio(BenchResult result) {
    OptionalDouble ratio = result.trustedCostRatio();
    return ratio.isPresent() ? String.format(Locale.ROOT, "%.2f", ratio.getAsDouble()) : "";
  }

  @Override
  public Map<String, Object> facts() {
    Map<String, Object> facts = header.facts();
    facts.put("sweep", sweep.key().label());
    List<Object> values = new ArrayList<>();
    for (int i = 0; i < results.size(); i++) {
      Map<String, Object> value = new LinkedHashMap<>();
      value.put("value", sweep.values().get(i));
      value.putAll(facts(results.get(i)));
      values.add(value);
    }
    facts.put("values", values);
    return facts;
  }

  private static Map<String, Object> facts(BenchResult result) {
    Map<String, Object> facts = result.point().facts();
    double batch = result.point().batchSize();
    Map<String, Object> modes = new LinkedHashMap<>();
    result
        .modes()
        .forEach((mode, m) -> {
          StepCost cost = m.cost();
          Map<String, Object> figures = new LinkedHashMap<>();
          figures.put("trustedCpuMillisPerImage", cost.trustedCpuMillis() / batch);
          figures.put("workerCpuMillisPerImage", cost.workerCpuMillis() / batch);
          figures.put("wallMillisPerImage", cost.wallMillis() / batch);
          figures.put("bytesToWorkerPerImage", cost.bytesToWorker() / batch);
          figures.put("bytesFromWorkerPerImage", cost.bytesFromWorker() / batch);
          m.trustedPeak().ifPresent(bytes -> figures.put("trustedPeakBytes", bytes));
          modes.put(mode.label(), figures);
        });
    facts.put("modes", modes);
    result.trustedCostRatio().ifPresent(ratio -> facts.put("trustedCostRatio", ratio));
    return facts;
  }

  @Override
  public List<String> draw(Path file) throws IOException {
    SweepChart.write(this, file);
    return List.of(file.toString());
  }
}
