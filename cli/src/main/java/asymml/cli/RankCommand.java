package asymml.cli;

import asymml.cli.options.RunOptions;
import asymml.cli.options.ThreadOptions;
import asymml.cli.table.RankTable;
import asymml.cli.terminal.DataOpening;
import asymml.session.DataSpec;
import asymml.session.TrainedRun;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Plan;
import asymml.trusted.rank.RankAnalysis;
import asymml.trusted.rank.RankFile;
import asymml.trusted.rank.RankReport;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml analyze rank`.
@Command(
    name = "rank",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Shows how low the rank of a run's activations and output gradients is, layer by layer: runs"
          + " training images through the checkpoint on the trusted side and decomposes some of them"
          + " exactly. Checks the exact bounds on the ranks behind each layer; exit code 1 if one is"
          + " broken.",
      "The results are private statistics: computed from private images, not covered by any"
          + " guarantee, whatever the run accounted for. They stay in the run directory."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:all bounds hold",
      "1:a bound is broken, or failure: one line on stderr says which",
      "2:wrong usage"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml analyze rank --run runs/mine",
      "  asymml analyze rank --run runs/mine --images 64",
      "  asymml train --analyze-every 2 --out runs/mine    the same during training"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class RankCommand implements Callable<Integer> {
  /// Images where none are asked for: seconds for a small network, and the medians have settled.
  private static final int IMAGES = 8;

  @Spec private CommandSpec spec;

  @Mixin private RunOptions runOptions;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description = "Data set whose training split is used (default: that of the run).")
  private @Nullable String data;

  @Option(
      names = "--images",
      paramLabel = "N",
      defaultValue = "" + IMAGES,
      description =
          "Images to decompose exactly and check, chosen by the run's seed; the time grows with it"
              + " (default: ${DEFAULT-VALUE}).")
  private int images;

  @Mixin private ThreadOptions threads;

  @Override
  public Integer call() throws DataException, IOException, RunException {
    if (images < 1) {
      throw new ParameterException(spec.commandLine(), "--images must be at least 1: " + images);
    }
    threads.apply();
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun run = runOptions.open()) {
      TrainedModel model = run.model();
      RankFile earlier = RankFile.read(run.layout().rank());
      DataSpec own = RunOptions.trainingImages(run);
      DataSet opened =
          run.open(data == null ? own : own.withSource(data), DataOpening.reporter(out));
      RankReport report = analyze(model, run.spec().training(), opened);
      List<Path> files =
          new RankFiles(run.layout()).write(earlier.with(report), model.graph().name());
      new RankTable(report).print(out, model.graph().name());
      files.forEach(file -> out.println("written: " + file));
      out.flush();
      requireBounds(report);
    }
    return ExitCode.OK;
  }

  private RankReport analyze(TrainedModel model, TrainConfig config, DataSet opened)
      throws RunException {
    try {
      return of(config, model, images)
          .of(
              model.graph(),
              model.parameters(),
              opened.train(),
              model.description().normalization(),
              model.epoch(),
              model.step());
    } catch (NonFiniteException e) {
      throw new RunException("the activations are not finite: training of this model diverged", e);
    }
  }

  private static RankAnalysis of(TrainConfig config, TrainedModel model, int images) {
    return new RankAnalysis(
        Plan.of(
            model.graph(),
            config.mode(),
            config.decomposition(),
            config.rank(),
            config.trustedLayers()),
        config.rank(),
        config.decomposition(),
        images,
        config.labelSmoothing(),
        config.seed());
  }

  /// A broken bound is a fault of theory or code, and an error.
  ///
  /// @throws RunException one line that names the layers
  static void requireBounds(RankReport report) throws RunException {
    List<String> violations = report.violations();
    if (!violations.isEmpty()) {
      throw new RunException("a bound on ranks is broken: " + String.join("; ", violations));
    }
  }
}
