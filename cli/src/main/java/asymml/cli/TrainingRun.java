package asymml.cli;

import asymml.kernels.Kernels;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.privacy.Ledger;
import asymml.report.Figures;
import asymml.report.PrivacyForecast;
import asymml.report.PrivacySummary;
import asymml.report.RunDescription;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.plan.Plan;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunDirectory;
import asymml.trusted.run.RunLayout;
import asymml.trusted.split.Workers;
import asymml.trusted.train.EpochAnalysis;
import asymml.trusted.train.FormalCheck;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.Trainer;
import asymml.trusted.train.TrainingException;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;

/// One call of `asymml train`, from opening the data to the summary.
final class TrainingRun {
  private static final Path RUNS = Path.of("runs");

  private final TrainOptions options;
  private final TrainConfig config;
  private final Settings settings;
  private final List<List<String>> workerArguments;
  private final List<String> arguments;
  private final CommandLine command;
  private final TrainDisplay display;
  private final PrintWriter out;

  TrainingRun(
      TrainOptions options,
      TrainConfig config,
      Settings settings,
      List<List<String>> workerArguments,
      List<String> arguments,
      CommandLine command,
      TrainDisplay display) {
    this.options = options;
    this.config = config;
    this.settings = settings;
    this.workerArguments = workerArguments;
    this.arguments = arguments;
    this.command = command;
    this.display = display;
    this.out = command.getOut();
  }

  /// Trains.
  ///
  /// @param resumed the run to go on with, or null for a new one
  /// @return the exit code
  int run(@Nullable Path resumed)
      throws DataException, IOException, TrainingException, RunException {
    Kernels.setThreads(options.threads());
    DataSet data =
        DataOpening.open(options.data, options.limitTrain, options.limitTest, options.seed, out);
    RunHeader header = header(data);
    @Nullable ImageSet publicImages = publicImages(header);
    try (RunDirectory directory = directory(resumed)) {
      RunRecord record = new RunRecord(directory.layout(), header, settings, arguments);
      try {
        return train(header, publicImages, record, resumed != null);
      } catch (IOException e) {
        recordFailure(record, e);
        throw new RunException(e.getMessage() + goOn(directory.layout()), e);
      } catch (TrainingException e) {
        recordFailure(record, e);
        throw e;
      }
    }
  }

  /// A run that never began leaves no record, so that the next attempt can use its directory.
  private static void recordFailure(RunRecord record, Exception e) throws IOException {
    if (Files.exists(record.layout().config())) {
      record.write("failed: " + e.getMessage());
    }
  }

