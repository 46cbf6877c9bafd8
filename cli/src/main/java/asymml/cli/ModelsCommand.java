package asymml.cli;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.report.Figures;
import asymml.report.RunDescription;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `asymml models`.
@Command(
    name = "models",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Compares the networks that come with AsymML.",
    footerHeading = "%nExample:%n",
    footer = "  asymml models --image-size 224 --classes 1000")
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class ModelsCommand implements Callable<Integer> {
  private static final int COLOURS = 3;

  @Spec private CommandSpec spec;

  @Option(
      names = "--image-size",
      paramLabel = "PIXELS",
      defaultValue = "32",
      description = "Height and width of colour images (default: ${DEFAULT-VALUE}).")
  private int imageSize;

  @Option(
      names = "--classes",
      paramLabel = "N",
      defaultValue = "10",
      description = "Classes (default: ${DEFAULT-VALUE}).")
  private int classes;

  @Override
  public Integer call() {
    Map<String, Graph> graphs = new LinkedHashMap<>();
    for (String name : Zoo.names()) {
      graphs.put(
          name,
          UsageErrors.checked(
              spec,
              name + ":",
              () ->
                  Zoo.build(
                      name, new Shape(imageSize, imageSize, COLOURS), classes, Zoo.Norm.BATCH)));
    }
    PrintWriter out = spec.commandLine().getOut();
    out.printf("%-12s %12s %16s %14s%n", "model", "parameters", "multiply-adds", "linear layers");
    graphs.forEach((name, graph) ->
        out.printf(
            "%-12s %12s %16s %14s%n",
            name,
            Figures.scaled(RunDescription.parameterCount(graph)).strip(),
            Figures.scaled(graph.linearLayers().stream().mapToLong(graph::multiplyAdds).sum())
                .strip(),
            graph.linearLayers().size()));
    out.printf(
        "for %sx%s colour images of %s classes, batch norm; multiply-adds of one image forward;%n"
            + "scatter-cnn: without its fixed scattering transform%n",
        imageSize, imageSize, classes);
    out.flush();
    return ExitCode.OK;
  }
}
