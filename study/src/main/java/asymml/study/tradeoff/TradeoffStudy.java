package asymml.study.tradeoff;

import asymml.kernels.Kernels;
import asymml.model.Graph;
import asymml.model.PrivateFiles;
import asymml.session.DataSpec;
import asymml.session.InferenceSession;
import asymml.session.ResolvedRun;
import asymml.session.Settings;
import asymml.session.TrainedRun;
import asymml.session.TrainingSpec;
import asymml.study.StudyRun;
import asymml.study.tradeoff.Tradeoff.Cell;
import asymml.study.tradeoff.Tradeoff.Point;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.DataSets;
import asymml.trusted.data.Progress;
import asymml.trusted.plan.Placement;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.CleanEvaluation;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Trains the same network at several ranks and noise levels, each with a worker process of its
/// own, and tests it without noise; or trains it once without workers, and tests it through the
/// split at these ranks and levels. A grid that was stopped is resumed by running it again; what is
/// finished is not run again.
public final class TradeoffStudy {
  private final TradeoffSpec spec;
  private final Set<Point> points;
  private final TradeoffFiles files;
  private final DataSet training;
  private final ResolvedRun first;
  private final Map<Point, Cell> finished = new LinkedHashMap<>();

  private TradeoffStudy(
      TradeoffSpec spec, TradeoffFiles files, DataSet training, ResolvedRun first) {
    this.spec = spec;
    this.points = spec.points();
    this.files = files;
    this.training = training;
    this.first = first;
  }

  /// Opens the data and reads which cells are finished. Nothing is written.
  ///
  /// @param spec the grid
  /// @param directory for files and runs; an existing grid of the same settings is resumed
  /// @param progress hears how far the decoding of images is
  /// @return the study
  /// @throws IllegalArgumentException if model, images and layers do not fit together
  /// @throws DataException if anything is wrong with the data
  /// @throws IOException if the directory holds a grid with other settings or of other images
  public static TradeoffStudy open(TradeoffSpec spec, Path directory, Progress progress)
      throws DataException, IOException {
    Kernels.setThreads(spec.common().threads());
    Point point = spec.points().iterator().next();
    requireSameSettings(spec, directory);
    TrainingSpec run = spec.run(point);
    DataSet all = DataSets.open(run.data().source(), run.data().decoding(), progress);
    DataSet training = limited(all, run);
    DataSet data = limited(all, spec.common());
    ResolvedRun first = ResolvedRun.of(run, training, null);
    if (!first.needsWorker()) {
      throw new IllegalArgumentException(
          "the plan keeps all layers here: nothing would be released, so nothing needs noise");
    }
    TradeoffStudy study =
        new TradeoffStudy(spec, new TradeoffFiles(directory, data), training, first);
    for (Point each : study.points) {
      Cell cell = study.files.read(each);
      if (cell != null) {
        study.finished.put(each, cell);
      }
    }
    return study;
  }

  private static DataSet limited(DataSet all, TrainingSpec run) {
    return DataSpec.limited(
        all, run.data().limitTrain(), run.data().limitTest(), run.training().seed());
  }

  /// Cells of other settings are not to be found in one table.
  private static void requireSameSettings(TradeoffSpec spec, Path directory) throws IOException {
    Path model = directory.resolve(TradeoffFiles.MODEL);
    if (spec.inference()) {
      requireSameSettings(directory, model, spec.model());
    }
    for (Point point : spec.points()) {
      Path cell = directory.resolve(point.name());
      if (spec.inference()) {
        requireNone(directory, cell, "training runs");
      } else {
        requireSameSettings(directory, cell, spec.run(point));
      }
    }
    if (!spec.inference()) {
      requireNone(directory, model, "inference");
    }
  }

  private static void requireNone(Path grid, Path run, String what) throws IOException {
    if (Files.exists(new RunLayout(run).config())) {
      throw new IOException(
          "%s holds a grid of %s: choose another directory".formatted(grid, what));
    }
  }

  private static void requireSameSettings(Path grid, Path run, TrainingSpec spec)
      throws IOException {
    Path config = new RunLayout(run).config();
    if (Files.exists(config)) {
      List<String> changed =
          Settings.read(config)
              .without(Settings.FREE_ON_RESUME)
              .differences(Settings.of(spec).without(Settings.FREE_ON_RESUME));
      if (!changed.isEmpty()) {
        throw new IOException(
            "%s holds a grid with other settings (%s): choose another directory"
                .formatted(grid, String.join(", ", changed)));
      }
    }
  }

  /// What is trained on, and the images of the final tests.
  ///
  /// @return the limited splits
  public DataSet data() {
    return files.data();
  }

  /// The network.
  ///
  /// @return its layers
  public Graph graph() {
    return first.graph();
  }

  /// How many cells are finished.
  ///
  /// @return 0 to the number of points
  public int finished() {
    return finished.size();
  }

  /// The noise multipliers of a level, which are the same for every rank: each layer's depends on
  /// the number of values of its input.
  ///
  /// @param level of noise on residuals
  /// @return the least and the largest of all split layers
  public double[] noiseMultipliers(double level) {
    int[] values =
        graph().linearLayers().stream()
            .filter(layer ->
                !(first.plan().placement(graph().nodes().get(layer).name())
                    instanceof Placement.Trusted))
            .mapToInt(layer -> graph().inputShape(layer).size())
            .sorted()
            .toArray();
    return new double[] {
      level / Math.sqrt(values[values.length - 1]), level / Math.sqrt(values[0])
    };
  }

