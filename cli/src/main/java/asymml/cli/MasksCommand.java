package asymml.cli;

import asymml.cli.options.Labels;
import asymml.cli.options.RunOptions;
import asymml.cli.options.ThreadOptions;
import asymml.cli.table.MaskTable;
import asymml.cli.terminal.DataOpening;
import asymml.model.Graph;
import asymml.session.DataSpec;
import asymml.session.TrainedRun;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.rank.MaskErrors;
import asymml.trusted.rank.RankAnalysis;
import asymml.trusted.rank.RankFile;
import asymml.trusted.run.RunFile;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
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

  @Mixin private RunOptions runOptions;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description = "Data set whose training split is used (default: that of the run).")
  private @Nullable String data;

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
      converter = Labels.RankConverter.class,
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
  public Integer call() throws DataException, IOException, RunException {
    if (images < 1) {
      throw new ParameterException(spec.commandLine(), "--images must be at least 1: " + images);
    }
    if (!(noiseMultiplier >= 1e-3 && noiseMultiplier <= 1e9)) {
      throw new ParameterException(
          spec.commandLine(), "--noise-multiplier must be 0.001 to 1e9: " + noiseMultiplier);
    }
    threads.apply();
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun run = runOptions.open()) {
      DataSpec own = RunOptions.trainingImages(run);
      DataSet opened =
          run.open(data == null ? own : own.withSource(data), DataOpening.reporter(out));
      measure(run.model(), run.spec().training(), opened, run.layout().masks(), out);
    }
    return ExitCode.OK;
  }

  private void measure(
      TrainedModel model, TrainConfig config, DataSet opened, Path file, PrintWriter out)
      throws IOException, RunException {
    Graph graph = model.graph();
    List<MaskErrors.AtRank> forward = new ArrayList<>();
    List<MaskErrors.OfGradient> backward = new ArrayList<>();
    try (LayerPass pass =
        RankAnalysis.pass(
            graph,
            model.parameters(),
            opened.train(),
            model.description().normalization(),
            Math.min(images, opened.train().size()),
            config.labelSmoothing(),
            config.seed())) {
      MaskErrors errors = new MaskErrors(pass, graph, noiseMultiplier);
      for (int node : split(graph, config)) {
        forward.addAll(errors.forward(node, ranks));
        backward.add(errors.backward(node));
      }
    } catch (NonFiniteException e) {
      throw new RunException("the activations are not finite: training of this model diverged", e);
    }
    new MaskTable(graph.name(), noiseMultiplier, forward, backward).print(out);
    write(file, forward, backward);
    out.println("written: " + file);
    out.flush();
  }

  /// The layers that are split in the run, or would be.
  private static List<Integer> split(Graph graph, TrainConfig config) {
    Plan plan =
        Plan.of(graph, Mode.ASYMML, config.decomposition(), config.rank(), config.trustedLayers());
    return graph.linearLayers().stream()
        .filter(i -> plan.placement(graph.nodes().get(i).name()) instanceof Placement.Split)
        .toList();
  }

  private void write(
      Path file, List<MaskErrors.AtRank> forward, List<MaskErrors.OfGradient> backward)
      throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", RankFile.NOTICE);
    facts.put("noiseMultiplier", noiseMultiplier);
    facts.put("images", images);
    facts.put(
        "forward",
        forward.stream().map(at -> facts(at.layer(), at.y(), Map.of("rank", at.rank()))).toList());
    facts.put(
        "backward", backward.stream().map(of -> facts(of.layer(), of.dx(), Map.of())).toList());
    RunFile.write(file, facts);
  }

  private static Map<String, Object> facts(
      String layer, MaskErrors.Errors errors, Map<String, Object> more) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("layer", layer);
    facts.putAll(more);
    facts.put("normShare", errors.normShare());
    facts.put("masksOverRms", errors.masks());
    facts.put("bits", errors.bits());
    facts.put("predictedError", errors.predicted());
    facts.put("measuredError", errors.measured());
    return facts;
  }
}
