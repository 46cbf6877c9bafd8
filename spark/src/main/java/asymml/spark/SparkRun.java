package asymml.spark;

import asymml.session.InvalidSpecException;
import asymml.session.ResolvedRun;
import asymml.session.SessionListener;
import asymml.session.TrainingResult;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
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

  /// A run.
  ///
  /// @param spark with the plugin
  /// @param spec what to run; [TrainingSpec#threads] are those of a task
  /// @throws IllegalArgumentException if Spark's settings or those of the run do not allow it
  SparkRun(JavaSparkContext spark, TrainingSpec spec) {
    this.spark = spark;
    this.spec = spec;
    requireSettings(spark.getConf());
    requireHere(spec);
  }

  /// Refuses a Spark session that could release what is not counted, or show what is private.
  private static void requireSettings(SparkConf conf) {
    if (!List.of(conf.get("spark.plugins", "").split(",")).contains(AsymmlPlugin.NAME)) {
      throw new IllegalArgumentException(
          "tasks ask the driver before they release: start Spark with --conf spark.plugins="
              + AsymmlPlugin.NAME);
    }
    if (conf.getBoolean("spark.speculation", false)) {
      throw new IllegalArgumentException(
          "a speculative task releases again what another is releasing: leave spark.speculation off");
    }
    String master = conf.get("spark.master", "");
    if (!master.startsWith("local")
        && !conf.getBoolean("spark.network.crypto.enabled", false)
        && !conf.getBoolean("spark.ssl.rpc.enabled", false)) {
      throw new IllegalArgumentException(
          "parameters, gradients and images pass between driver and executors: set spark.authenticate and spark.network.crypto.enabled to true, or spark.ssl.rpc.enabled");
    }
  }

  /// Refuses what executors cannot share.
  private static void requireHere(TrainingSpec spec) {
    if (!spec.usedWorkers().isEmpty()) {
      throw new IllegalArgumentException(
          "on Spark, executors have no workers yet: give --mode trusted-only");
    }
    if (spec.analyzeEvery() > 0) {
      throw new IllegalArgumentException(
          "ranks are analysed on images, which the driver has none of: leave out --analyze-every");
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
                training, spec.data().limitTrain().images(), seed, spec.data().decoding(), null);
        ImageParts test =
            ImageParts.of(
                testing,
                spec.data().limitTest().images(),
                seed,
                spec.data().decoding(),
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
        return session.arguments(arguments).listener(listener).stage(stage).train();
      }
    }
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

  private static TrainingSession session(
      ResolvedRun run, @Nullable Path directory, boolean resumes) throws IOException {
    if (directory == null) {
      return TrainingSession.createUnder(run, Path.of("runs"));
    }
    return resumes
        ? TrainingSession.resume(run, directory)
        : TrainingSession.create(run, directory);
  }

  /// What a specification says that cannot be run here, in a line.
  static String line(Exception e) {
    return e instanceof InvalidSpecException invalid
        ? String.valueOf(invalid.getMessage())
        : String.valueOf(e.getMessage()).lines().findFirst().orElse(e.toString());
  }
}
