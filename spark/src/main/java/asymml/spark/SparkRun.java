package asymml.spark;

import asymml.model.PrintableText;
import asymml.model.Zoo;
import asymml.session.InvalidSpecException;
import asymml.session.ResolvedRun;
import asymml.session.SessionListener;
import asymml.session.Settings;
import asymml.session.TrainingResult;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Decoding;
import asymml.trusted.plan.Mode;
import asymml.trusted.train.ClassWeights;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/// A training run on Spark: from images in two datasets to a run directory of the same form as that
/// of a single process.
final class SparkRun {
  /// Of the height, as for files of images that a single process reads.
  private static final int CROP_FRACTION = 8;

  private final JavaSparkContext spark;
  private final TrainingSpec spec;
  private SessionListener listener = new SessionListener() {};
  private List<String> arguments = List.of();
  private Path runs = Path.of("runs");
  private @Nullable List<String> classes;
  private String times = "";

  /// A run.
  ///
  /// @param spark where
  /// @param spec what to run; [TrainingSpec#threads] are those of a task
  /// @throws IllegalArgumentException if Spark's settings or those of the run do not allow it
  SparkRun(JavaSparkContext spark, TrainingSpec spec) {
    this.spark = spark;
    this.spec = spec;
    require(spark.getConf(), spec);
  }

  /// What a run on Spark is told: executors have no workers, batch norm cannot be computed in
  /// parts, and a task has as many threads as Spark gives it.
  ///
  /// @param settings of the run
  /// @param conf of Spark
  static TrainingSpec spec(Settings settings, SparkConf conf) {
    Map<String, Object> values = new LinkedHashMap<>(settings.values());
    values.remove(Settings.OUT);
    values.putIfAbsent("mode", "trusted-only");
    values.putIfAbsent("norm", "group");
    values.put("threads", conf.get("spark.task.cpus", "1"));
    return new Settings(values).spec();
  }

  /// Refuses what is not done on Spark, before anything starts.
  ///
  /// @throws IllegalArgumentException one line, if Spark's settings or those of the run do not
  ///   allow it
  static void require(SparkConf conf, TrainingSpec spec) {
    TrainConfig config = spec.training();
    require(
        !conf.getBoolean("spark.speculation", false),
        "each part of a step is computed once: leave spark.speculation off");
    require(
        conf.get("spark.master", "").startsWith("local")
            || conf.getBoolean("spark.network.crypto.enabled", false)
            || conf.getBoolean("spark.ssl.rpc.enabled", false),
        "images, parameters and gradients without noise pass between driver and executors: set spark.authenticate and spark.network.crypto.enabled to true, or spark.ssl.rpc.enabled");
    require(
        !config.privacy().accounted() || !conf.getBoolean("spark.eventLog.enabled", false),
        "Spark's event log would hold the loss of each step and how many images were drawn, which no epsilon covers: leave spark.eventLog.enabled off with --dp-sgd");
    require(
        config.mode() == Mode.TRUSTED_ONLY,
        "on Spark, executors have no workers: give --mode trusted-only");
    require(
        !config.privacy().accounted() || config.privacy().dpSgd() != null,
        "on Spark, a run that is accounted for is one of DP-SGD: give --dp-sgd");
    require(
        !config.model().described(),
        "on Spark, the model is one of the zoo: networks from files are not sent to executors");
    require(
        config.norm() != Zoo.Norm.BATCH,
        "batch norm mixes the examples of a batch, which no executor has whole: give --norm group");
    require(
        !config.validation().isOn()
            && config.classWeights() instanceof ClassWeights.Equal
            && spec.analyzeEvery() == 0
            && !spec.data().decoding().randomCrop()
            && spec.data().decoding().cacheBytes() == Long.MAX_VALUE
            && spec.data().decoding().window() == null
            && spec.data().decoding().columns().equals(Decoding.Columns.NONE)
            && spec.data().decoding().onBadImage() == Decoding.OnBadImage.FAIL
            && spec.init().file() == null
            && config.frozen().isEmpty(),
        "on Spark there are no validation images, class weights, random crops, caches of decoded images (image-cache), windows, columns of tables, bad images that are left out, initial parameters, frozen layers and rank analyses");
    require(
        conf.getBoolean("spark.io.encryption.enabled", false),
        "Spark writes images, parameters and gradients without noise to disk: set spark.io.encryption.enabled to true where the session is created");
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }

