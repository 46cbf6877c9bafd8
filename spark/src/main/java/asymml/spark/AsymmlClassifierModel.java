package asymml.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.UUID;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.ml.Model;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWriter;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/// A trained network that adds columns of probabilities and of the likeliest class to a dataset of
/// image files: a transformer of Spark ML. Executors classify by themselves, without workers:
/// nothing is released. What is saved is as private as a run directory.
public final class AsymmlClassifierModel extends Model<AsymmlClassifierModel>
    implements MLWritable {
  private static final long serialVersionUID = 1;
  private static final String FILES = "run";

  private final String uid;
  private final Param<String> imageCol =
      new Param<>(this, "imageCol", "column of image files, as bytes");
  private final Param<String> probabilityCol =
      new Param<>(this, "probabilityCol", "column of probabilities of classes");
  private final Param<String> predictionCol =
      new Param<>(this, "predictionCol", "column of the likeliest class");
  private @Nullable RunFiles files;

  /// A model that holds nothing yet; Spark creates them when it loads or copies one.
  ///
  /// @param uid its name
  public AsymmlClassifierModel(String uid) {
    this.uid = uid;
    setDefault(imageCol, "content");
    setDefault(probabilityCol, "probability");
    setDefault(predictionCol, "prediction");
  }

  AsymmlClassifierModel holding(RunFiles run) {
    files = run;
    return this;
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

  /// Column of image files, as bytes.
  ///
  /// @return the parameter
  public Param<String> imageCol() {
    return imageCol;
  }

  /// Column for the probabilities of all classes, in the order of their labels.
  ///
  /// @return the parameter
  public Param<String> probabilityCol() {
    return probabilityCol;
  }

  /// Column for the number of the likeliest class.
  ///
  /// @return the parameter
  public Param<String> predictionCol() {
    return predictionCol;
  }

  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    transformSchema(dataset.schema());
    Broadcast<RunFiles> run =
        new JavaSparkContext(dataset.sparkSession().sparkContext()).broadcast(files());
    String id = UUID.randomUUID().toString();
    UDF1<byte[], Vector> classify =
        image -> Vectors.dense(LoadedModel.probabilities(id, run.value(), image));
    UDF1<Vector, Double> likeliest = probabilities -> (double) probabilities.argmax();
    String probability = getOrDefault(probabilityCol);
    return dataset
        .withColumn(
            probability,
            functions
                .udf(classify, SQLDataTypes.VectorType())
                .apply(functions.col(getOrDefault(imageCol))))
        .withColumn(
            getOrDefault(predictionCol),
            functions.udf(likeliest, DataTypes.DoubleType).apply(functions.col(probability)));
  }

  @Override
  public StructType transformSchema(StructType schema) {
    return schema(
        schema,
        getOrDefault(imageCol),
        getOrDefault(probabilityCol),
        getOrDefault(predictionCol));
  }

  static StructType schema(
      StructType schema, String image, String probability, String prediction) {
    if (!schema.apply(image).dataType().equals(DataTypes.BinaryType)) {
      throw new IllegalArgumentException(
          "the column %s is to hold image files as bytes: it holds %s"
              .formatted(image, schema.apply(image).dataType().simpleString()));
    }
    return schema
        .add(probability, SQLDataTypes.VectorType())
        .add(prediction, DataTypes.DoubleType);
  }

  @Override
  public AsymmlClassifierModel copy(ParamMap extra) {
    AsymmlClassifierModel copy = new AsymmlClassifierModel(uid).holding(files());
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
      new DefaultParamsWriter(model).saveImpl(path);
      try {
        model.files().write(path + "/" + FILES, sparkSession().sessionState().newHadoopConf());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /// Reads what [Writer] wrote.
  private static final class Reader extends MLReader<AsymmlClassifierModel> {
    @Override
    public AsymmlClassifierModel load(String path) {
      AsymmlClassifierModel model = new DefaultParamsReader<AsymmlClassifierModel>().load(path);
      try {
        return model.holding(
            RunFiles.read(path + "/" + FILES, sparkSession().sessionState().newHadoopConf()));
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
  /// @param path where it was saved
  /// @return the model
  public static AsymmlClassifierModel load(String path) {
    return read().load(path);
  }
}
