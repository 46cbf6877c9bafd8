package asymml.report;

import asymml.session.RunRecord;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What `asymml bench --json` wrote: what a step costs, mode against mode.
///
/// @param file as the user named it
/// @param facts its contents
public record ReportedBench(Path file, Map<String, Object> facts) {
  private static final String NONE = "–";

  /// Reads a benchmark.
  ///
  /// @param file as the user named it
  /// @return what it holds
  /// @throws IOException one line that names the file, if it cannot be read or is no benchmark
  public static ReportedBench read(Path file) throws IOException {
    ReportedBench bench = new ReportedBench(file, RunFile.read(file));
    boolean phases =
        bench.modes().values().stream()
            .allMatch(m -> m instanceof Map<?, ?> mode && mode.get("phasesMillis") instanceof Map);
    if (bench.modes().isEmpty() || !phases) {
      throw new IOException(
          file + " is no benchmark: give what 'asymml bench --json' wrote, without --sweep");
    }
    return bench;
  }

  private Map<?, ?> modes() {
    return map(facts, "modes");
  }

  private static Map<?, ?> map(Map<?, ?> from, String key) {
    return from.get(key) instanceof Map<?, ?> map ? map : Map.of();
  }

  String model() {
    return String.valueOf(facts.get("model"));
  }

  /// Adds the figures of a step and, by mode, those of each layer.
  void appendTo(PageSection page, String id) {
    PageSection section = page.section(id, "Benchmark " + model());
    section.text(
        ("Whole training steps on random images: %s, %s norm, batch %s of %s, rank %s, worker %s,"
                + " %s threads a process on %s processors. Trusted process: %s.")
            .formatted(
                model(),
                facts.get("norm"),
                facts.get("batchSize"),
                facts.get("input"),
                facts.get("rank"),
                facts.get("worker"),
                facts.get("threads"),
                facts.get("processors"),
                RunRecord.NOT_PROTECTED));
    if (facts.get("trustedCostRatio") instanceof Number ratio) {
      section.text(
          String.format(
              Locale.ROOT,
              "Trusted-cost ratio %.2f: trusted CPU of trusted-only over that of asymml.",
              ratio.doubleValue()));
    }
    section.table(steps());
    modes()
        .forEach(
            (mode, _) -> section.details(mode + " by layer").table(layers(String.valueOf(mode))));
  }

  private PageTable steps() {
    PageTable table =
        new PageTable("Milliseconds and bytes a step; below, where the trusted side's time goes")
            .words("per step")
            .numbers(modes().keySet().stream().map(String::valueOf).toArray(String[]::new));
    row(table, "wall ms", "wallMillis");
    row(table, "trusted CPU ms", "trustedCpuMillis");
    row(table, "worker CPU ms", "workerCpuMillis");
    row(table, "lower bound of trusted CPU ms", "floorCpuMillis");
    List<String> sent = new ArrayList<>(List.of("to the worker"));
    modes().values().forEach(mode -> sent.add(bytes((Map<?, ?>) mode, "bytesToWorker")));
    table.row(sent.toArray(String[]::new));
    for (Phase phase : Phase.values()) {
      List<String> row = new ArrayList<>(List.of(phase.label() + " ms"));
      modes()
          .values()
          .forEach(mode -> row.add(decimal(map((Map<?, ?>) mode, "phasesMillis"), phase.label())));
      table.row(row.toArray(String[]::new));
    }
    return table;
  }

  private void row(PageTable table, String title, String key) {
    List<String> row = new ArrayList<>(List.of(title));
    modes().values().forEach(mode -> row.add(decimal((Map<?, ?>) mode, key)));
    table.row(row.toArray(String[]::new));
  }

  private PageTable layers(String mode) {
    Map<?, ?> layers = map(map(modes(), mode), "layersMillis");
    List<String> used =
        List.of(Phase.values()).stream()
            .map(Phase::label)
            .filter(phase ->
                layers.values().stream()
                    .anyMatch(l ->
                        l instanceof Map<?, ?> layer
                            && layer.get(phase) instanceof Number n
                            && n.doubleValue() > 0))
            .toList();
    PageTable table =
        new PageTable("ms a step at each layer, with what follows it")
            .words("layer", "placement")
            .numbers(used.toArray(String[]::new));
    layers.forEach((name, values) -> {
      Map<?, ?> layer = values instanceof Map<?, ?> found ? found : Map.of();
      List<String> row = new ArrayList<>(List.of(String.valueOf(name)));
      row.add(layer.get("placement") instanceof String placement ? placement : "");
      used.forEach(phase -> row.add(decimal(layer, phase)));
      table.row(row.toArray(String[]::new));
    });
    return table;
  }

  private static String decimal(Map<?, ?> from, String key) {
    return from.get(key) instanceof Number number
        ? String.format(Locale.ROOT, "%.2f", number.doubleValue())
        : NONE;
  }

  private static String bytes(Map<?, ?> from, String key) {
    return from.get(key) instanceof Number number ? Figures.bytes(number.longValue()) : NONE;
  }
}