  /// Trains and tests what is not finished.
  ///
  /// @param runs trains cells
  /// @param listener hears of each cell
  /// @param progress hears how far the tests are
  /// @return the whole grid; empty if it was stopped
  /// @throws IOException if a file cannot be written or a worker fails
  /// @throws TrainingException if a cell cannot be trained for another reason than divergence
  public Optional<Tradeoff> run(StudyRun runs, TradeoffListener listener, Progress progress)
      throws IOException, TrainingException {
    long began = System.nanoTime();
    int run = 0;
    for (Point point : points) {
      if (finished.containsKey(point)) {
        continue;
      }
      if (runs.stop().getAsBoolean()) {
        return Optional.empty();
      }
      listener.started(point, finished.size() + 1);
      Cell cell = cell(point, runs, listener, progress);
      if (cell == null) {
        return Optional.empty();
      }
      finished.put(point, cell);
      run++;
      listener.finished(
          point,
          cell,
          Duration.ofNanos((System.nanoTime() - began) / run * (points.size() - finished.size())));
    }
    Map<Point, Cell> ordered = new LinkedHashMap<>();
    points.forEach(point -> ordered.put(point, finished.get(point)));
    return Optional.of(
        new Tradeoff(
            spec.ranks(), spec.noise(), spec.gradientNoise(), data().test().size(), ordered));
  }

  /// Trains and tests a cell, from its checkpoint if it has one.
  ///
  /// @return null if it was stopped
  private @Nullable Cell cell(
      Point point, StudyRun runs, TradeoffListener listener, Progress progress)
      throws IOException, TrainingException {
    Path directory = files.run(point);
    OptionalDouble accuracy = OptionalDouble.empty();
    OptionalDouble loss = OptionalDouble.empty();
    double evaluationSeconds = 0;
    try {
      boolean trained =
          spec.inference()
              ? trainModel(runs)
              : runs.train(ResolvedRun.of(spec.run(point), training, null), directory);
      if (!trained) {
        return null;
      }
      long began = System.nanoTime();
      Evaluator.Score score =
          spec.inference() ? split(point, progress) : score(new RunLayout(directory), progress);
      evaluationSeconds = (System.nanoTime() - began) / 1e9;
      accuracy = OptionalDouble.of(score.accuracy());
      loss = OptionalDouble.of(score.loss());
    } catch (TrainingException e) {
      if (!e.diverged()) {
        throw e;
      }
      listener.diverged(point, String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw new IOException(
          "%s: %s; run the grid again to resume it".formatted(point.describe(), e.getMessage()), e);
    }
    Cell cell = cell(accuracy, loss, evaluationSeconds, directory, training.train().size());
    files.write(point, cell);
    return cell;
  }

  /// Trains the model of a grid of inference, unless that is done.
  ///
  /// @return false if it was stopped
  private boolean trainModel(StudyRun runs) throws IOException, TrainingException {
    RunLayout layout = new RunLayout(files.model());
    if (Files.exists(layout.checkpoint())) {
      try (TrainedModel model = TrainedModel.read(layout.checkpoint())) {
        if (model.epoch() == spec.model().training().epochs()) {
          return true;
        }
      }
    }
    return runs.train(ResolvedRun.of(spec.model(), training, null), layout.directory());
  }

  private Evaluator.Score split(Point point, Progress progress)
      throws IOException, TrainingException {
    PrivateFiles.createDirectories(files.run(point));
    try (TrainedRun run = TrainedRun.open(files.model());
        InferenceSession session = run.split(spec.split(point))) {
      return session.evaluate(
          data().test(), (done, total) -> progress.update("classifying images", done, total));
    } catch (DataException e) {
      throw new IllegalStateException("nothing is accounted for: no public images are opened", e);
    }
  }

  private Evaluator.Score score(RunLayout layout, Progress progress)
      throws IOException, TrainingException {
    try (TrainedModel model = TrainedModel.read(layout.checkpoint())) {
      return CleanEvaluation.score(
          model,
          data(),
          spec.common().training().batchSize(),
          spec.common().training().seed(),
          (done, total) -> progress.update("evaluating without noise", done, total));
    }
  }

  /// A cell with what its epochs took, from the run's own metrics: they count what was done before
  /// a stop, too.
  private static Cell cell(
      OptionalDouble accuracy,
      OptionalDouble loss,
      double evaluationSeconds,
      Path directory,
      int images)
      throws IOException {
    Path metrics = new RunLayout(directory).metrics();
    List<EpochMetrics> epochs = Files.exists(metrics) ? MetricsLog.readAll(metrics) : List.of();
    return new Cell(
        accuracy,
        loss,
        epochs.stream().mapToDouble(epoch -> images / epoch.imagesPerSecond()).sum(),
        evaluationSeconds,
        epochs.stream().mapToDouble(EpochMetrics::trustedCpuSeconds).sum(),
        epochs.stream().mapToDouble(EpochMetrics::workerCpuSeconds).sum());
  }

  /// Writes the grid, in place of an earlier one.
  ///
  /// @param tradeoff of this study
  /// @param version of this program
  /// @return the file
  /// @throws IOException if it cannot be written
  public Path write(Tradeoff tradeoff, String version) throws IOException {
    files.write(tradeoff, spec, version);
    return files.json();
  }
}
