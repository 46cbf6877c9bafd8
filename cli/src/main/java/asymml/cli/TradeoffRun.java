package asymml.cli;

import asymml.kernels.Kernels;
import asymml.model.Graph;
import asymml.model.Node;
import asymml.report.Charts;
import asymml.report.Figures;
import asymml.report.RunDescription;
import asymml.study.tradeoff.Tradeoff;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.DataSets;
import asymml.trusted.data.Progress;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Plan;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunDirectory;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.CleanEvaluation;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.Trainer;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;

/// One call of `asymml analyze tradeoff`, from opening the data to the table.
final class TradeoffRun {
  /// Training evaluates after each epoch, with running statistics gathered under noise; that is
  /// only to be looked at.
  private static final int TEST_AFTER_EPOCHS = 500;

  private final TradeoffCommand options;
  private final Set<Tradeoff.Point> points;
  private final CommandLine command;
  private final PrintWriter out;
  private final int threads;

  /// Arguments that have been checked.
  ///
  /// @param points the cells, in the order in which they are run
  TradeoffRun(TradeoffCommand options, Set<Tradeoff.Point> points, CommandLine command) {
    this.options = options;
    this.points = points;
    this.command = command;
    this.out = command.getOut();
    this.threads = own(points.iterator().next()).threads();
  }

  private TrainOptions own(Tradeoff.Point point) {
    return TrainOptions.of(options.cell(point, testAfterEpochs()));
  }

  private Limit testAfterEpochs() {
    return new Limit(Math.min(TEST_AFTER_EPOCHS, options.limitTest.images()));
  }

  /// Trains and tests what is not finished.
  ///
  /// @return the exit code
  int run() throws DataException, IOException, TrainingException, RunException {
    Kernels.setThreads(threads);
    requireSameSettings();
    DataSet all = DataSets.open(options.data, DataOpening.reporter(out));
    DataSet training =
        DataOpening.limited(all, options.limitTrain, testAfterEpochs(), options.seed);
    TradeoffFiles files =
        new TradeoffFiles(
            options.out,
            DataOpening.limited(all, options.limitTrain, options.limitTest, options.seed));
    Map<Tradeoff.Point, Tradeoff.Cell> finished = new LinkedHashMap<>();
    for (Tradeoff.Point point : points) {
      Tradeoff.Cell cell = files.read(point);
      if (cell != null) {
        finished.put(point, cell);
      }
    }
    show(files, finished.size());
    try (StopSignals signals = new StopSignals(command.getErr())) {
      if (!runCells(training, files, finished, signals)) {
        out.println(
            "stopped and saved; %d of %d cells are done, the same command goes on"
                .formatted(finished.size(), points.size()));
        out.flush();
        return signals.exitCode();
      }
    }
    return finish(files, finished);
  }

  /// Runs what is not finished.
  ///
  /// @param finished what is; added to
  /// @return false if it was stopped
  private boolean runCells(
      DataSet training,
      TradeoffFiles files,
      Map<Tradeoff.Point, Tradeoff.Cell> finished,
      StopSignals signals)
      throws IOException, TrainingException, RunException {
    long began = System.nanoTime();
    int run = 0;
    for (Tradeoff.Point point : points) {
      if (finished.containsKey(point)) {
        continue;
      }
      if (signals.received()) {
        return false;
      }
      out.printf("cell %d of %d: %s%n", finished.size() + 1, points.size(), point.describe());
      out.flush();
      Tradeoff.Cell cell = cell(point, training, files, signals);
      if (cell == null) {
        return false;
      }
      finished.put(point, cell);
      run++;
      show(point, cell, (System.nanoTime() - began) / run * (points.size() - finished.size()));
    }
    return true;
  }

  /// Cells of other settings are not to be found in one table.
  private void requireSameSettings() throws IOException {
    for (Tradeoff.Point point : points) {
      Path config = new RunLayout(options.out.resolve(point.name())).config();
      if (Files.exists(config)) {
        List<String> changed =
            Settings.read(config)
                .without(TrainCommand.FREE_ON_RESUME)
                .differences(Settings.of(own(point)).without(TrainCommand.FREE_ON_RESUME));
        if (!changed.isEmpty()) {
          throw new IOException(
              "%s holds a grid with other settings (%s): choose another --out"
                  .formatted(options.out, String.join(", ", changed)));
        }
      }
    }
  }

