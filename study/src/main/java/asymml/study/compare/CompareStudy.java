package asymml.study.compare;

import asymml.kernels.Kernels;
import asymml.model.Graph;
import asymml.session.ResolvedRun;
import asymml.session.TrainingSpec;
import asymml.study.BriefTraining;
import asymml.study.RunDisplay;
import asymml.study.StudyRun;
import asymml.study.compare.ComparisonFile.About;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Progress;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;

/// Compares the noise that ranks need for one guarantee with what noise alone needs: trains briefly
/// on the trusted side, then takes the norms of what split layers would release. No worker is
/// started and nothing is released, unless models are trained.
public final class CompareStudy {
  private final CompareSpec spec;
  private final Path directory;
  private final DataSet data;
  private final Graph graph;
  private final Plan plan;
  private final Guarantee guarantee;

  private CompareStudy(
      CompareSpec spec, Path directory, DataSet data, Graph graph, Plan plan, Guarantee guarantee) {
    this.spec = spec;
    this.directory = directory;
    this.data = data;
    this.graph = graph;
    this.plan = plan;
    this.guarantee = guarantee;
  }

  /// Opens the data, and finds the noise multiplier. Nothing is written.
  ///
  /// @param spec what to compare
  /// @param directory for files, which holds no comparison yet
  /// @param progress hears how far the decoding of images is
  /// @return the study
  /// @throws IllegalArgumentException if model, images and layers do not fit together, or no noise
  ///   meets the guarantee
  /// @throws DataException if anything is wrong with the data
  /// @throws IOException if there is a comparison in the directory
  public static CompareStudy open(CompareSpec spec, Path directory, Progress progress)
      throws DataException, IOException {
    Kernels.setThreads(spec.common().threads());
    ComparisonFile.requireFree(json(directory));
    ResolvedRun run =
        ResolvedRun.open(
            spec.warmUp().withMode(Mode.ASYMML).withRank(spec.ranks().getLast()), progress);
    if (!run.needsWorker()) {
      throw new IllegalArgumentException(
          "the plan keeps all layers here: nothing would be released, so nothing needs noise");
    }
    return new CompareStudy(
        spec,
        directory,
        run.data(),
        run.graph(),
        run.plan(),
        guarantee(spec, run.data().train().size(), releases(run.graph(), run.plan())));
  }

  private static Guarantee guarantee(CompareSpec spec, int images, int releases) {
    int batch = Math.min(spec.common().training().batchSize(), images);
    return Guarantee.of(
        spec.budget(), Guarantee.Sampling.of(images, batch, spec.epochs(), releases));
  }

  /// Inputs of split layers; one that several layers read is released once.
  static int releases(Graph graph, Plan plan) {
    return new DataFlow(graph, plan, new Shield.Residual()).inputs().size();
  }

  /// What is trained and tested on.
  ///
  /// @return the limited splits
  public DataSet data() {
    return data;
  }

  /// The network.
  ///
  /// @return its layers
  public Graph graph() {
    return graph;
  }

  /// What the compared run promises.
  ///
  /// @return budget and noise multiplier
  public Guarantee guarantee() {
    return guarantee;
  }

  /// Trains briefly and measures.
  ///
  /// @param display shows the training
  /// @param progress hears how far the measuring is
  /// @return the comparison, without accuracies
  /// @throws IOException if a file cannot be written
  /// @throws TrainingException if the training diverged
  public Comparison measure(RunDisplay display, Progress progress)
      throws IOException, TrainingException {
    ComparisonFile.createDirectory(directory);
    return new Comparison(
        spec.ranks(),
        new BriefTraining(spec.warmUp().training(), data, display, progress)
            .residuals(directory, plan, spec.ranks()),
        guarantee,
        Map.of());
  }

  /// Trains a model for every rank, each with a worker process of its own.
  ///
  /// @param comparison as measured
  /// @param runs trains models
  /// @param started hears of each run before it begins
  /// @return the comparison with accuracies; empty if it was stopped
  /// @throws IOException if a file cannot be written or a worker fails
  /// @throws TrainingException if a rank cannot be trained for another reason than divergence
  public Optional<Comparison> train(
      Comparison comparison, StudyRun runs, Consumer<ResolvedRun> started)
      throws IOException, TrainingException {
    Map<RankPolicy, OptionalDouble> accuracies = new LinkedHashMap<>();
    for (RankPolicy rank : spec.ranks()) {
      TrainingSpec own = spec.run(rank);
      ResolvedRun run = ResolvedRun.of(own, data, null);
      started.accept(run);
      Path runDirectory = run(rank);
      try {
        if (!runs.train(run, runDirectory)) {
          return Optional.empty();
        }
        accuracies.put(
            rank,
            OptionalDouble.of(
                MetricsLog.readAll(new RunLayout(runDirectory).metrics())
                    .getLast()
                    .heldOutAccuracy()));
      } catch (TrainingException e) {
        if (!e.diverged()) {
          throw e;
        }
        // An answer, not a failure: at this rank the noise is too strong.
        accuracies.put(rank, OptionalDouble.empty());
      }
    }
    return Optional.of(comparison.with(accuracies));
  }

  /// The run directory of a rank.
  private Path run(RankPolicy rank) {
    return directory.resolve("rank-" + rank.toString().replace('/', '_'));
  }

  private static Path json(Path directory) {
    return directory.resolve("compare.json");
  }

  /// Writes the comparison, in place of an earlier one.
  ///
  /// @param comparison of this study
  /// @param data the images in words
  /// @param model the network in words
  /// @param version of this program
  /// @return the file
  /// @throws IOException if it cannot be written
  public Path write(Comparison comparison, String data, String model, String version)
      throws IOException {
    Path file = json(directory);
    new ComparisonFile(spec, new About(data, this.data.train().digest(), model, version))
        .write(file, comparison);
    return file;
  }
}
