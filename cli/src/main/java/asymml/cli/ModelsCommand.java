package asymml.cli;

import asymml.model.Graph;
import asymml.model.ModelDescription;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.report.Figures;
import asymml.report.RunDescription;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
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
    footer = {
      "  asymml models --image-size 224 --classes 1000",
      "  asymml models --yaml mobilenetv2 > net.yaml"
    })
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

  @Option(
      names = "--yaml",
      paramLabel = "NAME",
      description =
          "Print one of them, for images of this size, as a description that --model of 'asymml"
              + " train' reads.")
  private @Nullable String described;

  @Option(
      names = "--norm",
      paramLabel = "NORM",
      defaultValue = "batch",
      description = "Normalisation layers: batch or group (default: ${DEFAULT-VALUE}).")
  private Zoo.Norm norm;

  @Override
  public Integer call() {
    if (described != null) {
      Graph graph =
          UsageErrors.checked(
              spec,
              "--yaml:",
              () ->
                  Zoo.build(
                      String.valueOf(described),
                      new Shape(imageSize, imageSize, COLOURS),
                      classes,
                      norm));
      PrintWriter out = spec.commandLine().getOut();
      out.print(new ModelDescription(graph.name(), graph.nodes()).yaml());
      out.flush();
      return ExitCode.OK;
    }
    Map<String, Graph> graphs = new LinkedHashMap<>();
    for (String name : Zoo.names()) {
      graphs.put(
          name,
          UsageErrors.checked(
              spec,
              name + ":",
              () -> Zoo.build(name, new Shape(imageSize, imageSize, COLOURS), classes, norm)));
    }
    PrintWriter out = spec.commandLine().getOut();
    out.printf("%-12s %12s %16s %14s%n", "model", "parameters", "multiply-adds", "linear layers");
    graphs.forEach((name, graph) ->
        out.printf(
            "%-12s %12s %16s %14s%n",
            name,
            Figures.scaled(RunDescription.parameterCount(graph)).strip(),
            Figures.scaled(graph.weightedLayers().stream().mapToLong(graph::multiplyAdds).sum())
                .strip(),
            graph.linearLayers().size()));
    out.printf(
        "for %sx%s colour images of %s classes, %s norm; multiply-adds of one image forward;%n"
            + "scatter-cnn: without its fixed scattering transform%n",
        imageSize, imageSize, classes, norm.name().toLowerCase(Locale.ROOT));
    out.flush();
    return ExitCode.OK;
  }
}
