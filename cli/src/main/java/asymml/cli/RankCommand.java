package asymml.cli;

import asymml.cli.options.RunImageOptions;
import asymml.cli.options.ThreadOptions;
import asymml.cli.table.RankTable;
import asymml.report.RankFiles;
import asymml.session.TrainedRun;
import asymml.study.RankStudy;
import asymml.study.StudyException;
import asymml.trusted.data.DataException;
import asymml.trusted.rank.RankFile;
import asymml.trusted.rank.RankReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
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

  @Mixin private RunImageOptions run;

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
  public Integer call() throws DataException, IOException, StudyException, RunException {
    RankStudy study = UsageErrors.checked(spec, () -> new RankStudy(images));
    threads.apply();
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun opened = run.open()) {
      String model = opened.model().graph().name();
      RankFile earlier = RankFile.read(opened.layout().rank());
      RankReport report = study.analyze(opened, run.images(opened, out));
      List<Path> files = new RankFiles(opened.layout()).write(earlier.with(report), model);
      new RankTable(report).print(out, model);
      files.forEach(file -> out.println("written: " + file));
      out.flush();
      requireBounds(report);
    }
    return ExitCode.OK;
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
