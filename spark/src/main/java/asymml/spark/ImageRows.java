package asymml.spark;

import asymml.trusted.data.DataException;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/// Opens images as datasets of two columns, the bytes of a file and a label: from folders or zip
/// files of `<split>/<class>/<image>`, and from Parquet files.
final class ImageRows {
  /// The columns.
  static final StructType SCHEMA =
      new StructType().add("content", DataTypes.BinaryType).add("label", DataTypes.StringType);

  private static final List<String> TEST = List.of("test", "val", "valid", "validation");

  private final SparkSession spark;
  private final String source;
  private final int partitions;

  /// Images of a source.
  ///
  /// @param spark reads it
  /// @param source a folder or zip file; anything else that Spark reads, such as `hdfs:...`
  /// @param partitions of each split; 0 as Spark finds them
  ImageRows(SparkSession spark, String source, int partitions) {
    this.spark = spark;
    this.source = source;
    this.partitions = partitions;
  }

  /// The training images.
  Dataset<Row> training() throws DataException, IOException {
    return open(List.of("train"));
  }

  /// The test images.
  Dataset<Row> testing() throws DataException, IOException {
    return open(TEST);
  }

  private Dataset<Row> open(List<String> names) throws DataException, IOException {
    if (source.startsWith("generated")) {
      throw new DataException(
          "Spark reads files: give --data a folder or zip file of <split>/<class>/<image>, or a folder of Parquet files in train and test");
    }
    boolean local = !source.matches("[a-z0-9+]+:.*");
    if (local && Files.isRegularFile(Path.of(source))) {
      return zip(Path.of(source).toAbsolutePath(), names);
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
        return parquet ? parquet(split.toString()) : folder(split.toString());
      }
    }
    throw new DataException(
        "%s has no %s: give a folder or zip file of train/<class>/* and test/<class>/*, or a folder of Parquet files in train and test"
            .formatted(source, names.getFirst()));
  }

  private Dataset<Row> folder(String split) {
    Dataset<Row> rows =
        spark
            .read()
            .format("binaryFile")
            .load(split + "/*/*")
            .select(
                functions.col("content"),
                functions.element_at(functions.split(functions.col("path"), "/"), -2).as("label"));
    return partitioned(rows);
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
    return partitioned(rows.select(content, "label"));
  }

  private Dataset<Row> partitioned(Dataset<Row> rows) {
    return partitions == 0 ? rows : rows.coalesce(partitions);
  }

  /// Each executor opens the file itself; the driver reads the names alone.
  private Dataset<Row> zip(Path file, List<String> names) throws DataException, IOException {
    List<String> entries = new ArrayList<>();
    try (ZipFile zip = new ZipFile(file.toFile())) {
      for (String name : names) {
        zip.stream()
            .map(ZipEntry::getName)
            .filter(entry -> isImage(entry, name))
            .sorted(Comparator.comparing(ImageRows::classOf).thenComparing(entry -> entry))
            .forEach(entries::add);
        if (!entries.isEmpty()) {
          break;
        }
      }
    }
    if (entries.isEmpty()) {
      throw new DataException("%s holds no %s/<class>/<image>".formatted(file, names.getFirst()));
    }
    JavaSparkContext context = new JavaSparkContext(spark.sparkContext());
    int count = partitions == 0 ? context.defaultParallelism() : partitions;
    // The elements of an RDD would be sent with each stage, as long as it is used.
    ZipReader reader = new ZipReader(file.toString(), context.broadcast(entries), count);
    JavaRDD<Row> rows =
        context
            .parallelize(IntStream.range(0, count).boxed().toList(), count)
            .flatMap(reader::read);
    return spark.createDataFrame(rows, SCHEMA);
  }

  private static String classOf(String entry) {
    String[] parts = entry.split("/", -1);
    return parts[parts.length - 2];
  }

  private static boolean isImage(String entry, String split) {
    String[] parts = entry.split("/", -1);
    String file = parts[parts.length - 1].toLowerCase(Locale.ROOT);
    return parts.length >= 3
        && parts[parts.length - 3].equals(split)
        && !file.startsWith(".")
        && (file.endsWith(".jpg") || file.endsWith(".jpeg") || file.endsWith(".png"));
  }

  /// Reads entries of a zip file in an executor.
  private record ZipReader(String file, Broadcast<List<String>> entries, int parts)
      implements Serializable {
    private static final long serialVersionUID = 1;

    Iterator<Row> read(int part) throws IOException {
      List<String> all = entries.value();
      List<String> own =
          all.subList(
              (int) ((long) part * all.size() / parts), (int) ((part + 1L) * all.size() / parts));
      List<Row> rows = new ArrayList<>();
      try (ZipFile zip = new ZipFile(file)) {
        for (String name : own) {
          try (InputStream in = zip.getInputStream(zip.getEntry(name))) {
            rows.add(RowFactory.create(in.readAllBytes(), classOf(name)));
          }
        }
      }
      return rows.iterator();
    }
  }
}
