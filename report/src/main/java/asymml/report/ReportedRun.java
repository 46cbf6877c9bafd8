package asymml.report;

import asymml.model.Graph;
import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.session.RunRecord;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.session.owner.OwnedRun;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Plan;
import asymml.trusted.rank.RankFile;
import asymml.trusted.rank.RankReport;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// All that a run directory says of its run.
///
/// @param directory as the user named it
/// @param facts of `run.json`
/// @param settings of `config.yaml`
/// @param config what they say is computed
/// @param workers how many the settings name
/// @param graph the network; null without a checkpoint
/// @param epochs done, in order
/// @param ledger what was released; null if there is none
/// @param statement what that comes to; null without a ledger
/// @param ranks analyses by rising epoch; may be empty
/// @param evidence folders in the directory with evidence that an owner has accepted
public record ReportedRun(
    Path directory,
    Map<String, Object> facts,
    Map<String, Object> settings,
    TrainConfig config,
    int workers,
    @Nullable Graph graph,
    List<EpochMetrics> epochs,
    @Nullable Ledger ledger,
    @Nullable PrivacyStatement statement,
    List<RankReport> ranks,
    List<String> evidence) {
  /// The outcome of a run under way.
  static final String RUNNING = "running";

  /// The outcome of a run that did all of its epochs.
  static final String FINISHED = "finished";

  /// Whether a directory is one that `asymml train` made.
  ///
  /// @param directory to look in
  /// @return whether its files are there
  public static boolean isOne(Path directory) {
    RunLayout layout = new RunLayout(directory);
    return Files.isRegularFile(layout.runFile()) && Files.isRegularFile(layout.config());
  }

  /// Reads a run.
  ///
  /// @param directory a run directory
  /// @return what it holds
  /// @throws IOException one line that names the file that cannot be read
  public static ReportedRun read(Path directory) throws IOException {
    RunLayout layout = new RunLayout(directory);
    Settings settings;
    TrainingSpec spec;
    try {
      settings = Settings.read(layout.config());
      spec = settings.spec();
    } catch (IllegalArgumentException e) {
      throw new IOException(layout.config() + " has unusable settings: " + e.getMessage(), e);
    }
    Ledger ledger = LedgerFile.readIfAny(layout.ledger());
    return new ReportedRun(
        directory,
        RunFile.read(layout.runFile()),
        settings.values(),
        spec.training(),
        spec.workers().workers().size(),
        graph(layout, ledger),
        Files.exists(layout.metrics()) ? MetricsLog.readAll(layout.metrics()) : List.of(),
        ledger,
        ledger == null ? null : PrivacyStatement.of(ledger, new PldAccountant()),
        RankFile.read(layout.rank()).reports(),
        evidence(directory));
  }

  private static @Nullable Graph graph(RunLayout layout, @Nullable Ledger ledger)
      throws IOException {
    if (!Files.isRegularFile(layout.checkpoint())) {
      return null;
    }
    try (TrainedModel model = TrainedModel.read(layout.checkpoint())) {
      if (ledger != null) {
        RunRecord.requireLedgerOf(layout.directory(), ledger, model);
      }
      return model.graph();
    }
  }

  /// Its directory's own name.
  String name() {
    Path name = directory.toAbsolutePath().normalize().getFileName();
    return name == null ? directory.toString() : name.toString();
  }

  /// A fact of `run.json` as text.
  Optional<String> fact(String key) {
    return Optional.ofNullable(facts.get(key)).map(Object::toString);
  }

  /// What protected its trusted process: the TEE that its owner has accepted, where the record says
  /// so and the evidence is beside it.
  String trustedProcess() {
    String said = fact("trustedProcess").orElse(RunRecord.NOT_PROTECTED);
    if (said.equals(RunRecord.NOT_PROTECTED)) {
      return said;
    }
    return evidence.isEmpty()
        ? said + "; " + RunRecord.NOT_PROTECTED
        : said + "; evidence and decision in " + String.join(", ", evidence);
  }

  /// Whether an owner has accepted its evidence, and it was no simulation.
  boolean isProtected() {
    String said = trustedProcess();
    return !said.contains(RunRecord.NOT_PROTECTED) && !said.startsWith(OwnedRun.SIMULATION);
  }

  /// Folders of a run directory with evidence, in order.
  private static List<String> evidence(Path directory) {
    List<String> folders = new ArrayList<>();
    for (int i = 1; Files.isRegularFile(directory.resolve(evidence(i) + "/evidence.bin")); i++) {
      folders.add(evidence(i));
    }
    return folders;
  }

  private static String evidence(int request) {
    return "evidence/" + request;
  }

  /// Where and with what it was made.
  Map<?, ?> provenance() {
    return facts.get("provenance") instanceof Map<?, ?> map ? map : Map.of();
  }

  /// The arguments of the command that made it.
  List<String> arguments() {
    return provenance().get("commandLine") instanceof List<?> list
        ? list.stream().map(String::valueOf).toList()
        : List.of();
  }

  /// Images of the training split; empty in a run of an earlier version.
  Optional<Long> trainingImages() {
    return facts.get("trainingImages") instanceof Number number
        ? Optional.of(number.longValue())
        : Optional.empty();
  }

  /// Where its layers run.
  ///
  /// @param network its graph
  Plan plan(Graph network) {
    return Plan.of(
        network, config.mode(), config.decomposition(), config.rank(), config.trustedLayers());
  }

  /// Placement by layer, as `run.json` has it.
  Map<?, ?> placements() {
    return facts.get("plan") instanceof Map<?, ?> map ? map : Map.of();
  }

  /// Whether its plan lets anything out.
  boolean needsWorker() {
    String trusted = new Placement.Trusted().toString();
    return placements().values().stream().anyMatch(placement -> !trusted.equals(placement));
  }
}
