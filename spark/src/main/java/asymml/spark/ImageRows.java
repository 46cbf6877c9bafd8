package asymml.spark;

import asymml.trusted.data.DataException;
import asymml.trusted.data.DataLimits;
import asymml.trusted.data.ImageFiles;
import java.io.IOException;
import java.io.Serializable;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/// Opens images as datasets of two columns, the bytes of a file and a label: from folders or zip
/// files of `<split>/<class>/<image>`, and from Parquet files.
final class ImageRows {
  /// The columns.
  static final StructType SCHEMA =
      new StructType().add("content", DataTypes.BinaryType).add("label", DataTypes.StringType);

  private static final List<String> TRAIN = List.of("train");
  private static final List<String> TEST = List.of("test", "val", "valid", "validation");

  private static final UDF1<String, Boolean> LITTER =
      path -> ImageFiles.isLitter(classOf(path) + "/" + path.substring(path.lastIndexOf('/') + 1));

  private final SparkSession spark;
  private final String source;
  private final int partitions;
  private final DataLimits limits;

  /// Of a folder or zip file of this machine, once it is asked for.
  private ImageFiles.@Nullable Listing listing;

  /// Images of a source.
  ///
  /// @param spark reads it
  /// @param source a folder or zip file; anything else that Spark reads, such as `hdfs:...`
  /// @param partitions of each split; 0 as Spark finds them
  /// @param limits on the bytes of an image
  ImageRows(SparkSession spark, String source, int partitions, DataLimits limits) {
    this.spark = spark;
    this.source = source;
    this.partitions = partitions;
    this.limits = limits;
  }

  /// The training images.
  Dataset<Row> training() throws DataException, IOException {
    Dataset<Row> rows = open(TRAIN);
    return rows == null ? listed(listing().training()) : rows;
  }

  /// The test images.
  Dataset<Row> testing() throws DataException, IOException {
    Dataset<Row> rows = open(TEST);
    return rows == null ? listed(listing().testing()) : rows;
  }

  /// Opens what Spark reads itself; null for image files of this machine.
  private @Nullable Dataset<Row> open(List<String> names) throws DataException, IOException {
    if (source.startsWith("generated")) {
      throw new DataException(
          "Spark reads files: give --data a folder or zip file of <split>/<class>/<image>, or a folder of Parquet files in train and test");
    }
    boolean local = !source.matches("[a-z0-9+]+:.*");
    if (local && !Files.isDirectory(Path.of(source))) {
      return null;
    }
    org.apache.hadoop.fs.Path root =
        new org.apache.hadoop.fs.Path(local ? Path.of(source).toUri().toString() : source);
    FileSystem files = root.getFileSystem(spark.sparkContext().hadoopConfiguration());
    for (String name : names) {
      org.apache.hadoop.fs.Path split = new org.apache.hadoop.fs.Path(root, name);
      if (files.exists(split)) {
        boolean parquet =
            Arrays.stream(files.listStatus(split))
                .map(FileStatus::getPath)
                .anyMatch(path -> path.getName().endsWith(".parquet"));
        if (parquet) {
          return parquet(split.toString());
        }
        return local ? null : folder(split.toString());
      }
    }
    if (local) {
      return null;
    }
    throw new DataException(
        "%s has no %s: give a folder or zip file of train/<class>/* and test/<class>/*, or a folder of Parquet files in train and test"
            .formatted(source, names.getFirst()));
  }

  private ImageFiles.Listing listing() throws DataException {
    if (listing == null) {
      listing = ImageFiles.Listing.of(Path.of(source).toAbsolutePath());
    }
    return listing;
  }

