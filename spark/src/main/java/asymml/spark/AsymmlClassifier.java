package asymml.spark;

import asymml.session.Settings;
import asymml.session.TrainingResult;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.Estimator;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;

/// Trains a network on a dataset with a column of image files (JPEG or PNG, as bytes) and a column
/// of labels: an estimator of Spark ML. Each fit is a run with a directory of its own, which holds
/// its ledger: with a budget, several fits on the same images (as a `CrossValidator` makes) cost the
/// sum of their epsilons, and nothing adds them up.
public final class AsymmlClassifier extends Estimator<AsymmlClassifierModel>
    implements DefaultParamsWritable {
  private static final long serialVersionUID = 1;

  private final String uid;
  private final Param<String> imageCol =
      new Param<>(this, "imageCol", "column of image files, as bytes");
  private final Param<String> labelCol = new Param<>(this, "labelCol", "column of labels");
  private final Param<String> probabilityCol =
      new Param<>(this, "probabilityCol", "column of probabilities of classes");
  private final Param<String> predictionCol =
      new Param<>(this, "predictionCol", "column of the likeliest class");
  private final Param<String> model = new Param<>(this, "model", "network, as --model takes it");
  private final IntParam epochs = new IntParam(this, "epochs", "passes over the training images");
  private final IntParam batchSize =
      new IntParam(this, "batchSize", "examples of a step, over all partitions");
  private final DoubleParam learningRate =
      new DoubleParam(this, "learningRate", "learning rate, as --lr takes it");
  private final LongParam seed =
      new LongParam(this, "seed", "seed of initial weights, order and held-out rows");
  private final DoubleParam heldOut =
      new DoubleParam(this, "heldOut", "share of the rows that the run is tested on, above 0");
  private final Param<String> settings =
      new Param<>(this, "settings", "further settings of a run, as YAML");
  private final Param<String> runs =
      new Param<>(this, "runs", "directory of the driver in which each fit creates its run");

  /// An estimator with a name of its own.
  public AsymmlClassifier() {
    this(Identifiable$.MODULE$.randomUID("asymml"));
  }

  /// An estimator.
  ///
  /// @param uid its name
  public AsymmlClassifier(String uid) {
    this.uid = uid;
    setDefault(imageCol, "content");
    setDefault(labelCol, "label");
    setDefault(probabilityCol, "probability");
    setDefault(predictionCol, "prediction");
    setDefault(heldOut, 0.1);
    setDefault(settings, "");
    setDefault(runs, "runs");
  }

  @Override
  public String uid() {
    return uid;
  }

  /// Column of image files, as bytes; `content`.
  ///
  /// @return the parameter
  public Param<String> imageCol() {
    return imageCol;
  }

  /// Column of labels, numbers from 0 or names; `label`.
  ///
  /// @return the parameter
  public Param<String> labelCol() {
    return labelCol;
  }

  /// Column for the probabilities of all classes; `probability`.
  ///
  /// @return the parameter
  public Param<String> probabilityCol() {
    return probabilityCol;
  }

  /// Column for the number of the likeliest class; `prediction`.
  ///
  /// @return the parameter
  public Param<String> predictionCol() {
    return predictionCol;
  }

  /// The network.
  ///
  /// @return the parameter
  public Param<String> model() {
    return model;
  }

  /// Passes over the training images.
  ///
  /// @return the parameter
  public IntParam epochs() {
    return epochs;
  }

  /// Examples of a step, over all partitions.
  ///
  /// @return the parameter
  public IntParam batchSize() {
    return batchSize;
  }

  /// The learning rate.
  ///
  /// @return the parameter
  public DoubleParam learningRate() {
    return learningRate;
  }

  /// Seed of initial weights, order and held-out rows.
  ///
  /// @return the parameter
  public LongParam seed() {
    return seed;
  }

  /// Share of the rows that the run is tested on; 0.1.
  ///
  /// @return the parameter
  public DoubleParam heldOut() {
    return heldOut;
  }

  /// Further settings of a run, as YAML, by the names of [Settings#known].
  ///
  /// @return the parameter
  public Param<String> settings() {
    return settings;
  }

  /// Directory of the driver in which each fit creates its run; `runs`.
  ///
  /// @return the parameter
  public Param<String> runs() {
    return runs;
  }

  /// Sets a parameter, by name.
  ///
  /// @param name of the parameter
  /// @param value of its type
  /// @return this
  public AsymmlClassifier with(String name, Object value) {
    set(name, value);
    return this;
  }

  /// What a run is told: the settings, with the parameters that are set taking precedence.
  ///
  /// @return the specification
  /// @throws IllegalArgumentException with what is wrong
  public TrainingSpec spec() {
    Settings given = Settings.parse("settings", getOrDefault(settings));
    Map<String, Object> values = new LinkedHashMap<>(given.values());
    put(values, "model", model);
    put(values, "epochs", epochs);
    put(values, "batch-size", batchSize);
    put(values, "lr", learningRate);
    put(values, "seed", seed);
    values.putIfAbsent("norm", "group");
    values.putIfAbsent("threads", "1");
    return new Settings(values).spec();
  }

  private void put(Map<String, Object> values, String key, Param<?> param) {
    if (isSet(param)) {
      values.put(key, getOrDefault(param).toString());
    }
  }

  @Override
  public AsymmlClassifierModel fit(Dataset<?> dataset) {
    TrainingSpec spec = spec();
    double share = getOrDefault(heldOut) instanceof Double d ? d : 0;
    if (!(share > 0 && share < 1)) {
      throw new IllegalArgumentException("heldOut is above 0 and below 1: " + share);
    }
    Dataset<Row> rows =
        dataset.select(
            functions.col(getOrDefault(imageCol)), functions.col(getOrDefault(labelCol)));
    Dataset<Row>[] splits =
        rows.randomSplit(new double[] {1 - share, share}, spec.training().seed());
    JavaSparkContext context = new JavaSparkContext(dataset.sparkSession().sparkContext());
    try {
      TrainingResult result =
          new SparkRun(context, spec)
              .under(Path.of(getOrDefault(runs)))
              .train("dataset", splits[0], splits[1], null, false, (_, _, _) -> {});
      return fitted(result.layout());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (DataException | TrainingException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  private AsymmlClassifierModel fitted(RunLayout layout) throws IOException {
    AsymmlClassifierModel fitted =
        new AsymmlClassifierModel(uid).holding(RunFiles.read(layout));
    for (String name : new String[] {"imageCol", "probabilityCol", "predictionCol"}) {
      fitted.set(name, getOrDefault(getParam(name)));
    }
    fitted.setParent(this);
    return fitted;
  }

  @Override
  public StructType transformSchema(StructType schema) {
    return AsymmlClassifierModel.schema(
        schema,
        getOrDefault(imageCol),
        getOrDefault(probabilityCol),
        getOrDefault(predictionCol));
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
  /// @param path where it was saved
  /// @return the estimator
  public static AsymmlClassifier load(String path) {
    return read().load(path);
  }
}
