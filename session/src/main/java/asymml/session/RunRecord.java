package asymml.session;

import asymml.kernels.Kernels;
import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.Provenance;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/// Writes `run.json`: what a run was made with and how it ended. A [TrainingSession] does so by
/// itself.
public final class RunRecord {
  static final String RUNNING = "running";

  /// What this version's trusted process says of its protection, wherever it introduces itself.
  public static final String NOT_PROTECTED = "not running in a TEE (simulation, not protected)";

  private final RunLayout layout;
  private final ResolvedRun run;
  private final Provenance provenance;
  private final String protection;

  /// A record of a run.
  ///
  /// @param layout where the file goes
  /// @param run what is run
  /// @param arguments of the calling program
  public RunRecord(RunLayout layout, ResolvedRun run, List<String> arguments) {
    this(layout, run, arguments, NOT_PROTECTED);
  }

  RunRecord(RunLayout layout, ResolvedRun run, List<String> arguments, String protection) {
    this.layout = layout;
    this.run = run;
    this.protection = protection;
    this.provenance =
        Provenance.ofThisProcess(
            version(), Kernels.version(), run.data().train().digest(), arguments);
  }

  /// The version of this program.
  static String version() {
    Properties build = new Properties();
    try (InputStream in = RunRecord.class.getResourceAsStream("build.properties")) {
      if (in == null) {
        throw new IllegalStateException("the build left out build.properties");
      }
      build.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read build.properties", e);
    }
    return build.getProperty("version");
  }

  /// What a run that is resumed has released.
  ///
  /// @throws TrainingException if nobody knows
  static Ledger earlierLedger(RunLayout layout) throws IOException, TrainingException {
    if (!Files.exists(layout.ledger())) {
      throw new TrainingException(
          "%s cannot be resumed: without its ledger.json nobody knows what it has released; start anew in another directory"
              .formatted(layout.directory()));
    }
    return LedgerFile.read(layout);
  }

  /// What a run has cost so far, by the tight accountant.
  ///
  /// @return null if it has no ledger
  static @Nullable PrivacyStatement statement(RunLayout layout) throws IOException {
    @Nullable Ledger ledger = LedgerFile.readIfAny(layout);
    return ledger == null ? null : PrivacyStatement.of(ledger, new PldAccountant());
  }

  /// Refuses a ledger that is older than a model: it would state too small an epsilon.
  ///
  /// @param directory of the run, for the message
  /// @param ledger of the run
  /// @param model of the run
  /// @throws IOException if the ledger lists fewer steps than the model has had
  public static void requireLedgerOf(Path directory, Ledger ledger, TrainedModel model)
      throws IOException {
    if (ledger.steps() < model.step()) {
      throw new IOException(
          "the ledger of %s is behind its checkpoint (%s steps of %s): it is not the one of this model, and what that has cost is not known"
              .formatted(directory, ledger.steps(), model.step()));
    }
  }

  /// The epochs that a run has done.
  ///
  /// @param layout where it is written
  /// @return their metrics, in order
  /// @throws IOException if the file is damaged
  public static List<EpochMetrics> epochs(RunLayout layout) throws IOException {
    return MetricsLog.readAll(layout);
  }

  /// Writes the file.
  ///
  /// @param outcome `running`, `finished`, `stopped`, `budget spent`, or `failed: ...`
  /// @throws IOException if it cannot be written, or metrics or ledger are damaged
  public void write(String outcome) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("outcome", outcome);
    facts.put("provenance", provenance);
    facts.put("config", Settings.of(run.spec()).values());
    facts.put("data", run.describeData());
    facts.put("trainingImages", run.data().train().size());
    if (!run.data().leftOut().isEmpty()) {
      facts.put("imagesLeftOut", run.data().leftOut());
    }
    Map<String, String> plan = new LinkedHashMap<>();
    run.plan().layers().forEach((name, placement) -> plan.put(name, placement.toString()));
    facts.put("plan", plan);
    putPrivacy(facts, outcome);
    facts.put("trustedProcess", protection);
    List<EpochMetrics> epochs = epochs(layout);
    facts.put("epochsDone", epochs.size());
    if (!epochs.isEmpty()) {
      facts.put("lastEpoch", epochs.getLast());
    }
    RunFile.write(layout.store(), layout.runFile(), facts);
  }

  private void putPrivacy(Map<String, Object> facts, String outcome) throws IOException {
    if (outcome.equals(RUNNING)) {
      // What it has cost changes with every step: the number of one moment would be read as the
      // cost.
      facts.put("privacy", "under way: see ledger.json");
      return;
    }
    @Nullable PrivacyStatement statement = statement(layout);
    if (statement != null) {
      facts.put("privacy", statement.facts());
    } else if (!run.needsWorker()) {
      facts.put("privacy", TrainingResult.NOTHING_RELEASED);
    }
  }

  /// Notes a failure. A run that never began leaves no record, so that the next attempt can use its
  /// directory.
  void failed(Exception e) throws IOException {
    if (Files.exists(layout.config())) {
      write("failed: " + e.getMessage());
    }
  }
}
