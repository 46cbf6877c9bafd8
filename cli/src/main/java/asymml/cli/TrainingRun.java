package asymml.cli;

import asymml.cli.terminal.DataOpening;
import asymml.cli.terminal.StopSignals;
import asymml.cli.terminal.TrainDisplay;
import asymml.interop.InitialWeights;
import asymml.privacy.Ledger;
import asymml.report.Figures;
import asymml.report.RankBounds;
import asymml.report.RankFiles;
import asymml.session.ResolvedRun;
import asymml.session.RunRecord;
import asymml.session.SessionListener;
import asymml.session.Settings;
import asymml.session.TrainingResult;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.rank.RankFile;
import asymml.trusted.rank.RankReport;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainConfig.Schedule;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;

/// One call of `asymml train`, from opening the data to the summary.
final class TrainingRun {
  /// How many names of parameters a line lists.
  private static final int NAMES = 6;

  private static final Path RUNS = Path.of("runs");

  private final TrainingSpec spec;
  private final CommandLine command;
  private final TrainDisplay display;
  private final PrintWriter out;
  private final RunLines lines;

  TrainingRun(TrainingSpec spec, boolean measured, CommandLine command, TrainDisplay display) {
    this.spec = spec;
    this.command = command;
    this.display = display;
    this.out = command.getOut();
    this.lines = new RunLines(out, spec, measured);
  }

  /// Trains.
  ///
  /// @param resumed the run to go on with, or null for a new one
  /// @param directory of a new run; empty for one named by the time
  /// @return the exit code
  int run(@Nullable Path resumed, String directory)
      throws DataException, IOException, TrainingException, RunException {
    if (!spec.usedWorkers().isEmpty()) {
      spec.workers().requireTrust();
    }
    ResolvedRun run = ResolvedRun.open(spec, DataOpening.reporter(out));
    int begun = resumed == null ? spec.training().epochs() : begunWith(resumed);
    try (TrainingSession session = session(run, resumed, directory);
        StopSignals signals = new StopSignals(command.getErr())) {
      session
          .arguments(command.getParseResult().originalArgs())
          .listener(new Shown(run))
          .stopWhen(signals::received);
      if (begun < spec.training().epochs()) {
        out.println(longer(begun));
      }
      long began = System.nanoTime();
      TrainingResult result = train(session);
      Duration time = Duration.ofNanos(System.nanoTime() - began);
      return switch (result.outcome()) {
        case FINISHED -> finished(run, result, time);
        case BUDGET_SPENT -> {
          out.println();
          out.println(
              "the privacy budget is spent: the last step inside it is done, and the run is saved");
          yield finished(run, result, time);
        }
        case EARLY_STOPPED -> {
          out.println();
          out.println(
              "validation accuracy has not improved for %s epochs: training ends"
                  .formatted(spec.training().validation().patience()));
          yield finished(run, result, time);
        }
        case STOPPED -> {
          printLeftOut(run);
          lines.statement(result);
          out.println("stopped and saved" + goOn(result.layout()));
          out.flush();
          yield signals.exitCode();
        }
      };
    }
  }

  /// How many epochs a run has had until now.
  private int begunWith(Path resumed) throws IOException {
    Path config = new RunLayout(resumed).config();
    return Files.isRegularFile(config)
        ? Settings.read(config).spec().training().epochs()
        : spec.training().epochs();
  }

  private String longer(int begun) {
    String line = "epochs   %s in place of %s".formatted(spec.training().epochs(), begun);
    return spec.training().optimizer().schedule() == Schedule.COSINE
        ? line
            + ": the learning rate follows the cosine of the longer run from here on, so that this"
            + " is not the run that would have begun with it"
        : line;
  }

  private static TrainingSession session(ResolvedRun run, @Nullable Path resumed, String directory)
      throws IOException {
    if (resumed != null) {
      return TrainingSession.resume(run, resumed);
    }
    return directory.isEmpty()
        ? TrainingSession.createUnder(run, RUNS)
        : TrainingSession.create(run, Path.of(directory));
  }

  private TrainingResult train(TrainingSession session)
      throws IOException, TrainingException, RunException {
    try (display) {
      return session.train();
    } catch (IOException e) {
      throw new RunException(e.getMessage() + goOn(session.layout()), e);
    }
  }

  private int finished(ResolvedRun run, TrainingResult result, Duration time) {
    EpochMetrics last = result.lastEpoch();
    String asymml = Build.command();
    Path directory = result.layout().directory();
    out.println();
    out.printf(
        "done in %s: %s accuracy %s, %s loss %s after %s epochs%n",
        Figures.time(time),
        last.heldOut(),
        Figures.percent(last.heldOutAccuracy()),
        last.heldOut(),
        Figures.loss(last.heldOutLoss()),
        last.epoch());
    if (spec.training().choosesBest()) {
      result
          .bestEpoch()
          .ifPresent(best ->
              out.printf(
                  "best     epoch %s: validation accuracy %s, loss %s; its model is the run's%n",
                  best.epoch(),
                  Figures.percent(best.heldOutAccuracy()),
                  Figures.loss(best.heldOutLoss())));
    }
    printLeftOut(run);
    lines.statement(result);
    String word = ShellWord.of(directory);
    out.printf("The run is in %s. Next:%n", directory);
    out.printf("  %s eval --run %s%n", asymml, word);
    out.printf("  %s predict --run %s IMAGE...%n", asymml, word);
    if (result.statement() != null) {
      out.printf("  %s privacy ledger %s%n", asymml, word);
    }
    out.printf("  tensorboard --logdir %s%n", ShellWord.of(result.layout().events()));
    out.flush();
    return ExitCode.OK;
  }

  private void printLeftOut(ResolvedRun run) {
    if (!run.describeLeftOut().isEmpty()) {
      out.println("skipped  " + run.describeLeftOut() + "; run.json lists all");
    }
  }

  /// How to go on with a run that has a checkpoint: the end of a line.
  private String goOn(RunLayout layout) throws IOException {
    if (!Files.isRegularFile(layout.checkpoint())) {
      return "";
    }
    return saved(layout, spec.training().epochs())
        + ", resume with: %s train --resume %s"
            .formatted(Build.command(), ShellWord.of(layout.directory()));
  }

  /// What the checkpoint holds: metrics may be an epoch ahead of it.
  static String saved(RunLayout layout, int epochs) throws IOException {
    try (TrainedModel model = TrainedModel.read(layout.checkpoint())) {
      return "; the checkpoint has %s of %s epochs (%s steps)"
          .formatted(model.epoch(), epochs, model.step());
    }
  }

  /// What is printed while a session runs.
  private final class Shown implements SessionListener {
    private final ResolvedRun run;

    private Shown(ResolvedRun run) {
      this.run = run;
    }

    @Override
    public void workersConnected(List<String> workers, RunLayout layout) {
      lines.begun(run, run.describeData(), RunRecord.NOT_PROTECTED, workers, layout);
    }

    @Override
    public void initialised(InitialWeights initial) {
      initial.lines(NAMES).forEach(line -> out.println("init     " + line));
      out.flush();
    }

    @Override
    public void forecast(Ledger ledger) {
      lines.forecast(ledger);
    }

    @Override
    public void ranksAnalysed(RankReport report, String model, RunLayout layout)
        throws IOException {
      new RankFiles(layout).draw(RankFile.read(layout.rank()), model);
      out.println(new RankBounds(report).summary());
      out.flush();
    }

    @Override
    public TrainListener display() {
      return display;
    }
  }
}
