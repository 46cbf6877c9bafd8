package asymml.cli;

import asymml.kernels.Kernels;
import asymml.model.Graph;
import asymml.model.Node;
import asymml.model.Zoo;
import asymml.privacy.PrivacyBudget;
import asymml.report.Charts;
import asymml.report.Figures;
import asymml.study.NoiseAlone;
import asymml.study.compare.Comparison;
import asymml.study.compare.Guarantee;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;

/// One call of `asymml privacy compare`, from opening the data to the summary.
final class ComparisonRun {
  static final Path RUNS = Path.of("runs");

  private static final DateTimeFormatter STAMP =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss", Locale.ROOT);

  private final CompareOptions options;
  private final List<RankPolicy> ranks;
  private final PrivacyBudget budget;
  private final TrainConfig warmUp;
  private final CommandLine command;
  private final PrintWriter out;

  /// Arguments that have been checked.
  ///
  /// @param warmUp the training before measuring
  ComparisonRun(
      CompareOptions options,
      List<RankPolicy> ranks,
      PrivacyBudget budget,
      TrainConfig warmUp,
      CommandLine command) {
    this.options = options;
    this.ranks = ranks;
    this.budget = budget;
    this.warmUp = warmUp;
    this.command = command;
    this.out = command.getOut();
  }

  /// Measures, and trains if asked to.
  ///
  /// @return the exit code
  int run() throws DataException, IOException, TrainingException, RunException {
    Kernels.setThreads(TrainOptions.of(options.warmUp()).threads());
    Path directory = directory();
    ComparisonFiles.requireFree(directory);
    DataSet data =
        DataOpening.open(options.data, options.limitTrain, options.limitTest, options.seed, out);
    RunHeader header = header(data);
    Guarantee guarantee = guarantee(header);
    ComparisonFiles files = new ComparisonFiles(directory, header, options);
    files.createDirectory();
    show(header, guarantee, files);
    Comparison comparison =
        new Comparison(
            ranks,
            new BriefTraining(warmUp, data, options.seed, options.progress, out)
                .residuals(files.directory(), header.plan(), ranks, options.batchSize),
            guarantee,
            Map.of());
    ComparisonTable table = new ComparisonTable(comparison);
    table.printPlaces(out);
    out.println();
    table.printSummary(out);
    printCaveats(comparison);
    List<Path> written = files.write(comparison);
    if (options.train) {
      Map<RankPolicy, OptionalDouble> accuracies = new LinkedHashMap<>();
      for (RankPolicy rank : ranks) {
        int code = train(rank, files.run(rank), accuracies);
        if (code != ExitCode.OK) {
          return code;
        }
      }
      Comparison trained = comparison.with(accuracies);
      out.println();
      new ComparisonTable(trained).printSummary(out);
      out.printf(
          "The accuracies are those of training with sigma = %s C / sqrt(values), not with the sigma"
              + " of this table.%n",
          Figures.plain(options.noiseRatio()));
      written = files.write(trained);
    }
    out.println("written  " + String.join(", ", written.stream().map(Path::toString).toList()));
    out.flush();
    if (!written.contains(files.svg())) {
      command.getErr().println(Charts.noFonts(files.svg()));
    }
    return ExitCode.OK;
  }

  private Path directory() {
    return options.out != null
        ? options.out
        : RUNS.resolve("compare-" + LocalDateTime.now(ZoneId.systemDefault()).format(STAMP));
  }

