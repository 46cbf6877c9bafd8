package asymml.cli;

import asymml.cli.options.RunOptions;
import asymml.report.Figures;
import asymml.session.TrainedRun;
import asymml.trusted.data.DataException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `asymml predict`.
@Command(
    name = "predict",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Names the most likely classes of images, wholly on the trusted side: nothing is released.",
      "Images are JPEG or PNG files of the size that the model was trained on."
    },
    footerHeading = "%nExample:%n",
    footer = "  asymml predict --run runs/mine cat.jpg dog.png")
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PredictCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private RunOptions runOptions;

  @Option(
      names = "--top",
      paramLabel = "N",
      defaultValue = "3",
      description = "How many classes to name (default: ${DEFAULT-VALUE}).")
  private int top;

  @Parameters(arity = "1..*", paramLabel = "IMAGE", description = "JPEG or PNG files.")
  private List<Path> images;

  @Override
  public Integer call() throws DataException, IOException {
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun run = runOptions.open()) {
      for (Path image : images) {
        String best =
            run.predict(image).stream()
                .limit(top)
                .map(p -> p.className() + " " + Figures.percent(p.probability()))
                .collect(Collectors.joining(", "));
        out.println(image + ": " + best);
        out.flush();
      }
    }
    return ExitCode.OK;
  }
}
