package asymml.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataLimits;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Decoding;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.imageio.ImageIO;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Where images come from.
class ImageRowsTest {
  private static final SparkSession SPARK = LocalSpark.session();

  @TempDir private Path directory;

  private static byte[] png(int rgb) throws Exception {
    BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 64; i++) {
      image.setRGB(i % 8, i / 8, rgb + i);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(image, "png", out);
    return out.toByteArray();
  }

  /// Eleven training and three test images, of classes whose paths sort otherwise than their names.
  private static Map<String, byte[]> files() throws Exception {
    Map<String, byte[]> files = new TreeMap<>();
    for (int i = 0; i < 14; i++) {
      String split = i < 11 ? "train" : "test";
      files.put("%s/%s/%s.png".formatted(split, i % 2 == 0 ? "a" : "a-b", i), png(1000 * i));
    }
    return files;
  }

  private Path zip() throws Exception {
    return zip(files());
  }

  private Path zip(Map<String, byte[]> files) throws Exception {
    Path file = Files.createTempDirectory(directory, "zip").resolve("images.zip");
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      for (Map.Entry<String, byte[]> entry : files.entrySet()) {
        zip.putNextEntry(new ZipEntry(entry.getKey()));
        zip.write(entry.getValue());
      }
    }
    return file;
  }

  private Path folder() throws Exception {
    for (Map.Entry<String, byte[]> entry : files().entrySet()) {
      Path file = directory.resolve("images").resolve(entry.getKey());
      Files.createDirectories(file.getParent());
      Files.write(file, entry.getValue());
    }
    return directory.resolve("images");
  }

  private static ImageRows rows(String source, int partitions) {
    return new ImageRows(SPARK, source, partitions, DataLimits.DEFAULT);
  }

  private static ImageParts parts(Dataset<Row> rows, int limit) throws DataException {
    return ImageParts.of(rows, limit, 1, Decoding.DEFAULT, null, null);
  }

  private static TrainingSpec spec(Path source) {
    return new Settings(Map.of("data", source.toString())).spec();
  }

  @Test
  void a_zip_file_has_the_images_of_one_process_in_their_order() throws Exception {
    Path zip = zip();
    DataSet one = spec(zip).data().open(1, (_, _, _) -> {});
    for (int partitions : new int[] {1, 3}) {
      ImageRows rows = rows(zip.toString(), partitions);
      try (ImageParts train = parts(rows.training(), Integer.MAX_VALUE);
          ImageParts test = parts(rows.testing(), Integer.MAX_VALUE);
          ImageParts five = parts(rows.training(), 5)) {
        assertThat(train.set().digest()).isEqualTo(one.train().digest());
        assertThat(test.set().digest()).isEqualTo(one.test().digest());
        assertThat(five.set().digest()).isEqualTo(one.train().subset(5, 1).digest());
        assertThat(train.normalization().mean()).isEqualTo(one.normalization().mean());
        assertThat(train.copies()).isZero();
        assertThat(test.sharedWith(train)).isZero();
        assertThat(five.sharedWith(train)).isEqualTo(5);
      }
    }
  }

  @Test
  void images_are_scaled_as_by_one_process() throws Exception {
    Path zip = zip();
    TrainingSpec scaled = new Settings(Map.of("data", zip.toString(), "image-size", "5")).spec();
    DataSet one = scaled.data().open(1, (_, _, _) -> {});
    ImageRows rows = rows(zip.toString(), 2);
    try (ImageParts train =
        ImageParts.of(
            rows.training(), Integer.MAX_VALUE, 1, scaled.data().decoding(), null, null)) {
      assertThat(train.set().shape().height()).isEqualTo(5);
      assertThat(train.set().digest()).isEqualTo(one.train().digest());
    }
  }

  @Test
  void a_folder_and_parquet_files_have_all_images_once() throws Exception {
    ImageRows folder = rows(folder().toString(), 2);
    try (ImageParts train = parts(folder.training(), Integer.MAX_VALUE)) {
      assertThat(train.set().size()).isEqualTo(11);
      assertThat(train.set().classNames()).containsExactly("a", "a-b");
      assertThat(train.copies()).isZero();
    }
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      rows.add(RowFactory.create(png(i * 500), Integer.toString(i % 3)));
    }
    JavaSparkContext context = new JavaSparkContext(SPARK.sparkContext());
    Path tables = directory.resolve("tables");
    SPARK
        .createDataFrame(context.parallelize(rows, 2), ImageRows.SCHEMA)
        .write()
        .parquet(tables.resolve("train").toString());
    try (ImageParts train = parts(rows(tables.toString(), 0).training(), Integer.MAX_VALUE)) {
      assertThat(train.set().size()).isEqualTo(7);
      assertThat(train.set().classNames()).containsExactly("0", "1", "2");
    }
  }

  /// A folder of Parquet files with a `train` alone.
  private String tables(String name, String... columns) throws Exception {
    JavaSparkContext context = new JavaSparkContext(SPARK.sparkContext());
    List<Row> rows = List.of(RowFactory.create(png(0), "cat"), RowFactory.create(png(500), "dog"));
    Path folder = directory.resolve(name);
    SPARK
        .createDataFrame(context.parallelize(rows, 1), ImageRows.SCHEMA)
        .selectExpr(columns)
        .write()
        .parquet(folder.resolve("train").toString());
    return folder.toString();
  }

  @Test
  void parquet_files_of_hugging_face_have_bytes_in_structs() throws Exception {
    String struct = "named_struct('bytes', content, 'path', label) as image";
    String tables = tables("structs", struct, "label");
    try (ImageParts train = parts(rows(tables, 0).training(), Integer.MAX_VALUE);
        ImageParts plain = parts(rows(tables("plain", "*"), 0).training(), Integer.MAX_VALUE)) {
      assertThat(train.set().classNames()).containsExactly("cat", "dog");
      assertThat(train.set().digest()).isEqualTo(plain.set().digest());
    }
    String paths = tables("paths", "named_struct('path', label) as image", "label");
    assertThatThrownBy(() -> rows(paths, 0).training())
        .isInstanceOf(DataException.class)
        .hasMessageContaining("the column image must hold bytes of JPEG or PNG files")
        .hasMessageEndingWith("it holds struct<path:string>");
    String lists = tables("lists", "content", "array(label) as label");
    assertThatThrownBy(() -> rows(lists, 0).training())
        .isInstanceOf(DataException.class)
        .hasMessageContaining("the column label must hold texts or numbers");
  }

  @Test
  void an_image_that_cannot_be_decoded_is_named_in_a_line() throws Exception {
    JavaSparkContext context = new JavaSparkContext(SPARK.sparkContext());
    List<Row> rows =
        List.of(RowFactory.create(png(3), "a"), RowFactory.create(new byte[] {1, 2}, "b"));
    Dataset<Row> broken = SPARK.createDataFrame(context.parallelize(rows, 1), ImageRows.SCHEMA);
    assertThatThrownBy(() -> parts(broken, Integer.MAX_VALUE))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("image 1 ")
        .hasMessageNotContaining("\n");
  }

  @Test
  void a_class_that_cannot_be_shown_is_refused_before_training() throws Exception {
    JavaSparkContext context = new JavaSparkContext(SPARK.sparkContext());
    Map<String, String> all =
        Map.of(
            "cat\u001b[2J", "the class \"cat\\u001b[2J\" has a control character; rename it",
            "cat\ndog", "the class \"cat\\u000adog\" has a control character; rename it",
            " ", "an image has a blank label: give it the name of a class");
    for (Map.Entry<String, String> each : all.entrySet()) {
      List<Row> rows =
          List.of(RowFactory.create(png(3), "a"), RowFactory.create(png(9), each.getKey()));
      Dataset<Row> hostile = SPARK.createDataFrame(context.parallelize(rows, 2), ImageRows.SCHEMA);
      assertThatThrownBy(() -> parts(hostile, Integer.MAX_VALUE))
          .isInstanceOf(DataException.class)
          .hasMessage(each.getValue());
    }
  }

  @Test
  void what_is_no_source_is_refused_in_a_line() {
    assertThatThrownBy(() -> rows("generated", 0).training())
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("Spark reads files");
    assertThatThrownBy(() -> rows(directory.toString(), 0).training())
        .isInstanceOf(DataException.class)
        .hasMessageContaining("has no train");
  }

  /// More bytes than an image of one pixel can take, and what they are packed to.
  private static final byte[] BOMB = new byte[17 << 20];

  private static final DataLimits ONE_PIXEL = new DataLimits(1);

  private static void assertTooLarge(ThrowingCallable read) {
    assertThatThrownBy(read)
        .isInstanceOf(DataException.class)
        .hasMessageContaining("has 17825792 bytes, more than an image file of at most 1 pixels")
        .hasMessageNotContaining("\n");
  }

  @Test
  void an_image_beyond_the_limit_is_refused_wherever_it_comes_from() throws Exception {
    Decoding small = Decoding.DEFAULT.withLimits(ONE_PIXEL);
    Map<String, byte[]> files = files();
    files.put("train/a/bomb.png", BOMB);
    String zip = zip(files).toString();
    assertTooLarge(() -> {
      Dataset<Row> rows = new ImageRows(SPARK, zip, 1, ONE_PIXEL).training();
      ImageParts.of(rows, Integer.MAX_VALUE, 1, small, null, null).close();
    });
    Path folder = folder();
    Files.write(folder.resolve("train/a/bomb.png"), BOMB);
    assertTooLarge(() -> {
      Dataset<Row> rows = new ImageRows(SPARK, folder.toString(), 1, ONE_PIXEL).training();
      ImageParts.of(rows, Integer.MAX_VALUE, 1, small, null, null).close();
    });
    String address = folder.toUri().toString();
    assertTooLarge(() -> new ImageRows(SPARK, address, 1, ONE_PIXEL).training());
    JavaSparkContext context = new JavaSparkContext(SPARK.sparkContext());
    Dataset<Row> column =
        SPARK.createDataFrame(
            context.parallelize(List.of(RowFactory.create(BOMB, "a")), 1), ImageRows.SCHEMA);
    assertTooLarge(() -> ImageParts.of(column, Integer.MAX_VALUE, 1, small, null, null).close());
  }

  @Test
  void an_address_has_the_images_of_a_folder_without_what_systems_leave_behind() throws Exception {
    Path folder = folder();
    for (String litter : List.of("train/@eaDir/x.png", "train/a/Thumbs.db", "train/a/._1.png")) {
      Files.createDirectories(folder.resolve(litter).getParent());
      Files.write(folder.resolve(litter), png(7));
    }
    for (String source : List.of(folder.toString(), folder.toUri().toString())) {
      try (ImageParts train = parts(rows(source, 2).training(), Integer.MAX_VALUE)) {
        assertThat(train.set().size()).isEqualTo(11);
        assertThat(train.set().classNames()).containsExactly("a", "a-b");
      }
    }
  }

  @Test
  void names_of_a_zip_file_are_those_of_one_process() throws Exception {
    Map<String, byte[]> files = new TreeMap<>();
    files().forEach((name, bytes) -> files.put("images\\" + name.replace('/', '\\'), bytes));
    files.put("__MACOSX/images/train/a/._0.png", new byte[] {1});
    files.put("images/train/@eaDir/0.png", png(3));
    Path zip = zip(files);
    DataSet one = spec(zip).data().open(1, (_, _, _) -> {});
    try (ImageParts train = parts(rows(zip.toString(), 2).training(), Integer.MAX_VALUE)) {
      assertThat(train.set().digest()).isEqualTo(one.train().digest());
    }
  }

  @Test
  void a_tree_that_is_not_clear_is_refused_as_by_one_process() throws Exception {
    Map<String, byte[]> twice = files();
    twice.put("train\\a\\0.png", png(5));
    Map<String, byte[]> several = new TreeMap<>();
    files()
        .forEach((name, bytes) -> {
          several.put("one/" + name, bytes);
          several.put("two/" + name, bytes);
        });
    Map<String, byte[]> escape = files();
    escape.put("train/\u001b[2J/1.png", png(5));
    Map<Map<String, byte[]>, String> all =
        Map.of(
            twice, "are one name, train/a/0.png",
            several, "holds several data sets",
            escape, "has a control character");
    for (Map.Entry<Map<String, byte[]>, String> each : all.entrySet()) {
      Path zip = zip(each.getKey());
      assertThatThrownBy(() -> rows(zip.toString(), 2).training())
          .isInstanceOf(DataException.class)
          .hasMessageContaining(each.getValue());
      assertThatThrownBy(() -> spec(zip).data().open(1, (_, _, _) -> {}))
          .hasMessageContaining(each.getValue());
    }
  }
}
