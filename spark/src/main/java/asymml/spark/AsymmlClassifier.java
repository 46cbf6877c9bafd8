package asymml.spark;

import asymml.session.ResolvedRun;
import asymml.session.Settings;
import asymml.session.TrainingResult;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.Estimator;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.StructType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Trains a network on a dataset with a column of images and a column of labels: an estimator of
/// Spark ML. It trains as `asymml spark train` does; each fit is a run with a directory of its own,
/// in [#runDirectory].
///
/// Labels are whole numbers from 0, in a column of any numeric type, as evaluators of Spark want
/// them; a `StringIndexer` makes them of names. The model predicts labels themselves. There need
/// not be an image of every label, nor of the same ones in all folds of a cross-validation.
///
/// What is not set by a parameter is set by [#settings], and what is not set there is as in `asymml
/// train`, but for the mode `trusted-only` and the norm `group`.
///
/// ### Privacy
///
/// With [#dpSgd], a fit's ledger and its epsilon are that of this fit. Further fits on the same
/// images cost their own: a `CrossValidator` of g parameter maps and k folds has k*g + 1 of them,
/// and each image is in at most (k-1)*g + 1. After a fit, the sum over the runs in the run
/// directory is logged as a warning, if there are several; nothing stops a fit by it. Give one run
/// directory to all fits on the same images, so that this sum is of all. No epsilon covers metrics
/// of evaluators and the choice that a `CrossValidator` makes by them.
///
/// The rows that are held out are not trained on. Only loss and accuracy are computed from them,
/// after each epoch, without noise: these are in the run directory, and are private. The saved
/// model does not contain them, and with [#dpSgd] they are not logged, nor is the training loss.
/// With [#dpSgd], images with the pixels of another one are refused.
///
/// A fit is refused unless Spark encrypts what it writes to disk (`spark.io.encryption.enabled`).
///
/// Which labels there are counts as public. A `StringIndexer` numbers names by how frequent they
/// are, which no epsilon covers: with [#dpSgd], set its `stringOrderType` to `alphabetAsc`.
public final class AsymmlClassifier extends Estimator<AsymmlClassifierModel>
    implements ImageClassifierColumns, DefaultParamsWritable {
  private static final long serialVersionUID = 1;
  private static final Logger LOG = LoggerFactory.getLogger(AsymmlClassifier.class);

  /// What a fit knows better, with what to set instead.
  private static final Map<String, String> ELSEWHERE =
      Map.of(
          "data", "images are those of the dataset",
          "out", "use setRunDirectory",
          "threads", "use spark.task.cpus");

  private final String uid;
  private final Param<String> imageCol;
  private final Param<String> labelCol;
  private final Param<String> rawPredictionCol;
  private final Param<String> probabilityCol;
  private final Param<String> predictionCol;
  private final Param<String> model;
  private final IntParam epochs;
  private final IntParam batchSize;
  private final DoubleParam learningRate;
  private final BooleanParam dpSgd;
  private final DoubleParam targetEpsilon;
  private final LongParam seed;
  private final Param<String> settings;
  private final DoubleParam heldOut;
  private final Param<String> runDirectory;

  /// An estimator with a name of its own.
  public AsymmlClassifier() {
    this(Identifiable$.MODULE$.randomUID("asymml"));
  }

  /// An estimator.
  ///
  /// @param uid its name
  public AsymmlClassifier(String uid) {
    this.uid = uid;
    // Now that the name is there: parameters take it over.
    imageCol = new Param<>(this, "imageCol", "column of images");
    labelCol = new Param<>(this, "labelCol", "column of labels, whole numbers from 0");
    rawPredictionCol =
        new Param<>(this, "rawPredictionCol", "column of logarithms of probabilities");
    probabilityCol = new Param<>(this, "probabilityCol", "column of probabilities of labels");
    predictionCol = new Param<>(this, "predictionCol", "column of the likeliest label");
    model = new Param<>(this, "model", "network of the zoo");
    epochs = new IntParam(this, "epochs", "passes over the training images");
    batchSize =
        new IntParam(
            this,
            "batchSize",
            "examples of a step, over all partitions; with DP-SGD see logical-batch-size of the settings");
    learningRate = new DoubleParam(this, "learningRate", "learning rate");
    dpSgd = new BooleanParam(this, "dpSgd", "whether gradients are clipped and noised (DP-SGD)");
    targetEpsilon =
        new DoubleParam(
            this, "targetEpsilon", "epsilon that a fit may cost, from which the noise follows");
    seed =
        new LongParam(
            this, "seed", "seed of initial weights, order, augmentation and held-out rows");
    settings = new Param<>(this, "settings", "further settings of asymml train, as YAML");
    heldOut =
        new DoubleParam(
            this,
            "heldOut",
            "share of the rows that are only tested on, above 0 and below 1",
            ParamValidators.inRange(0, 1, false, false));
    runDirectory =
        new Param<>(
            this, "runDirectory", "directory of the driver in which each fit creates its run");
    setDefault(imageCol, "content");
    setDefault(labelCol, "label");
    setDefault(rawPredictionCol, "rawPrediction");
    setDefault(probabilityCol, "probability");
    setDefault(predictionCol, "prediction");
    setDefault(settings, "");
    setDefault(heldOut, 0.1);
    setDefault(runDirectory, "runs");
  }

  @Override
  public String uid() {
    return uid;
  }

  @Override
  public Param<String> imageCol() {
    return imageCol;
  }

  /// The parameter: column of labels, whole numbers from 0.
  ///
  /// @return by its name `labelCol`
  public Param<String> labelCol() {
    return labelCol;
  }

  @Override
  public Param<String> rawPredictionCol() {
    return rawPredictionCol;
  }

  @Override
  public Param<String> probabilityCol() {
    return probabilityCol;
  }

  @Override
  public Param<String> predictionCol() {
    return predictionCol;
  }

  /// The parameter: network of the zoo.
  ///
  /// @return by its name `model`
  public Param<String> model() {
    return model;
  }

  /// The parameter: passes over the training images.
  ///
  /// @return by its name `epochs`
  public IntParam epochs() {
    return epochs;
  }

  /// The parameter: examples of a step, over all partitions; with DP-SGD see logical-batch-size of
  /// the settings.
  ///
  /// @return by its name `batchSize`
  public IntParam batchSize() {
    return batchSize;
  }

  /// The parameter: learning rate.
  ///
  /// @return by its name `learningRate`
  public DoubleParam learningRate() {
    return learningRate;
  }

  /// The parameter: whether gradients are clipped and noised (DP-SGD).
  ///
  /// @return by its name `dpSgd`
  public BooleanParam dpSgd() {
    return dpSgd;
  }

  /// The parameter: epsilon that a fit may cost, from which the noise follows.
  ///
  /// @return by its name `targetEpsilon`
  public DoubleParam targetEpsilon() {
    return targetEpsilon;
  }

  /// The parameter: seed of initial weights, order, augmentation and held-out rows.
  ///
  /// @return by its name `seed`
  public LongParam seed() {
    return seed;
  }

  /// The parameter: further settings of asymml train, as YAML.
  ///
  /// @return by its name `settings`
  public Param<String> settings() {
    return settings;
  }

  /// The parameter: share of the rows that are only tested on, above 0 and below 1.
  ///
  /// @return by its name `heldOut`
  public DoubleParam heldOut() {
    return heldOut;
  }

  /// The parameter: directory of the driver in which each fit creates its run.
  ///
  /// @return by its name `runDirectory`
  public Param<String> runDirectory() {
    return runDirectory;
  }

  /// Sets the column of images.
  ///
  /// @param value a column with bytes of JPEG or PNG files, or images of Spark's `image` source
  /// @return this
  public AsymmlClassifier setImageCol(String value) {
    set(imageCol, value);
    return this;
  }

  /// Sets the column of labels, whole numbers from 0.
  ///
  /// @param value a column of a numeric type
  /// @return this
  public AsymmlClassifier setLabelCol(String value) {
    set(labelCol, value);
    return this;
  }

  /// Sets the column of logarithms of probabilities.
  ///
  /// @param value a new column; empty for none
  /// @return this
  public AsymmlClassifier setRawPredictionCol(String value) {
    set(rawPredictionCol, value);
    return this;
  }

  /// Sets the column of probabilities of labels.
  ///
  /// @param value a new column; empty for none
  /// @return this
  public AsymmlClassifier setProbabilityCol(String value) {
    set(probabilityCol, value);
    return this;
  }

  /// Sets the column of the likeliest label.
  ///
  /// @param value a new column; empty for none
  /// @return this
  public AsymmlClassifier setPredictionCol(String value) {
    set(predictionCol, value);
    return this;
  }

  /// Sets the network of the zoo.
  ///
  /// @param value such as `cnn` or `resnet20`
  /// @return this
  public AsymmlClassifier setModel(String value) {
    set(model, value);
    return this;
  }

  /// Sets the number of passes over the training images.
  ///
  /// @param value at least 1
  /// @return this
  public AsymmlClassifier setEpochs(int value) {
    set(epochs, value);
    return this;
  }

  /// Sets the number of examples of a step, over all partitions; with DP-SGD see logical-batch-size
  /// of the settings.
  ///
  /// @param value at least 1
  /// @return this
  public AsymmlClassifier setBatchSize(int value) {
    set(batchSize, value);
    return this;
  }

  /// Sets the learning rate.
  ///
  /// @param value above 0
  /// @return this
  public AsymmlClassifier setLearningRate(double value) {
    set(learningRate, value);
    return this;
  }

  /// Sets whether gradients are clipped and noised (DP-SGD).
  ///
  /// @param value false if epsilon is of no concern
  /// @return this
  public AsymmlClassifier setDpSgd(boolean value) {
    set(dpSgd, value);
    return this;
  }

  /// Sets the epsilon that a fit may cost, from which the noise follows.
  ///
  /// @param value above 0
  /// @return this
  public AsymmlClassifier setTargetEpsilon(double value) {
    set(targetEpsilon, value);
    return this;
  }

  /// Sets the seed of initial weights, order, augmentation and held-out rows.
  ///
  /// @param value any
  /// @return this
  public AsymmlClassifier setSeed(long value) {
    set(seed, value);
    return this;
  }

  /// Sets further settings of asymml train, as YAML.
  ///
  /// @param value lines such as `momentum: 0.9`, by the names of [Settings#known]
  /// @return this
  public AsymmlClassifier setSettings(String value) {
    set(settings, value);
    return this;
  }

  /// Sets the share of the rows that are only tested on, above 0 and below 1.
  ///
  /// @param value above 0 and below 1
  /// @return this
  public AsymmlClassifier setHeldOut(double value) {
    set(heldOut, value);
    return this;
  }

  /// Sets the directory of the driver in which each fit creates its run.
  ///
  /// @param value created if absent
  /// @return this
  public AsymmlClassifier setRunDirectory(String value) {
    set(runDirectory, value);
    return this;
  }

  /// The column of labels, whole numbers from 0.
  ///
  /// @return `label` by default
  public String getLabelCol() {
    return getOrDefault(labelCol);
  }

  /// The network of the zoo.
  ///
  /// @return what this parameter is set to
  /// @throws NoSuchElementException if it is not set
  public String getModel() {
    return getOrDefault(model);
  }

  /// The number of passes over the training images.
  ///
  /// @return what this parameter is set to
  /// @throws NoSuchElementException if it is not set
  public int getEpochs() {
    return (int) getOrDefault(epochs);
  }

  /// The number of examples of a step, over all partitions; with DP-SGD see logical-batch-size of
  /// the settings.
  ///
  /// @return what this parameter is set to
  /// @throws NoSuchElementException if it is not set
  public int getBatchSize() {
    return (int) getOrDefault(batchSize);
  }

  /// The learning rate.
  ///
  /// @return what this parameter is set to
  /// @throws NoSuchElementException if it is not set
  public double getLearningRate() {
    return (double) getOrDefault(learningRate);
  }

  /// Whether gradients are clipped and noised (DP-SGD).
  ///
  /// @return what this parameter is set to
  /// @throws NoSuchElementException if it is not set
  public boolean getDpSgd() {
    return (boolean) getOrDefault(dpSgd);
  }

  /// The epsilon that a fit may cost, from which the noise follows.
  ///
  /// @return what this parameter is set to
  /// @throws NoSuchElementException if it is not set
  public double getTargetEpsilon() {
    return (double) getOrDefault(targetEpsilon);
  }

  /// The seed of initial weights, order, augmentation and held-out rows.
  ///
  /// @return what this parameter is set to
  /// @throws NoSuchElementException if it is not set
  public long getSeed() {
    return (long) getOrDefault(seed);
  }

  /// Further settings of asymml train, as YAML.
  ///
  /// @return `empty` by default
  public String getSettings() {
    return getOrDefault(settings);
  }

  /// The share of the rows that are only tested on, above 0 and below 1.
  ///
  /// @return `0.1` by default
  public double getHeldOut() {
    return (double) getOrDefault(heldOut);
  }

  /// The directory of the driver in which each fit creates its run.
  ///
  /// @return `runs` by default
  public String getRunDirectory() {
    return getOrDefault(runDirectory);
  }

  /// What a fit is told: the settings, over which parameters that are set take precedence.
  ///
  /// @param conf of Spark
  /// @return the specification
  /// @throws IllegalArgumentException one line with what is wrong
  TrainingSpec spec(SparkConf conf) {
    Settings given = Settings.parse("settings", getSettings());
    ELSEWHERE.forEach((key, instead) -> {
      if (given.values().containsKey(key)) {
        throw new IllegalArgumentException(
            "settings has '%s': leave it out, %s".formatted(key, instead));
      }
    });
    Map<String, Object> values = new LinkedHashMap<>();
    put(values, "model", model);
    put(values, "epochs", epochs);
    put(values, "batch-size", batchSize);
    put(values, "learning-rate", learningRate);
    put(values, "dp-sgd", dpSgd);
    put(values, "target-epsilon", targetEpsilon);
    put(values, "seed", seed);
    Settings all = given.overriddenBy(new Settings(values));
    TrainingSpec spec = SparkRun.spec(all, conf).withData("dataset");
    Main.requireEffect(all, spec);
    SparkRun.require(conf, spec);
    return spec;
  }

  private void put(Map<String, Object> values, String key, Param<?> param) {
    if (isSet(param)) {
      values.put(key, getOrDefault(param).toString());
    }
  }

  /// Trains.
  ///
  /// @param dataset with the columns of images and labels
  /// @return the model
  /// @throws IllegalArgumentException one line, if columns, rows or parameters are not usable
  /// @throws IllegalStateException if training diverges
  /// @throws UncheckedIOException if the run directory cannot be written, or Spark fails
  @Override
  public AsymmlClassifierModel fit(Dataset<?> dataset) {
    JavaSparkContext context = new JavaSparkContext(dataset.sparkSession().sparkContext());
    TrainingSpec spec = spec(context.getConf());
    transformSchema(dataset.schema());
    Path runs = Path.of(getRunDirectory());
    try {
      LabelledRows rows =
          LabelledRows.of(
              dataset, getImageCol(), getLabelCol(), getHeldOut(), spec.training().seed());
      SparkRun run =
          new SparkRun(context, spec)
              .under(runs)
              .classes(rows.labels().stream().map(String::valueOf).toList())
              .arguments(List.of("AsymmlClassifier", uid));
      boolean accounted = spec.training().privacy().accounted();
      if (!accounted) {
        run.listener(new RunLines(LOG::info));
      }
      TrainingResult result =
          run.train("dataset", rows.training(), rows.heldOut(), null, false, AsymmlClassifier::say);
      if (!accounted) {
        LOG.info(run.times());
      }
      LOG.info("the run is in {}", result.layout().directory());
      result.privacy().forEach(line -> LOG.info("{} (this fit alone)", line));
      RunFiles files = RunFiles.read(result.layout());
      AsymmlClassifierModel fitted =
          copyValues(AsymmlClassifierModel.of(uid, files, rows.numClasses()), ParamMap.empty())
              .setParent(this);
      sayCost(runs);
      return fitted;
    } catch (DataException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (TrainingException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }

  private static void say(ResolvedRun run, int partitions, long shared) {
    LOG.info(
        "{} rows are trained on; {} are held out, and only tested on",
        run.data().train().size(),
        run.data().test().size());
    if (shared > 0) {
      LOG.warn("{} of the held-out images are among the training images too", shared);
    }
  }

  /// Nothing that is wrong with other runs may cost the model.
  private static void sayCost(Path runs) {
    try {
      FitsCost cost = FitsCost.of(runs);
      if (cost.isOfSeveral()) {
        LOG.warn(cost.line(runs));
      }
    } catch (IOException e) {
      LOG.warn(
          "what the runs in {} cost together is not known, and no epsilon covers it: {}",
          runs,
          SparkRun.line(e));
    }
  }

  @Override
  public StructType transformSchema(StructType schema) {
    LabelledRows.require(schema, getImageCol(), getLabelCol());
    return AsymmlClassifierModel.transformed(schema, this);
  }

  @Override
  public AsymmlClassifier copy(ParamMap extra) {
    return defaultCopy(extra);
  }

  /// Reads saved estimators.
  ///
  /// @return a reader
  public static MLReader<AsymmlClassifier> read() {
    return new DefaultParamsReader<>();
  }

  /// Reads a saved estimator.
  ///
  /// @param path where it was saved, on any file system that Spark reads
  /// @return the estimator
  public static AsymmlClassifier load(String path) {
    return read().load(path);
  }
}