  private RunHeader header(Tradeoff.Point point, DataSet data) {
    TrainConfig config = own(point).config();
    try {
      Graph graph =
          TrainedModel.Description.of(
                  config.model(), config.norm(), data.train(), data.normalization())
              .graph();
      Plan plan =
          Plan.of(
              graph, config.mode(), config.decomposition(), config.rank(), config.trustedLayers());
      if (!plan.needsWorker()) {
        throw new IllegalArgumentException(
            "--trusted-layers keeps all layers here: nothing would leave, so nothing needs noise");
      }
      return new RunHeader(config, data, graph, plan);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command, String.valueOf(e.getMessage()), e);
    }
  }

  private void show(TradeoffFiles files, int finished) {
    RunHeader header = header(points.iterator().next(), files.data());
    out.println("data     " + header.describeData());
    out.println("model    " + header.describeModel());
    out.printf(
        "grid     %d cells, %d finished; %s decomposition; trusted whole: %s; %d epochs each%n",
        points.size(),
        finished,
        options.decomposer.label(),
        String.join(", ", options.trustedLayers),
        options.epochs);
    int[] values =
        header.graph().linearLayers().stream()
            .filter(layer -> splits(header, layer))
            .mapToInt(layer -> header.graph().inputShape(layer).size())
            .sorted()
            .toArray();
    for (double level : options.noise()) {
      if (level > 0) {
        out.printf(
            "noise    %s is z = %.3g to %.3g by layer, the same for every rank%n",
            Figures.plain(level),
            level / Math.sqrt(values[values.length - 1]),
            level / Math.sqrt(values[0]));
      }
    }
    out.println(
        "privacy  clip bounds follow private data and nothing is accounted for; no (epsilon, delta)"
            + " is claimed");
    out.println("trusted  this process; " + RunDescription.NOT_PROTECTED);
    out.println("worker   UNTRUSTED: a process of its own for each cell, on this machine");
    out.println("results  " + files.directory());
    out.flush();
  }

  private static boolean splits(RunHeader header, int layer) {
    Node node = header.graph().nodes().get(layer);
    return !(header.plan().placement(node.name()) instanceof Placement.Trusted);
  }

  private void show(Tradeoff.Point point, Tradeoff.Cell cell, long nanosLeft) {
    out.printf(
        "%s: test accuracy %s, %s of steps and %s of evaluation; %s left for the grid%n",
        point.describe(),
        cell.accuracy().isPresent() ? Figures.percent(cell.accuracy().getAsDouble()) : "diverged",
        seconds(cell.trainSeconds()),
        seconds(cell.evaluationSeconds()),
        Figures.time(Duration.ofNanos(nanosLeft)));
    out.flush();
  }

  private static String seconds(double seconds) {
    return Figures.time(Duration.ofMillis(Math.round(1000 * seconds)));
  }

  /// Trains and tests a cell, from its checkpoint if it has one.
  ///
  /// @return null if it was stopped
  private Tradeoff.@Nullable Cell cell(
      Tradeoff.Point point, DataSet training, TradeoffFiles files, StopSignals signals)
      throws IOException, TrainingException, RunException {
    Path directory = files.run(point);
    OptionalDouble accuracy = OptionalDouble.empty();
    OptionalDouble loss = OptionalDouble.empty();
    double evaluationSeconds = 0;
    try {
      if (train(point, training, directory, signals) == Trainer.Outcome.STOPPED) {
        return null;
      }
      long began = System.nanoTime();
      Evaluator.Score score = score(new RunLayout(directory), files.data());
      evaluationSeconds = (System.nanoTime() - began) / 1e9;
      accuracy = OptionalDouble.of(score.accuracy());
      loss = OptionalDouble.of(score.loss());
    } catch (TrainingException e) {
      if (!e.diverged()) {
        throw e;
      }
      // An answer, not a failure: at this rank the noise is too strong.
      out.println(point.describe() + ": " + e.getMessage());
    }
    Tradeoff.Cell cell =
        cell(accuracy, loss, evaluationSeconds, directory, training.train().size());
    files.write(point, cell);
    return cell;
  }

  private Evaluator.Score score(RunLayout layout, DataSet data)
      throws IOException, TrainingException {
    Progress reporter = DataOpening.reporter(out);
    try (TrainedModel model = TrainedModel.read(layout.checkpoint())) {
      return CleanEvaluation.score(
          model,
          data,
          options.batchSize,
          options.seed,
          (done, total) -> reporter.update("evaluating without noise", done, total));
    }
  }

  /// A cell with what its epochs took, from the run's own books: they count what was done before a
  /// stop, too.
  private static Tradeoff.Cell cell(
      OptionalDouble accuracy,
      OptionalDouble loss,
      double evaluationSeconds,
      Path directory,
      int images)
      throws IOException {
    Path metrics = new RunLayout(directory).metrics();
    List<EpochMetrics> epochs = Files.exists(metrics) ? MetricsLog.readAll(metrics) : List.of();
    return new Tradeoff.Cell(
        accuracy,
        loss,
        epochs.stream().mapToDouble(epoch -> images / epoch.imagesPerSecond()).sum(),
        evaluationSeconds,
        epochs.stream().mapToDouble(EpochMetrics::trustedCpuSeconds).sum(),
        epochs.stream().mapToDouble(EpochMetrics::workerCpuSeconds).sum());
  }

  private Trainer.Outcome train(
      Tradeoff.Point point, DataSet data, Path directory, StopSignals signals)
      throws IOException, TrainingException, RunException {
    TrainOptions own = own(point);
    RunHeader header = header(point, data);
    boolean resume = canResume(new RunLayout(directory));
    if (!resume && Files.isDirectory(directory)) {
      // Killed before its first checkpoint.
      BriefTraining.delete(directory);
    }
    try (RunDirectory run =
        resume ? RunDirectory.resume(directory) : RunDirectory.create(directory)) {
      RunRecord record =
          new RunRecord(
              run.layout(), header, Settings.of(own), command.getParseResult().originalArgs());
      try {
        Trainer.Outcome outcome = train(own, header, record, resume, signals);
        record.write(outcome == Trainer.Outcome.STOPPED ? "stopped" : "finished");
        return outcome;
      } catch (IOException e) {
        record.write("failed: " + e.getMessage());
        throw new RunException(
            "%s: %s; the same command goes on".formatted(point.describe(), e.getMessage()), e);
      } catch (TrainingException e) {
        record.write("failed: " + e.getMessage());
        throw e;
      }
    }
  }

  private static boolean canResume(RunLayout layout) {
    return Stream.of(layout.config(), layout.checkpoint(), layout.ledger())
        .allMatch(Files::isRegularFile);
  }

  private Trainer.Outcome train(
      TrainOptions own, RunHeader header, RunRecord record, boolean resume, StopSignals signals)
      throws IOException, TrainingException {
    RunLayout layout = record.layout();
    try (OpenWorkers workers = OpenWorkers.open(own, List.of(), layout);
        Trainer trainer =
            new Trainer(
                header.config(),
                header.data(),
                null,
                workers.parties(),
                resume ? LedgerFile.read(layout.ledger()) : null);
        TrainDisplay display = TrainCommand.display(options.progress, out, header.config())) {
      Settings.of(own).without(List.of("out")).write(layout.config());
      record.write(RunRecord.RUNNING);
      return trainer.run(layout, resume, display, signals::received);
    }
  }

  private int finish(TradeoffFiles files, Map<Tradeoff.Point, Tradeoff.Cell> finished)
      throws IOException {
    Map<Tradeoff.Point, Tradeoff.Cell> cells = new LinkedHashMap<>();
    points.forEach(point -> cells.put(point, finished.get(point)));
    Tradeoff tradeoff =
        new Tradeoff(
            options.ranks(),
            options.noise(),
            options.gradientNoise(),
            files.data().test().size(),
            cells);
    out.println();
    new TradeoffTable(tradeoff).print(out);
    List<Path> written =
        files.write(tradeoff, options.model + " on " + files.data().name(), options.common());
    out.println("written  " + String.join(", ", written.stream().map(Path::toString).toList()));
    out.flush();
    if (written.size() == 1) {
      command.getErr().println(Charts.noFonts(files.directory().resolve("tradeoff.svg")));
    }
    return ExitCode.OK;
  }
}
