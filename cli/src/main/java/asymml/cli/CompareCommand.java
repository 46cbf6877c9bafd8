package asymml.cli;

import asymml.cli.options.StudyOptions;
import asymml.cli.table.ComparisonTable;
import asymml.cli.terminal.DataOpening;
import asymml.cli.terminal.StopSignals;
import asymml.cli.terminal.StudyDisplay;
import asymml.model.Zoo;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.PrivacyBudget;
import asymml.report.Charts;
import asymml.report.ComparisonChart;
import asymml.report.RunDescription;
import asymml.session.ResolvedRun;
import asymml.study.Decimal;
import asymml.study.StudyRun;
import asymml.study.compare.CompareSpec;
import asymml.study.compare.CompareSpec.Training;
import asymml.study.compare.CompareStudy;
import asymml.study.compare.Comparison;
import asymml.trusted.data.DataException;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `asymml privacy compare`.
@Command(
    name = "compare",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Compares the noise that ranks need for one guarantee with what noise alone (rank 0) needs.",
      "Trains briefly on the trusted side, then takes the norms of what split layers would release:"
          + " no worker is started and nothing is released, unless --train asks for it. The norms are"
          + " statistics of private data, for the data owner only."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml privacy compare",
      "  asymml privacy compare --data images.zip --model resnet20 --ranks 0,1,2,4,8 \\",
      "      --limit-train 2000",
      "  asymml privacy compare --model vgg11 --ranks 0,1/16,1/8,1/4 --decomposer per-example",
      "  asymml privacy compare --train --noise-ratio 0.3 --train-epochs 8 --out runs/ranks"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class CompareCommand implements Callable<Integer> {
  private static final Path RUNS = Path.of("runs");

  private static final DateTimeFormatter STAMP =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss", Locale.ROOT);

  @Spec private CommandSpec spec;

  @Mixin private StudyOptions options;

  @Option(
      names = "--ranks",
      paramLabel = "RANKS",
      split = ",",
      defaultValue = "0,1,2,4,8",
      description =
          "Directions that stay trusted: whole numbers or shares of the channels such as 1/8, with"
              + " commas; 0 is noise alone and always among them (default: ${DEFAULT-VALUE}).")
  private List<RankPolicy> ranks;

  @Option(
      names = "--warm-up-epochs",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "Epochs of training, all on the trusted side, before norms are taken (default:"
              + " ${DEFAULT-VALUE}).")
  private int warmUpEpochs;

  @Option(
      names = "--target-epsilon",
      paramLabel = "EPSILON",
      defaultValue = "50",
      description = "The guarantee, the same for every rank (default: ${DEFAULT-VALUE}).")
  private double targetEpsilon;

  @Option(
      names = "--delta",
      paramLabel = "DELTA",
      defaultValue = "1e-5",
      description = "The guarantee's delta (default: ${DEFAULT-VALUE}).")
  private double delta;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "8",
      description = "Epochs of the run that the guarantee is for (default: ${DEFAULT-VALUE}).")
  private int epochs;

  @Option(
      names = "--train",
      description = "Also train a model for every rank, each with a worker process (default: no).")
  private boolean train;

  @Option(
      names = "--noise-ratio",
      paramLabel = "RHO",
      description =
          "With --train: noise with sigma = RHO C / sqrt(values), C the layer's bound at its rank,"
              + " so that every rank has the same z (default: 0.3).")
  @Nullable Double noiseRatio;

  @Option(
      names = "--train-epochs",
      paramLabel = "N",
      description = "With --train: epochs of each run (default: 8).")
  @Nullable Integer trainEpochs;

  @Option(
      names = "--learning-rate",
      paramLabel = "RATE",
      defaultValue = "0.05",
      description = "Highest learning rate of all training here (default: ${DEFAULT-VALUE}).")
  private float learningRate;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description =
          "Directory for compare.json, compare.svg and the runs of --train (default:"
              + " runs/compare-<time>).")
  @Nullable Path directory;

  @Override
  public Integer call() throws DataException, IOException, TrainingException {
    PrintWriter out = spec.commandLine().getOut();
    Path results =
        directory != null
            ? directory
            : RUNS.resolve("compare-" + LocalDateTime.now(ZoneId.systemDefault()).format(STAMP));
    CompareSpec asked;
    CompareStudy study;
    try {
      asked = asked();
      study = CompareStudy.open(asked, results, DataOpening.reporter(out));
    } catch (IllegalArgumentException e) {
      throw UsageErrors.of(spec, e);
    }
    show(asked, study, results);
    StudyDisplay display = new StudyDisplay(options.progress(), out);
    Comparison comparison = study.measure(display, DataOpening.reporter(out));
    ComparisonTable table = new ComparisonTable(comparison);
    table.printPlaces(out);
    out.println();
    table.printSummary(out);
    printCaveats(asked, comparison);
    List<Path> written = write(asked, study, comparison, results);
    if (train) {
      try (StopSignals signals = new StopSignals(spec.commandLine().getErr())) {
        Optional<Comparison> trained =
            study.train(
                comparison,
                new StudyRun(
                    spec.commandLine().getParseResult().originalArgs(), display, signals::received),
                this::show);
        if (trained.isEmpty()) {
          return signals.exitCode();
        }
        out.println();
        new ComparisonTable(trained.get()).printSummary(out);
        out.printf(
            "The accuracies are those of training with sigma = %s C / sqrt(values), not with the"
                + " sigma of this table.%n",
            Decimal.plain(asked.training().orElseThrow().noiseRatio()));
        written = write(asked, study, trained.get(), results);
      }
    }
    out.println(
        "written  " + written.stream().map(Path::toString).collect(Collectors.joining(", ")));
    out.flush();
    return ExitCode.OK;
  }

  /// What is to be compared.
  ///
  /// @throws IllegalArgumentException with the rule that a value breaks
  private CompareSpec asked() {
    if (!train && (noiseRatio != null || trainEpochs != null)) {
      throw new IllegalArgumentException("--noise-ratio and --train-epochs go with --train");
    }
    Training defaults = Training.DEFAULTS;
    return new CompareSpec(
        options.spec(learningRate),
        ranks,
        new PrivacyBudget(new Epsilon(targetEpsilon), new Delta(delta)),
        epochs,
        warmUpEpochs,
        train
            ? Optional.of(
                new Training(
                    trainEpochs == null ? defaults.epochs() : trainEpochs,
                    noiseRatio == null ? defaults.noiseRatio() : noiseRatio))
            : Optional.empty());
  }

  private void show(CompareSpec asked, CompareStudy study, Path directory) {
    PrintWriter out = spec.commandLine().getOut();
    TrainConfig training = asked.common().training();
    out.println("data     " + RunDescription.data(study.data()));
    out.println("model    " + RunDescription.model(study.graph(), training));
    out.printf(
        "compared %s decomposition, ranks %s; trusted whole: %s%n",
        training.decomposition().label(),
        asked.ranks().stream().map(RankPolicy::toString).collect(Collectors.joining(", ")),
        String.join(", ", training.trustedLayers()));
    out.println("noise    " + study.guarantee().describe());
    out.println("results  " + directory);
    out.println(
        "trusted  training %s epoch(s), then measuring, in this process: no worker, nothing is"
                .formatted(warmUpEpochs)
            + " released");
    out.flush();
  }

  /// A run of --train.
  private void show(ResolvedRun run) {
    PrintWriter out = spec.commandLine().getOut();
    out.println();
    out.println("plan     " + RunDescription.plan(run.graph(), run.spec().training(), run.plan()));
    out.flush();
  }

  private void printCaveats(CompareSpec asked, Comparison comparison) {
    PrintWriter out = spec.commandLine().getOut();
    double multiplier = comparison.guarantee().noiseMultiplier().value();
    DoubleSummaryStatistics strength =
        comparison.places().stream()
            .map(Place::input)
            .mapToDouble(input -> multiplier * Math.sqrt(input.size()))
            .summaryStatistics();
    out.println();
    out.println(
        "These norms are statistics of private data: computed on the trusted side, printed for the"
            + " data owner only.");
    out.println(
        "C is the median of norms, taken without noise or clipping; sigma = z C with one z, so"
            + " sigma/sigma_0 is the ratio of the residual's norm to the input's.");
    out.printf(
        Locale.ROOT,
        "At this z the noise is %.3g to %.3g times as strong as a residual at its bound; noise that"
            + " trains well gives a larger epsilon.%n",
        strength.getMin(),
        strength.getMax());
    out.println(
        "The guarantee is that of the residuals alone. It holds only if nothing else reveals which"
            + " examples were sampled, and C and the bases do not depend on the data"
            + (asked.common().training().norm() == Zoo.Norm.BATCH ? ", with --norm group" : "")
            + ".");
    out.println(
        "Epsilon of the whole view is infinite: weights and output gradients are sent unprotected.");
    out.flush();
  }

  /// Writes file and picture.
  private List<Path> write(
      CompareSpec asked, CompareStudy study, Comparison comparison, Path directory)
      throws IOException {
    List<Path> written = new ArrayList<>();
    written.add(
        study.write(
            comparison,
            RunDescription.data(study.data()),
            RunDescription.model(study.graph(), asked.common().training()),
            Build.version()));
    Path svg = directory.resolve("compare.svg");
    if (Charts.hasFonts()) {
      ComparisonChart.write(comparison, study.graph().name() + " on " + study.data().name(), svg);
      written.add(svg);
    } else {
      spec.commandLine().getErr().println(Charts.noFonts(svg));
    }
    return written;
  }
}