  /// Who hears how it goes.
  SparkRun listener(SessionListener listener) {
    this.listener = listener;
    return this;
  }

  /// What `run.json` says of how the run was started.
  SparkRun arguments(List<String> arguments) {
    this.arguments = List.copyOf(arguments);
    return this;
  }

  /// Where a run without a directory creates one.
  ///
  /// @param runs in place of `runs`
  SparkRun under(Path runs) {
    this.runs = runs;
    return this;
  }

  /// Which classes there are, in the order of the network's outputs.
  ///
  /// @param classes in place of those of the training images
  SparkRun classes(List<String> classes) {
    this.classes = List.copyOf(classes);
    return this;
  }

  /// Hears of a run before it trains.
  interface Begun {
    void begun(ResolvedRun run, int partitions, long sharedImages);
  }

  /// Trains.
  ///
  /// @param name of the data, for reports
  /// @param training of two columns, the bytes of a JPEG or PNG file and a label
  /// @param testing likewise
  /// @param directory of a new run, or of one to resume; null for a new one named by the time
  /// @param resumes whether there is a run to resume
  /// @param begun hears of it
  /// @return how it ended
  TrainingResult train(
      String name,
      Dataset<Row> training,
      Dataset<Row> testing,
      @Nullable Path directory,
      boolean resumes,
      Begun begun)
      throws DataException, IOException, TrainingException {
    long seed = spec.training().seed();
    try (ImageParts train =
            ImageParts.of(
                training,
                spec.data().limitTrain().images(),
                seed,
                spec.data().decoding(),
                classes,
                null);
        ImageParts test =
            ImageParts.of(
                testing,
                spec.data().limitTest().images(),
                seed,
                spec.data().decoding(),
                null,
                train.set())) {
      if (spec.training().privacy().accounted()) {
        requireDistinct(train);
      }
      DataSet data =
          new DataSet(
              name,
              train.set(),
              test.set(),
              train.normalization(),
              true,
              train.set().shape().height() / CROP_FRACTION);
      ResolvedRun run = ResolvedRun.of(spec, data, null);
      begun.begun(run, train.parts().getNumPartitions(), test.sharedWith(train));
      try (TrainingSession session = session(run, directory, resumes);
          SparkStage stage = new SparkStage(spark, run, train, test)) {
        TrainingResult result =
            session.arguments(arguments).listener(listener).stage(stage).train();
        stage.times().write(result.layout());
        times = stage.times().line();
        return result;
      }
    }
  }

  /// Where the time of the steps of a run that has been trained went.
  ///
  /// @return a line; empty if there was no step
  String times() {
    return times;
  }

  /// A guarantee is for one example, and an image in two would have twice the sensitivity.
  private static void requireDistinct(ImageParts train) {
    long copies = train.copies();
    if (copies > 0) {
      throw new IllegalArgumentException(
          "%s of the training images have the pixels of another one, and in a run that is accounted for each counts once: drop them"
              .formatted(copies));
    }
  }

  private TrainingSession session(ResolvedRun run, @Nullable Path directory, boolean resumes)
      throws IOException {
    if (directory == null) {
      return TrainingSession.createUnder(run, runs);
    }
    return resumes
        ? TrainingSession.resume(run, directory)
        : TrainingSession.create(run, directory);
  }

  /// What a specification says that cannot be run here, in a line.
  ///
  /// @return fit for a terminal, whatever names it has
  static String line(Throwable e) {
    String message = String.valueOf(e.getMessage());
    return PrintableText.of(
        e instanceof InvalidSpecException
            ? message
            : message.lines().findFirst().orElse(e.toString()));
  }
}