  private RunHeader header(DataSet data) {
    try {
      Graph graph =
          TrainedModel.Description.of(
                  config.model(), config.norm(), data.train(), data.normalization())
              .graph();
      Plan plan =
          Plan.of(
              graph, config.mode(), config.decomposition(), config.rank(), config.trustedLayers());
      return new RunHeader(config, data, graph, plan);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command, String.valueOf(e.getMessage()), e);
    }
  }

  /// The public images of a run that is accounted for, and refusal of what cannot be.
  private @Nullable ImageSet publicImages(RunHeader header) throws DataException {
    if (!config.needsPublicImages(header.plan())) {
      requireAccountable(header, null);
      return null;
    }
    DataSet opened =
        DataOpening.open(
            options.privacy.publicData,
            new Limit(Integer.MAX_VALUE),
            new Limit(1),
            options.seed,
            out);
    if (options.privacy.publicData.equals(options.data)
        || (options.privacy.publicData.startsWith("generated")
            && opened.name().equals(header.data().name()))) {
      throw new ParameterException(
          command, "--public-data names the private images: give others, that are no secret");
    }
    requireAccountable(header, opened.train().shape());
    return opened.train();
  }

  private void requireAccountable(RunHeader header, @Nullable Shape publicShape) {
    List<FormalCheck.Finding> findings =
        FormalCheck.look(
            config, header.graph(), header.plan(), header.data().train().size(), publicShape, true);
    if (!findings.isEmpty()) {
      throw new ParameterException(command, FormalCheck.refusal(findings));
    }
  }

  private RunDirectory directory(@Nullable Path resumed) throws IOException {
    if (resumed != null) {
      return RunDirectory.resume(resumed);
    }
    return options.out != null
        ? RunDirectory.create(options.out)
        : RunDirectory.createUnder(
            RUNS, Clock.system(ZoneId.systemDefault()), config.model(), config.mode().label());
  }

  private int train(
      RunHeader header, @Nullable ImageSet publicImages, RunRecord record, boolean resume)
      throws IOException, TrainingException {
    RunLayout layout = record.layout();
    if (!header.plan().needsWorker()) {
      show(header, List.of("none"), layout);
      RunDescription.privacyOfTrustedOnly().forEach(line -> out.println("privacy  " + line));
      return train(header, record, resume, new Trainer(config, header.data(), null, null, null));
    }
    Ledger earlier = resume ? earlier(layout) : null;
    try (OpenWorkers workers = OpenWorkers.open(options, workerArguments, layout)) {
      show(header, workers.describe(), layout);
      return train(
          header, record, resume, trainer(header, publicImages, workers.parties(), earlier));
    }
  }

  private static Ledger earlier(RunLayout layout) throws IOException, TrainingException {
    if (!Files.exists(layout.ledger())) {
      throw new TrainingException(
          "%s cannot be resumed: without its ledger.json nobody knows what it has released; start anew with another --out"
              .formatted(layout.directory()));
    }
    return LedgerFile.read(layout.ledger());
  }

  private Trainer trainer(
      RunHeader header, @Nullable ImageSet publicImages, Workers workers, @Nullable Ledger earlier)
      throws ProtocolException {
    try {
      return new Trainer(config, header.data(), publicImages, workers, earlier);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command, String.valueOf(e.getMessage()), e);
    }
  }

  private void show(RunHeader header, List<String> workers, RunLayout layout) {
    out.println("data     " + header.describeData());
    out.println("model    " + header.describeModel());
    out.println("plan     " + header.describePlan());
    out.printf(
        "trusted  this process, %d threads; %s%n", options.threads(), RunDescription.NOT_PROTECTED);
    workers.forEach(worker -> out.println("worker   " + worker));
    out.println("run      " + layout.directory());
    out.flush();
  }

  private int train(RunHeader header, RunRecord record, boolean resume, Trainer planned)
      throws IOException, TrainingException {
    long began = System.nanoTime();
    try (Trainer trainer = planned;
        StopSignals signals = new StopSignals(command.getErr())) {
      trainer
          .forecast()
          .ifPresent(ledger ->
              new PrivacyForecast(config, ledger)
                  .lines()
                  .forEach(line -> out.println("privacy  " + line)));
      out.flush();
      settings.without(List.of("out")).write(record.layout().config());
      record.write(RunRecord.RUNNING);
      EpochAnalysis analysis = EpochRanks.of(options.analyzeEvery, header, record.layout(), out);
      return switch (run(trainer, record.layout(), resume, analysis, signals)) {
        case FINISHED ->
            finished(record, RunRecord.FINISHED, Duration.ofNanos(System.nanoTime() - began));
        case BUDGET_SPENT -> {
          out.println();
          out.println(
              "the privacy budget is spent: the last step inside it is done, and the run is saved");
          yield finished(record, "budget spent", Duration.ofNanos(System.nanoTime() - began));
        }
        case STOPPED -> {
          record.write("stopped");
          showStatement(record.layout());
          out.println("stopped and saved" + goOn(record.layout()));
          out.flush();
          yield signals.exitCode();
        }
      };
    }
  }

  /// What the run has cost so far.
  private void showStatement(RunLayout layout) throws IOException {
    if (Files.exists(layout.ledger())) {
      new PrivacySummary(PrivacyLedgerCommand.statement(LedgerFile.read(layout.ledger())))
          .lines()
          .forEach(line -> out.println("privacy  " + line));
    }
  }

  private Trainer.Outcome run(
      Trainer trainer,
      RunLayout layout,
      boolean resume,
      EpochAnalysis analysis,
      StopSignals signals)
      throws IOException, TrainingException {
    try (TrainDisplay shown = display) {
      return trainer.run(layout, resume, shown, analysis, signals::received);
    }
  }

  private int finished(RunRecord record, String outcome, Duration time) throws IOException {
    record.write(outcome);
    RunLayout layout = record.layout();
    EpochMetrics last = MetricsLog.readAll(layout.metrics()).getLast();
    String asymml = Build.command();
    Path directory = layout.directory();
    out.println();
    out.printf(
        "done in %s: test accuracy %s, test loss %s after %d epochs%n",
        Figures.time(time),
        Figures.percent(last.testAccuracy()),
        Figures.loss(last.testLoss()),
        last.epoch());
    showStatement(layout);
    out.printf("The run is in %s. What next:%n", directory);
    out.printf("  %s eval --run %s%n", asymml, directory);
    out.printf("  %s predict --run %s IMAGE...%n", asymml, directory);
    if (Files.exists(layout.ledger())) {
      out.printf("  %s privacy ledger %s%n", asymml, directory);
    }
    out.printf("  tensorboard --logdir %s%n", layout.events());
    out.flush();
    return ExitCode.OK;
  }

  /// How to go on with a run that has a checkpoint: the end of a line.
  private String goOn(RunLayout layout) throws IOException {
    if (!Files.isRegularFile(layout.checkpoint())) {
      return "";
    }
    int done = Files.exists(layout.metrics()) ? MetricsLog.readAll(layout.metrics()).size() : 0;
    return "; %d of %d epochs are done, go on with: %s train --resume %s"
        .formatted(done, config.epochs(), Build.command(), layout.directory());
  }
}
