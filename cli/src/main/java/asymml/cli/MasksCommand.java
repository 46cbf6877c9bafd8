package asymml.cli;

import asymml.cli.options.RunImageOptions;
import asymml.cli.options.ThreadOptions;
import asymml.cli.table.MaskTable;
import asymml.session.TrainedRun;
import asymml.study.MaskReport;
import asymml.study.MaskStudy;
import asymml.study.StudyException;
import asymml.trusted.data.DataException;
import asymml.trusted.plan.RankPolicy;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `asymml analyze masks`.
@Command(
    name = "masks",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Shows what the masks of --shield shares cost in precision, by layer and rank, at one noise"
          + " multiplier: masks are in proportion to what is released, so that the error falls with the"
          + " norm of the residual, at the same guarantee.",
      "Masks, products and differences are computed here, as two workers would; nothing is released. The"
          + " results are private statistics and stay in the run directory."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml analyze masks --run runs/mine",
      "  asymml analyze masks --run runs/mine --noise-multiplier 30 --ranks 0,1/8,1/2"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class MasksCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private RunImageOptions run;

  @Option(
      names = "--noise-multiplier",
      paramLabel = "Z",
      defaultValue = "10",
      description = "Standard deviation of the masks over the bound (default: ${DEFAULT-VALUE}).")
  private double noiseMultiplier;

  @Option(
      names = "--ranks",
      paramLabel = "RANKS",
      split = ",",
      defaultValue = "0,1/16,1/8,1/4,1/2",
      description = "Directions that stay trusted, with commas (default: ${DEFAULT-VALUE}).")
  private List<RankPolicy> ranks;

  @Option(
      names = "--images",
      paramLabel = "N",
      defaultValue = "32",
      description = "Images that run through the network (default: ${DEFAULT-VALUE}).")
  private int images;

  @Mixin private ThreadOptions threads;

  @Override
  public Integer call() throws DataException, IOException, StudyException {
    MaskStudy study =
        UsageErrors.checked(spec, () -> new MaskStudy(noiseMultiplier, ranks, images));
    threads.apply();
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun opened = run.open()) {
      MaskReport report = study.measure(opened, run.images(opened, out));
      new MaskTable(report).print(out);
      report.write(opened.layout().masks());
      out.println("written: " + opened.layout().masks());
      out.flush();
    }
    return ExitCode.OK;
  }
}
