package asymml.cli;

import asymml.cli.options.RunOptions;
import asymml.cli.options.SettingFlags;
import asymml.cli.options.ThreadOptions;
import asymml.cli.options.WorkerRecord;
import asymml.cli.table.ConfusionTable;
import asymml.cli.terminal.DataOpening;
import asymml.session.DataSpec;
import asymml.session.InferenceSession;
import asymml.session.InferenceSpec;
import asymml.session.InvalidSpecException;
import asymml.session.Limit;
import asymml.session.TrainedRun;
import asymml.trusted.data.DataException;
import asymml.trusted.data.Progress;
import asymml.trusted.data.TestSet;
import asymml.trusted.run.RunFile;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml eval`.
@Command(
    name = "eval",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    defaultValueProvider = SettingFlags.InferenceDefaults.class,
    description =
        "Tests a trained model, wholly on the trusted side, where nothing is released, or with"
            + " --worker together with an untrusted worker.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml eval --run runs/mine",
      "  asymml eval --run runs/mine --data other.zip --limit-test 1000",
      "  asymml eval --run runs/mine --json scores.json",
      "  asymml eval --run runs/mine --worker local --noise-ratio 0.1"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class EvalCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private RunOptions runOptions;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description =
          "Data set whose test split is used; it needs no other (default: that of the run).")
  private @Nullable String data;

  @Option(
      names = "--limit-test",
      paramLabel = "N",
      description = "Test on N images, chosen by the run's seed (default: as the run did).")
  private @Nullable Limit limitTest;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "64",
      description = "Images at a time (default: ${DEFAULT-VALUE}).")
  private int batchSize;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description =
          "Write all scores and the confusion matrix; as eval.json in the run directory they are"
              + " part of its report (default: do not).")
  private @Nullable Path json;

  @Mixin private ThreadOptions threads;

  @SuppressWarnings("UnusedVariable") // picocli reads it
  @Mixin
  private final CommandSpec flags = SettingFlags.inferenceMixin();

  @Mixin private WorkerRecord workerRecord;

  @Override
  public Integer call() throws DataException, IOException, TrainingException {
    if (batchSize < 1) {
      throw new ParameterException(
          spec.commandLine(), "--batch-size must be at least 1: " + batchSize);
    }
    threads.apply();
    @Nullable InferenceSpec split =
        InferenceFlags.spec(spec, batchSize, threads.number(), workerRecord);
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun run = runOptions.open()) {
      out.println("model    " + run.whichModel());
      DataSpec own = run.spec().data();
      TestSet test =
          run.openTest(
              own.withSource(data == null ? own.source() : data)
                  .withLimits(Limit.NONE, limitTest == null ? own.limitTest() : limitTest),
              DataOpening.reporter(out));
      if (split == null) {
        print(test, run.evaluate(test.images(), batchSize));
      } else {
        evaluate(run, test, split);
      }
    }
    return ExitCode.OK;
  }

  private void evaluate(TrainedRun run, TestSet test, InferenceSpec split)
      throws DataException, IOException, TrainingException {
    PrintWriter out = spec.commandLine().getOut();
    Progress progress = DataOpening.reporter(out);
    try (InferenceSession session = InferenceFlags.open(spec, run, split, progress)) {
      Evaluator.Score score =
          session.evaluate(
              test.images(), (done, total) -> progress.update("classifying images", done, total));
      print(test, score);
      out.println();
      InferenceFlags.printStatement(session, out);
    } catch (InvalidSpecException e) {
      throw UsageErrors.of(spec, e);
    }
  }

  private void print(TestSet test, Evaluator.Score score) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    ConfusionTable table = new ConfusionTable(test, score);
    table.print(out);
    if (json != null) {
      RunFile.write(json, table.facts());
      out.println("written  " + json);
    }
  }
}
