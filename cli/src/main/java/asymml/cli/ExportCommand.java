package asymml.cli;

import asymml.cli.options.RunOptions;
import asymml.report.Figures;
import asymml.session.ModelFormat;
import asymml.session.TrainedRun;
import asymml.trusted.train.TrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml export`.
@Command(
    name = "export",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Writes a trained model for other programs: the parameters that 'asymml eval' tests.",
      "The file is a release of the model. It is not protected, and says itself what the run claims of"
          + " its model.",
      "onnx: the network with its parameters. Images go in as unsigned bytes [batch, height, width,"
          + " channels]; pixels are normalised inside.",
      "safetensors: the parameters as a state_dict of PyTorch, with torchvision's names for vgg and"
          + " resnet models."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml export --run runs/mine --out mine.onnx",
      "  asymml export --run runs/mine --out mine.safetensors"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class ExportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private RunOptions runOptions;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "onnx or safetensors (default: as the name of --out ends).")
  private @Nullable ModelFormat format;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FILE",
      description = "The file to write; replaced if it exists.")
  private Path file;

  @Override
  public Integer call() throws IOException {
    ModelFormat used = format == null ? ofName() : format;
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun run = runOptions.open()) {
      try {
        run.export(used, file);
      } catch (IllegalArgumentException e) {
        throw new IOException("cannot export the model: " + e.getMessage(), e);
      }
      TrainedModel.Description model = run.model().description();
      out.printf(
          "%s: %s, %s classes, %s, after %s epochs, as %s%n",
          file,
          model.model(),
          model.classNames().size(),
          Figures.bytes(Files.size(file)),
          run.model().epoch(),
          used.label());
      out.println(run.modelStatement());
      out.flush();
    }
    return ExitCode.OK;
  }

  private ModelFormat ofName() {
    String name = file.toString().toLowerCase(Locale.ROOT);
    return Arrays.stream(ModelFormat.values())
        .filter(each -> name.endsWith("." + each.label()))
        .findFirst()
        .orElseThrow(() ->
            new ParameterException(
                spec.commandLine(),
                "--out %s ends in none of %s: name the --format"
                    .formatted(
                        file,
                        Arrays.stream(ModelFormat.values())
                            .map(each -> "." + each.label())
                            .collect(Collectors.joining(", ")))));
  }
}
