package asymml.cli;

import asymml.cli.options.StudyOptions;
import asymml.cli.table.TradeoffTable;
import asymml.cli.terminal.DataOpening;
import asymml.cli.terminal.StopSignals;
import asymml.cli.terminal.StudyDisplay;
import asymml.report.Charts;
import asymml.report.Figures;
import asymml.report.RunDescription;
import asymml.report.TradeoffChart;
import asymml.session.RunRecord;
import asymml.study.Decimal;
import asymml.study.StudyRun;
import asymml.study.tradeoff.Tradeoff;
import asymml.study.tradeoff.Tradeoff.Cell;
import asymml.study.tradeoff.Tradeoff.Point;
import asymml.study.tradeoff.TradeoffListener;
import asymml.study.tradeoff.TradeoffSpec;
import asymml.study.tradeoff.TradeoffStudy;
import asymml.trusted.data.DataException;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `asymml analyze tradeoff`.
@Command(
    name = "tradeoff",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Trains the same network at several ranks and noise levels, each with a worker process of its"
          + " own, and compares the final accuracies with those of noise alone (rank 0, dp-only) at"
          + " the same noise multiplier.",
      "Tested without noise, on the trusted side, after the running statistics of batch norms were"
          + " gathered anew without noise; with --inference tested under the noise. Rerun the"
          + " command to resume a grid that was stopped; finished cells are not run again. The"
          + " accuracies are statistics of private data, for the data owner only; nothing is"
          + " accounted for."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml analyze tradeoff",
      "  asymml analyze tradeoff --data images.zip --model vgg11 --limit-train 5000 --epochs 3 \\",
      "      --ranks 0,1/8,1/4 --noise 0,0.3,1 --gradient-noise 0.3,1",
      "  asymml analyze tradeoff --inference --model vgg11 --noise 0,0.1,0.3,1 --out runs/inference"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class TradeoffCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private StudyOptions options;

  @Option(
      names = "--ranks",
      paramLabel = "RANKS",
      split = ",",
      defaultValue = "0,1/8,1/4",
      description =
          "Directions that stay trusted: whole numbers or shares of the channels such as 1/8, with"
              + " commas; 0 is dp-only and always among them (default: ${DEFAULT-VALUE}).")
  private List<RankPolicy> ranks;

  @Option(
      names = "--noise",
      paramLabel = "LEVELS",
      split = ",",
      defaultValue = "0,0.3,1",
      description =
          "Noise on residuals, with commas: sigma = LEVEL C / sqrt(values), C the rank's clip bound"
              + " at the layer, so that all ranks have one noise multiplier; 0 is none (default:"
              + " ${DEFAULT-VALUE}).")
  private List<Double> noise;

  @Option(
      names = "--gradient-noise",
      paramLabel = "LEVELS",
      split = ",",
      description =
          "Noise on output gradients likewise, in a second grid without noise on residuals"
              + " (default: no such grid).")
  private @Nullable List<Double> gradientNoise;

  @Option(
      names = "--inference",
      description =
          "Train one model in the trusted process and test it through the split in each cell, in"
              + " place of training in each.")
  private boolean inference;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "3",
      description = "Passes over the training images in each cell (default: ${DEFAULT-VALUE}).")
  private int epochs;

  @Option(
      names = "--learning-rate",
      paramLabel = "RATE",
      defaultValue = "0.01",
      description = "Highest learning rate (default: ${DEFAULT-VALUE}).")
  private float learningRate;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "runs/tradeoff",
      description =
          "Directory for table, pictures and a run of each cell; an existing grid is resumed"
              + " (default: ${DEFAULT-VALUE}).")
  private Path directory;

  @Override
  public Integer call() throws DataException, IOException, TrainingException {
    PrintWriter out = spec.commandLine().getOut();
    TradeoffSpec grid;
    TradeoffStudy study;
    try {
      grid =
          new TradeoffSpec(
              options.spec(learningRate).withEpochs(epochs),
              ranks,
              noise,
              gradientNoise == null ? List.of() : gradientNoise,
              inference);
      study = TradeoffStudy.open(grid, directory, DataOpening.reporter(out));
    } catch (IllegalArgumentException e) {
      throw UsageErrors.of(spec, e);
    }
    show(grid, study);
    int cells = grid.points().size();
    try (StopSignals signals = new StopSignals(spec.commandLine().getErr())) {
      Optional<Tradeoff> tradeoff =
          study.run(
              new StudyRun(
                  spec.commandLine().getParseResult().originalArgs(),
                  new StudyDisplay(options.progress(), out),
                  signals::received),
              new Lines(cells, out),
              DataOpening.reporter(out));
      if (tradeoff.isEmpty()) {
        out.printf(
            "stopped and saved; %s of %s cells are done: rerun the command to resume%n",
            study.finished(), cells);
        out.flush();
        return signals.exitCode();
      }
      finish(grid, study, tradeoff.get());
      return ExitCode.OK;
    }
  }

  private void show(TradeoffSpec grid, TradeoffStudy study) {
    PrintWriter out = spec.commandLine().getOut();
    out.println("data     " + RunDescription.data(study.data()));
    out.println("model    " + RunDescription.model(study.graph(), grid.common().training()));
    out.printf(
        "grid     %s cells, %s finished; %s decomposition; trusted whole: %s; %s epochs %s%n",
        grid.points().size(),
        study.finished(),
        grid.common().training().decomposition().label(),
        String.join(", ", grid.common().training().trustedLayers()),
        epochs,
        inference ? "of one model, which each cell runs through the split" : "each");
    for (double level : grid.noise()) {
      if (level > 0) {
        double[] multipliers = study.noiseMultipliers(level);
        out.printf(
            Locale.ROOT,
            "noise    %s is z = %.3g to %.3g by layer, the same for every rank%n",
            Decimal.plain(level),
            multipliers[0],
            multipliers[1]);
      }
    }
    out.println(
        "privacy  clip bounds follow private data and nothing is accounted for; no (epsilon, delta)"
            + " is claimed");
    out.println("trusted  this process; " + RunRecord.NOT_PROTECTED);
    out.println("worker   UNTRUSTED: a process of its own for each cell, on this machine");
    out.println("results  " + directory);
    out.flush();
  }

  /// Lines for cells.
  private record Lines(int cells, PrintWriter out) implements TradeoffListener {
    @Override
    public void started(Point point, int number) {
      say("cell %s of %s: %s".formatted(number, cells, point.describe()));
    }

    @Override
    public void diverged(Point point, String message) {
      say(point.describe() + ": " + message);
    }

    @Override
    public void finished(Point point, Cell cell, Duration left) {
      say(
          "%s: test accuracy %s, %s of steps and %s of evaluation; %s left for the grid"
              .formatted(
                  point.describe(),
                  cell.accuracy().isPresent()
                      ? Figures.percent(cell.accuracy().getAsDouble())
                      : "diverged",
                  seconds(cell.trainSeconds()),
                  seconds(cell.evaluationSeconds()),
                  Figures.time(left)));
    }

    private static String seconds(double seconds) {
      return Figures.time(Duration.ofMillis(Math.round(1000 * seconds)));
    }

    private void say(String line) {
      out.println(line);
      out.flush();
    }
  }

  private void finish(TradeoffSpec grid, TradeoffStudy study, Tradeoff tradeoff)
      throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    out.println();
    new TradeoffTable(tradeoff, inference).print(out);
    List<String> written = new ArrayList<>();
    written.add(study.write(tradeoff, Build.version()).toString());
    if (Charts.hasFonts()) {
      String what = grid.common().training().model().name() + " on " + study.data().name();
      for (Tradeoff.Sweep sweep : tradeoff.sweeps()) {
        Path svg = directory.resolve(sweep.gradients() ? "tradeoff-gradients.svg" : "tradeoff.svg");
        TradeoffChart.write(tradeoff, sweep, what, svg);
        written.add(svg.toString());
      }
    } else {
      spec.commandLine().getErr().println(Charts.noFonts(directory.resolve("tradeoff.svg")));
    }
    out.println("written  " + String.join(", ", written));
    out.println("verdict  " + tradeoff.verdict());
    out.flush();
  }
}
