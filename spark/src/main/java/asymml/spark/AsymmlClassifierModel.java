package asymml.spark;

import asymml.session.TrainedRun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.ml.Model;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWriter;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/// A trained network as a transformer of Spark ML: it adds columns of predictions to a dataset of
/// images. Executors classify by themselves, without workers: nothing is released.
///
/// Vectors have a place for each label from 0 to the largest that the model was fitted on, or as
/// many as the label column declared. A label without training examples has the probability 0. The
/// prediction is the label itself, so that evaluators compare it with the label column.
///
/// What is saved are settings, checkpoint and ledger of the run. Without DP-SGD that is as private
/// as the training images.
public final class AsymmlClassifierModel extends Model<AsymmlClassifierModel>
    implements ImageClassifierColumns, MLWritable {
  private static final long serialVersionUID = 1;
  private static final String FILES = "run";

  private final String uid;
  private final Param<String> imageCol;
  private final Param<String> rawPredictionCol;
  private final Param<String> probabilityCol;
  private final Param<String> predictionCol;
  private final IntParam numClasses;
  private @Nullable RunFiles files;

  /// A model that holds nothing yet: Spark creates them when it loads one.
  ///
  /// @param uid its name
  public AsymmlClassifierModel(String uid) {
    this.uid = uid;
    // Now that the name is there: parameters take it over.
    imageCol = new Param<>(this, "imageCol", "column of images");
    rawPredictionCol =
        new Param<>(this, "rawPredictionCol", "column of logarithms of probabilities");
    probabilityCol = new Param<>(this, "probabilityCol", "column of probabilities of labels");
    predictionCol = new Param<>(this, "predictionCol", "column of the likeliest label");
    numClasses = new IntParam(this, "numClasses", "length of the vectors, above every label");
    setDefault(imageCol, "content");
    setDefault(rawPredictionCol, "rawPrediction");
    setDefault(probabilityCol, "probability");
    setDefault(predictionCol, "prediction");
  }

  static AsymmlClassifierModel of(String uid, RunFiles run, int numClasses) {
    AsymmlClassifierModel model = new AsymmlClassifierModel(uid);
    model.files = run;
    model.set(model.numClasses, numClasses);
    return model;
  }

  private RunFiles files() {
    if (files == null) {
      throw new IllegalStateException("this model was not fitted or loaded");
    }
    return files;
  }

  @Override
  public String uid() {
    return uid;
  }

  @Override
  public Param<String> imageCol() {
    return imageCol;
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

  /// The parameter of the vectors' length. It comes from fitting.
  ///
  /// @return above every label
  public IntParam numClasses() {
    return numClasses;
  }

  /// How long the vectors are.
  ///
  /// @return above every label
  public int getNumClasses() {
    return (int) getOrDefault(numClasses);
  }

  /// Sets the column of images.
  ///
  /// @param name of a column with bytes of JPEG or PNG files, or images of Spark's `image` source
  /// @return this
  public AsymmlClassifierModel setImageCol(String name) {
    set(imageCol, name);
    return this;
  }

  /// Sets the column of raw predictions.
  ///
  /// @param name of a new column; empty for none
  /// @return this
  public AsymmlClassifierModel setRawPredictionCol(String name) {
    set(rawPredictionCol, name);
    return this;
  }

  /// Sets the column of probabilities.
  ///
  /// @param name of a new column; empty for none
  /// @return this
  public AsymmlClassifierModel setProbabilityCol(String name) {
    set(probabilityCol, name);
    return this;
  }

  /// Sets the column of predictions.
  ///
  /// @param name of a new column; empty for none
  /// @return this
  public AsymmlClassifierModel setPredictionCol(String name) {
    set(predictionCol, name);
    return this;
  }

  /// What is promised to those who receive the model, by the fit that made it alone: other fits on
  /// the same images, such as those of a `CrossValidator`, add their epsilons.
  ///
  /// @return one line: epsilon and delta, or that nothing is claimed
  public String privacyStatement() {
    try (TrainedRun run = files().open()) {
      return run.modelStatement() + " (this fit alone)";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Classifies images.
  ///
  /// @param dataset with the column of images; damaged images, or ones of another size than the
  ///   model takes, fail when the result is computed
  /// @return with the new columns
  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    StructType schema = dataset.schema();
    transformSchema(schema);
    Broadcast<RunFiles> run =
        new JavaSparkContext(dataset.sparkSession().sparkContext()).broadcast(files());
    int length = getNumClasses();
    UDF1<byte[], Vector> classify =
        image -> Vectors.dense(LoadedModel.logProbabilities(run.value(), length, image));
    UDF1<Vector, Vector> exponentials =
        raw ->
            Vectors.dense(
                Arrays.stream(raw.toArray())
                    .map(l -> l > LoadedModel.LOG_ZERO ? Math.exp(l) : 0)
                    .toArray());
    UDF1<Vector, Double> likeliest = raw -> (double) raw.argmax();
    // A column of its own, whatever its name will be: it is computed once.
    String raw = uid + "_raw";
    DataType vector = SQLDataTypes.VectorType();
    Dataset<Row> result =
        dataset.withColumn(
            raw, functions.udf(classify, vector).apply(ImageColumn.files(schema, getImageCol())));
    Column computed = ImageColumn.named(raw);
    result = with(result, getRawPredictionCol(), computed);
    result = with(result, getProbabilityCol(), functions.udf(exponentials, vector).apply(computed));
    result =
        with(
            result,
            getPredictionCol(),
            functions.udf(likeliest, DataTypes.DoubleType).apply(computed));
    return result.drop(computed);
  }

  private static Dataset<Row> with(Dataset<Row> rows, String name, Column column) {
    return name.isEmpty() ? rows : rows.withColumn(name, column);
  }

  @Override
  public StructType transformSchema(StructType schema) {
    return transformed(schema, this);
  }

  /// A schema with the columns that the model adds.
  ///
  /// @throws IllegalArgumentException one line, if there are no images, or a column is there
  ///   already
  static StructType transformed(StructType schema, ImageClassifierColumns columns) {
    ImageColumn.require(schema, columns.getImageCol());
    StructType result = schema;
    for (String name : new String[] {columns.getRawPredictionCol(), columns.getProbabilityCol()}) {
      result = added(result, name, SQLDataTypes.VectorType());
    }
    return added(result, columns.getPredictionCol(), DataTypes.DoubleType);
  }

  private static StructType added(StructType schema, String name, DataType type) {
    if (name.isEmpty()) {
      return schema;
    }
    if (Arrays.asList(schema.fieldNames()).contains(name)) {
      throw new IllegalArgumentException(
          "the dataset has a column %s already: drop it, or name the model's column otherwise"
              .formatted(name));
    }
    return schema.add(name, type);
  }

  @Override
  public AsymmlClassifierModel copy(ParamMap extra) {
    AsymmlClassifierModel copy = new AsymmlClassifierModel(uid);
    copy.files = files;
    copyValues(copy, extra);
    return copy.setParent(parent());
  }

  @Override
  public MLWriter write() {
    return new Writer(this);
  }

  /// Writes parameters as Spark does, and the files of the run beside them.
  private static final class Writer extends MLWriter {
    private final AsymmlClassifierModel model;

    Writer(AsymmlClassifierModel model) {
      this.model = model;
    }

    @Override
    public void saveImpl(String path) {
      RunFiles files = model.files();
      new DefaultParamsWriter(model).session(sparkSession()).saveImpl(path);
      try {
        files.write(path + "/" + FILES, sparkSession().sessionState().newHadoopConf());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /// Reads what [Writer] wrote.
  private static final class Reader extends MLReader<AsymmlClassifierModel> {
    @Override
    public AsymmlClassifierModel load(String path) {
      DefaultParamsReader<AsymmlClassifierModel> params = new DefaultParamsReader<>();
      params.session(sparkSession());
      AsymmlClassifierModel model = params.load(path);
      try {
        model.files =
            RunFiles.read(path + "/" + FILES, sparkSession().sessionState().newHadoopConf());
        return model;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /// Reads saved models.
  ///
  /// @return a reader
  public static MLReader<AsymmlClassifierModel> read() {
    return new Reader();
  }

  /// Reads a saved model.
  ///
  /// @param path where it was saved, on any file system that Spark reads
  /// @return the model
  public static AsymmlClassifierModel load(String path) {
    return read().load(path);
  }
}