  /// Files where this process cannot list them by itself.
  private Dataset<Row> folder(String split) throws DataException {
    Dataset<Row> files =
        spark
            .read()
            .format("binaryFile")
            .load(split + "/*/*")
            .filter(
                functions.not(
                    functions.udf(LITTER, DataTypes.BooleanType).apply(functions.col("path"))));
    // Names and sizes alone: nothing is read for these.
    Iterator<Row> sizes = files.select("path", "length").toLocalIterator();
    while (sizes.hasNext()) {
      Row file = sizes.next();
      limits.requireFile(file.getString(0), file.getLong(1));
    }
    return partitioned(
        files.select(
            functions.col("content"),
            functions.element_at(functions.split(functions.col("path"), "/"), -2).as("label")));
  }

  /// The column of images is called content or image, that of labels label.
  private Dataset<Row> parquet(String split) throws DataException {
    Dataset<Row> rows = spark.read().parquet(split);
    List<String> columns = List.of(rows.columns());
    String content = columns.contains("content") ? "content" : "image";
    if (!columns.contains(content) || !columns.contains("label")) {
      throw new DataException(
          "%s has the columns %s: name that of the images' bytes content, and that of the classes label"
              .formatted(split, String.join(", ", columns)));
    }
    return partitioned(
        rows.select(bytes(split, rows.schema(), content).as("content"), label(split, rows)));
  }

  /// The bytes of files: a column of these, or of structs `{bytes, path}` as in Hugging Face's data
  /// sets.
  private static Column bytes(String split, StructType schema, String name) throws DataException {
    DataType type = schema.apply(name).dataType();
    Column column = functions.col(name);
    DataType held = type;
    if (type instanceof StructType struct && List.of(struct.fieldNames()).contains("bytes")) {
      column = column.getField("bytes");
      held = struct.apply("bytes").dataType();
    }
    if (!held.equals(DataTypes.BinaryType)) {
      throw new DataException(
          "%s: the column %s must hold bytes of JPEG or PNG files, or structs of bytes and path; it holds %s"
              .formatted(split, name, type.simpleString()));
    }
    return column;
  }

  private static Column label(String split, Dataset<Row> rows) throws DataException {
    DataType type = rows.schema().apply("label").dataType();
    if (!type.equals(DataTypes.StringType) && !(type instanceof NumericType)) {
      throw new DataException(
          "%s: the column label must hold texts or numbers; it holds %s"
              .formatted(split, type.simpleString()));
    }
    return functions.col("label");
  }

  private Dataset<Row> partitioned(Dataset<Row> rows) {
    return partitions == 0 ? rows : rows.coalesce(partitions);
  }

  /// Each executor opens the files itself; the driver reads the names alone.
  private Dataset<Row> listed(List<ImageFiles.Listed> images) {
    JavaSparkContext context = new JavaSparkContext(spark.sparkContext());
    int count = partitions == 0 ? context.defaultParallelism() : partitions;
    // The elements of an RDD would be sent with each stage, as long as it is used.
    Reader reader =
        new Reader(
            Path.of(source).toAbsolutePath().toUri().toString(),
            context.broadcast(new ArrayList<>(images)),
            count,
            limits.imagePixels());
    JavaRDD<Row> rows =
        context
            .parallelize(IntStream.range(0, count).boxed().toList(), count)
            .flatMap(reader::read);
    return spark.createDataFrame(rows, SCHEMA);
  }

  private static String classOf(String path) {
    String[] parts = path.split("/", -1);
    return parts[parts.length - 2];
  }

  /// Reads files in an executor.
  private record Reader(
      String root, Broadcast<List<ImageFiles.Listed>> images, int parts, int imagePixels)
      implements Serializable {
    private static final long serialVersionUID = 1;

    Iterator<Row> read(int part) throws DataException {
      List<ImageFiles.Listed> all = images.value();
      List<ImageFiles.Listed> own =
          all.subList(
              (int) ((long) part * all.size() / parts), (int) ((part + 1L) * all.size() / parts));
      List<byte[]> content =
          ImageFiles.read(Path.of(URI.create(root)), own, new DataLimits(imagePixels));
      List<Row> rows = new ArrayList<>();
      for (int i = 0; i < own.size(); i++) {
        rows.add(RowFactory.create(content.get(i), own.get(i).className()));
      }
      return rows.iterator();
    }
  }
}
