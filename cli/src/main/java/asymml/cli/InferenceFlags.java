package asymml.cli;

import asymml.cli.options.SettingFlags;
import asymml.cli.options.WorkerRecord;
import asymml.privacy.QueryStatement;
import asymml.report.Figures;
import asymml.session.InferenceSession;
import asymml.session.InferenceSpec;
import asymml.session.InvalidSpecException;
import asymml.session.RunRecord;
import asymml.session.Settings;
import asymml.session.TrainedRun;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.data.Progress;
import asymml.trusted.plan.Placement;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/// The settings of inference with workers on a command line, and its messages.
final class InferenceFlags {
  private static final String WORKER = "worker";

  private InferenceFlags() {}

  /// What the flags ask for.
  ///
  /// @param command with the flags of [SettingFlags#inferenceMixin]
  /// @param batchSize images at a time
  /// @param threads of either process
  /// @param record what a worker that is started here keeps
  /// @return null without a worker
  /// @throws ParameterException if a flag is wrong, or has no effect
  static @Nullable InferenceSpec spec(
      CommandSpec command, int batchSize, int threads, WorkerRecord record) {
    Map<String, Object> values = new LinkedHashMap<>();
    SettingFlags.given(command.commandLine().getParseResult())
        .values()
        .forEach((key, value) -> {
          if (InferenceSpec.SETTINGS.contains(key)) {
            values.put(key, value);
          }
        });
    if (!values.containsKey(WORKER)) {
      if (!values.isEmpty() || record.isGiven()) {
        throw new ParameterException(
            command.commandLine(),
            "--%s has no effect without --worker: all is computed here"
                .formatted(values.isEmpty() ? "worker-record" : values.keySet().iterator().next()));
      }
      return null;
    }
    Map<String, Object> all = new LinkedHashMap<>(values);
    all.put("batch-size", Integer.toString(batchSize));
    all.put("threads", Integer.toString(threads));
    return UsageErrors.checked(
        command,
        () -> {
          TrainingSpec settings = new Settings(all).spec();
          InferenceSpec asked = InferenceSpec.of(settings);
          requireEffect(values, settings);
          return record.isGiven()
              ? InferenceSpec.of(
                  settings.withWorkers(
                      settings.workers().withLocalArguments(record.arguments(settings))))
              : asked;
        });
  }

  /// The same for a command whose batch size has an effect only with a worker.
  ///
  /// @param given images at a time; null for the default
  /// @param usual that default
  static @Nullable InferenceSpec spec(
      CommandSpec command, @Nullable Integer given, int usual, int threads, WorkerRecord record) {
    if (given != null && given < 1) {
      throw new ParameterException(
          command.commandLine(), "--batch-size must be at least 1: " + given);
    }
    @Nullable InferenceSpec split = spec(command, given == null ? usual : given, threads, record);
    if (split == null && given != null) {
      throw new ParameterException(
          command.commandLine(), "--batch-size has no effect without --worker");
    }
    return split;
  }

  /// Refuses flags that would be ignored.
  private static void requireEffect(Map<String, Object> given, TrainingSpec settings) {
    Map<String, String> ignored = new LinkedHashMap<>(Settings.withoutEffect(settings));
    ignored.keySet().retainAll(given.keySet());
    if (settings.training().shield().masks() && given.containsKey("clip")) {
      ignored.put("clip", "with --shield shares: values are scaled, not clipped");
    }
    ignored.forEach((key, reason) -> {
      throw new IllegalArgumentException("--%s has no effect %s".formatted(key, reason));
    });
  }

  /// Starts or connects the workers, and says who computes what.
  ///
  /// @param command for errors
  /// @param run of the model
  /// @param split who computes, and on what terms
  /// @param progress of the decoding of public images
  /// @throws ParameterException if the model cannot be split so, or cannot be accounted for
  static InferenceSession open(
      CommandSpec command, TrainedRun run, InferenceSpec split, Progress progress)
      throws DataException, IOException {
    InferenceSession session;
    try {
      session = InferenceSession.open(run, split, progress);
    } catch (InvalidSpecException e) {
      throw UsageErrors.of(command, e);
    }
    PrintWriter out = command.commandLine().getOut();
    long remote = session.plan().layers().values().stream().filter(Placement::needsWorker).count();
    out.printf(
        "plan     %s, shield %s, noise %s: %s of %s linear layers at the worker%n",
        split.settings().training().mode().label(),
        split.settings().training().shield(),
        split.settings().training().noise(),
        remote,
        session.plan().layers().size());
    out.printf(
        "trusted  this process, %s threads; %s%n",
        split.settings().threads(), RunRecord.NOT_PROTECTED);
    session.workers().forEach(worker -> out.println("worker   " + worker));
    out.flush();
    return session;
  }

  /// Says what the images cost.
  static void printStatement(InferenceSession session, PrintWriter out) throws IOException {
    QueryStatement statement = session.statement();
    out.printf(
        "queries  %s images sent now, %s since the model was trained: see queries.jsonl%n",
        Figures.grouped(statement.queries()), Figures.grouped(session.allQueries()));
    statement.lines().forEach(line -> out.println("privacy  " + line));
    out.flush();
  }
}