  /// The plan of a run whose noise is compared; its rank stands for all.
  private RunHeader header(DataSet data) {
    try {
      Graph graph =
          TrainedModel.Description.of(
                  warmUp.model(), warmUp.norm(), data.train(), data.normalization())
              .graph();
      Plan plan =
          Plan.of(
              graph, Mode.ASYMML, warmUp.decomposition(), ranks.getLast(), warmUp.trustedLayers());
      if (!plan.needsWorker()) {
        throw new IllegalArgumentException(
            "--trusted-layers keeps all layers here: nothing would leave, so nothing needs noise");
      }
      return new RunHeader(warmUp, data, graph, plan);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command, String.valueOf(e.getMessage()), e);
    }
  }

  private Guarantee guarantee(RunHeader header) {
    int images = header.data().train().size();
    int batch = Math.min(options.batchSize, images);
    try {
      return Guarantee.of(
          budget, Guarantee.Sampling.of(images, batch, options.epochs, releases(header)));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command, String.valueOf(e.getMessage()), e);
    }
  }

  /// Inputs of split layers; one that several layers read leaves once.
  private static int releases(RunHeader header) {
    Graph graph = header.graph();
    Set<Integer> sources = new LinkedHashSet<>();
    for (int layer : graph.linearLayers()) {
      Node node = graph.nodes().get(layer);
      if (header.plan().placement(node.name()) instanceof Placement.Split) {
        sources.add(node.inputs().getFirst());
      }
    }
    return sources.size();
  }

  private void show(RunHeader header, Guarantee guarantee, ComparisonFiles files) {
    out.println("data     " + header.describeData());
    out.println("model    " + header.describeModel());
    out.printf(
        "compared %s decomposition, ranks %s; trusted whole: %s%n",
        options.decomposer.label(),
        String.join(", ", ranks.stream().map(RankPolicy::toString).toList()),
        String.join(", ", warmUp.trustedLayers()));
    out.println("noise    " + guarantee.describe());
    out.println("results  " + files.directory());
    out.println(
        "trusted  training %d epoch(s), then measuring, in this process: no worker, nothing leaves"
            .formatted(options.warmUpEpochs));
    out.flush();
  }

  private void printCaveats(Comparison comparison) {
    double weakest = Double.POSITIVE_INFINITY;
    double strongest = 0;
    for (Place place : comparison.places()) {
      double ratio =
          comparison.guarantee().noiseMultiplier().value() * Math.sqrt(place.input().size());
      weakest = Math.min(weakest, ratio);
      strongest = Math.max(strongest, ratio);
    }
    out.println();
    out.println(
        "These norms are statistics of private data: computed on the trusted side, printed for the"
            + " data owner only.");
    out.println(
        "C is the median of norms, taken without noise or clipping; sigma = z C with one z, so sigma/sigma_0 is the ratio of the"
            + " residual's norm to the input's.");
    out.print(
        String.format(
            Locale.ROOT,
            "At this z the noise is %.3g to %.3g times as strong as a residual at its bound; noise"
                + " that trains well gives a larger epsilon.%n",
            weakest,
            strongest));
    out.println(
        "The guarantee is that of the residuals alone, and only if nothing else shows who was drawn,"
            + " and C and the bases did not depend on the data"
            + (warmUp.norm() == Zoo.Norm.BATCH ? " (and with --norm group)" : "")
            + ".");
    out.println(
        "Epsilon of the whole view is infinite: weights and output gradients leave as they are.");
    out.flush();
  }

  /// Trains at a rank as `asymml train` does.
  ///
  /// @param accuracies gets the result
  /// @return the exit code
  private int train(RankPolicy rank, Path directory, Map<RankPolicy, OptionalDouble> accuracies)
      throws DataException, IOException, RunException {
    TrainOptions own = TrainOptions.of(options.run(rank, directory));
    TrainConfig config = own.config();
    out.println();
    out.println("rank " + rank + (rank.equals(NoiseAlone.RANK) ? ", noise alone" : ""));
    try {
      int code =
          new TrainingRun(
                  own,
                  config,
                  Settings.of(own),
                  List.of(),
                  command.getParseResult().originalArgs(),
                  command,
                  TrainCommand.display(options.progress, out, config))
              .run(null);
      if (code == ExitCode.OK) {
        accuracies.put(
            rank,
            OptionalDouble.of(
                MetricsLog.readAll(new RunLayout(directory).metrics()).getLast().testAccuracy()));
      }
      return code;
    } catch (TrainingException e) {
      // An answer, not a failure: at this rank the noise is too strong.
      out.println("rank " + rank + ": " + e.getMessage());
      accuracies.put(rank, OptionalDouble.empty());
      return ExitCode.OK;
    }
  }
}
