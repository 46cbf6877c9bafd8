package asymml.cli;

import asymml.kernels.Kernels;
import asymml.report.RunDescription;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.Provenance;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Writes `run.json`: what a run was made with and how it ended.
final class RunRecord {
  static final String RUNNING = "running";
  static final String FINISHED = "finished";

  private final RunLayout layout;
  private final RunHeader header;
  private final Settings settings;
  private final Provenance provenance;

  RunRecord(RunLayout layout, RunHeader header, Settings settings, List<String> arguments) {
    this.layout = layout;
    this.header = header;
    this.settings = settings;
    this.provenance =
        Provenance.ofThisProcess(
            Build.version(), Kernels.version(), header.data().train().digest(), arguments);
  }

  RunLayout layout() {
    return layout;
  }

  /// Writes the file.
  ///
  /// @param outcome `running`, `finished`, `stopped`, or `failed: ...`
  void write(String outcome) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("outcome", outcome);
    facts.put("provenance", provenance);
    facts.put("config", settings.values());
    facts.put("data", header.describeData());
    facts.put("trainingImages", header.data().train().size());
    Map<String, String> plan = new LinkedHashMap<>();
    header.plan().layers().forEach((name, placement) -> plan.put(name, placement.toString()));
    facts.put("plan", plan);
    if (outcome.equals(RUNNING)) {
      // What it has cost changes with every step: the number of one moment would be read as the
      // cost.
      facts.put("privacy", "under way: see ledger.json");
    } else if (Files.exists(layout.ledger())) {
      facts.put(
          "privacy", PrivacyLedgerCommand.statement(LedgerFile.read(layout.ledger())).facts());
    } else if (!header.plan().needsWorker()) {
      facts.put("privacy", RunDescription.privacyOfTrustedOnly());
    }
    facts.put("trustedProcess", RunDescription.NOT_PROTECTED);
    List<EpochMetrics> epochs =
        Files.exists(layout.metrics()) ? MetricsLog.readAll(layout.metrics()) : List.of();
    facts.put("epochsDone", epochs.size());
    if (!epochs.isEmpty()) {
      facts.put("lastEpoch", epochs.getLast());
    }
    RunFile.write(layout.runFile(), facts);
  }
}
