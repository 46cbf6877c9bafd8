package asymml.cli;

import asymml.model.Graph;
import asymml.report.Figures;
import asymml.report.RunDescription;
import asymml.trusted.bench.MachineRates;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/// What a benchmark measures, where, and with what.
///
/// @param options as given
/// @param points what is measured, at least one
/// @param rates of this machine
record BenchHeader(BenchCommand options, List<BenchPoint> points, MachineRates rates) {
  void print(PrintWriter out) {
    Graph graph = points.getFirst().graph();
    out.printf(
        "model    %s, batch %s of %s, %s norm; %d linear layers%n",
        graph.name(),
        each(BenchPoint::batchSize),
        each(point -> point.graph().input()),
        Labels.of(options.norm),
        graph.linearLayers().size());
    out.printf(
        "plan     shield %s, rank %s, %s decomposition, noise ratio %s; trusted whole: %s%n",
        options.shield.shield(),
        each(BenchPoint::rank),
        options.decomposer.label(),
        Figures.plain(options.noiseRatio()),
        String.join(", ", options.trustedLayers));
    out.printf(
        "machine  %d processors, %d thread(s) a process; one core: %.0f GFLOP/s in products, %.0f"
            + " GB/s in copies, %.2f ns a sample of noise%n",
        Runtime.getRuntime().availableProcessors(),
        options.threads(),
        rates.gflops(),
        rates.gigabytes(),
        rates.noiseNanos());
    String worker =
        options.workerDelay == null
            ? options.worker.toString()
            : "EMULATED: computes nothing, answers each request after %d microseconds"
                .formatted(options.workerDelay);
    int chunks = options.chunks.number();
    out.println(
        "worker   " + worker + (chunks == 1 ? "" : ", batches in %d chunks".formatted(chunks)));
    out.println("trusted  this process; " + RunDescription.NOT_PROTECTED);
    out.flush();
  }

  /// A property of the points, once where they share it.
  private String each(Function<BenchPoint, Object> property) {
    return points.stream()
        .map(property)
        .distinct()
        .map(Object::toString)
        .collect(Collectors.joining(" | "));
  }

  /// For a file.
  Map<String, Object> facts() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("version", Build.version());
    facts.put("model", points.getFirst().graph().name());
    facts.put("norm", Labels.of(options.norm));
    facts.put("decomposer", options.decomposer.label());
    facts.put("trustedLayers", options.trustedLayers);
    facts.put("shield", options.shield.shield().toString());
    facts.put("noiseRatio", options.noiseRatio());
    facts.put("worker", options.device());
    facts.put("chunks", options.chunks.number());
    facts.put("steps", options.steps);
    facts.put("rounds", options.rounds);
    facts.put("threads", options.threads());
    facts.put("processors", Runtime.getRuntime().availableProcessors());
    facts.put(
        "machineRates",
        Map.of(
            "gflops", rates.gflops(),
            "gigabytesPerSecond", rates.gigabytes(),
            "noiseNanos", rates.noiseNanos()));
    return facts;
  }
}
