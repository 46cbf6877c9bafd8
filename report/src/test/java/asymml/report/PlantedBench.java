package asymml.report;

import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// What `asymml bench --json` writes, planted.
final class PlantedBench {
  private PlantedBench() {}

  static Map<String, Object> facts() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("model", "cnn");
    facts.put("norm", "batch");
    facts.put("batchSize", 32);
    facts.put("input", "32x32x3");
    facts.put("rank", "1/8");
    facts.put("worker", "local");
    facts.put("threads", 1);
    facts.put("processors", 2);
    facts.put("trustedCostRatio", 2.5);
    Map<String, Object> modes = new LinkedHashMap<>();
    modes.put("trusted-only", mode(10, 0));
    modes.put("asymml", mode(4, 1_500_000));
    facts.put("modes", modes);
    return facts;
  }

  private static Map<String, Object> mode(double trustedCpuMillis, long bytes) {
    Map<String, Object> mode = new LinkedHashMap<>();
    mode.put("wallMillis", 12);
    mode.put("trustedCpuMillis", trustedCpuMillis);
    mode.put("bytesToWorker", bytes);
    mode.put("phasesMillis", Map.of(Phase.KERNELS.label(), 3.5));
    mode.put(
        "layersMillis",
        Map.of("conv2", Map.of("placement", "trusted", Phase.KERNELS.label(), 3.5)));
    return mode;
  }

  static Path write(Path file) throws IOException {
    RunFile.write(file, facts());
    return file;
  }
}
