package asymml.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.session.TrainedRun;
import asymml.trusted.run.RunLayout;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import javax.imageio.ImageIO;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.evaluation.BinaryClassificationEvaluator;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.feature.StringIndexer;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.tuning.CrossValidator;
import org.apache.spark.ml.tuning.CrossValidatorModel;
import org.apache.spark.ml.tuning.ParamGridBuilder;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Estimator and transformer in pipelines of Spark ML, in one JVM.
class AsymmlClassifierTest {
  private static final int SIZE = 8;
  private static final StructType NUMBERED =
      new StructType().add("content", DataTypes.BinaryType).add("label", DataTypes.DoubleType);
  private static final SparkSession SPARK = LocalSpark.session();

  @TempDir private Path directory;

  /// Noise, on a ground whose colour tells the class.
  private static BufferedImage drawn(int number, int colour) {
    BufferedImage image = new BufferedImage(SIZE, SIZE, BufferedImage.TYPE_INT_RGB);
    Random random = new Random(number);
    for (int i = 0; i < SIZE * SIZE; i++) {
      image.setRGB(i % SIZE, i / SIZE, (0xC0 << 8 * colour) + (random.nextInt() & 0x3F3F3F));
    }
    return image;
  }

  private static byte[] png(BufferedImage image) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(image, "png", out);
    return out.toByteArray();
  }

  /// Images of which each class has as many.
  private static Dataset<Row> rows(int from, int to, double... labels) throws IOException {
    List<Row> rows = new ArrayList<>();
    for (int i = from; i < to; i++) {
      int colour = i % labels.length;
      rows.add(RowFactory.create(png(drawn(i, colour)), labels[colour]));
    }
    return dataset(rows, NUMBERED);
  }

  private static Dataset<Row> dataset(List<Row> rows, StructType schema) {
    return SPARK.createDataFrame(
        new JavaSparkContext(SPARK.sparkContext()).parallelize(rows, 2), schema);
  }

  private AsymmlClassifier classifier() {
    return new AsymmlClassifier()
        .setModel("cnn")
        .setEpochs(2)
        .setBatchSize(16)
        .setLearningRate(0.01)
        .setHeldOut(0.2)
        .setSettings("augment: false\n")
        .setRunDirectory(directory.resolve("runs").toString());
  }

  private int runs() throws IOException {
    int count = 0;
    try (DirectoryStream<Path> runs = Files.newDirectoryStream(directory.resolve("runs"))) {
      for (Path run : runs) {
        assertThat(run.resolve("run.json")).exists();
        count++;
      }
    }
    return count;
  }

  @Test
  void a_cross_validator_chooses_among_learning_rates_and_its_saved_pipeline_predicts_the_same()
      throws Exception {
    Dataset<Row> named =
        rows(0, 90, 0, 1).selectExpr("content", "if(label = 0, 'cat', 'dog') as name");
    AsymmlClassifier classifier = classifier().setLabelCol("label");
    Pipeline pipeline =
        new Pipeline()
            .setStages(
                new PipelineStage[] {
                  new StringIndexer().setInputCol("name").setOutputCol("label"), classifier
                });
    ParamMap[] grid =
        new ParamGridBuilder()
            .addGrid(classifier.learningRate(), new double[] {1e-7, 0.01})
            .build();
    CrossValidatorModel chosen =
        new CrossValidator()
            .setEstimator(pipeline)
            .setEstimatorParamMaps(grid)
            .setEvaluator(new MulticlassClassificationEvaluator().setMetricName("accuracy"))
            .setNumFolds(2)
            .setSeed(1)
            .fit(named);
    assertThat(chosen.avgMetrics()[1]).isGreaterThan(0.9).isGreaterThan(chosen.avgMetrics()[0]);
    assertThat(runs()).isEqualTo(5);
    Dataset<Row> others =
        rows(100, 130, 0, 1).selectExpr("content", "if(label = 0, 'cat', 'dog') as name");
    Dataset<Row> before = chosen.transform(others);
    assertThat(new MulticlassClassificationEvaluator().setMetricName("accuracy").evaluate(before))
        .isGreaterThan(0.9);
    assertThat(new MulticlassClassificationEvaluator().setMetricName("logLoss").evaluate(before))
        .isLessThan(0.6);
    assertThat(new BinaryClassificationEvaluator().evaluate(before)).isGreaterThan(0.9);
    String saved = directory.resolve("saved").toUri().toString();
    ((PipelineModel) chosen.bestModel()).write().overwrite().save(saved);
    List<Row> expected =
        before.select("rawPrediction", "probability", "prediction").collectAsList();
    assertThat(
            PipelineModel.load(saved)
                .transform(others)
                .select("rawPrediction", "probability", "prediction")
                .collectAsList())
        .isEqualTo(expected);
  }

  @Test
  void labels_with_gaps_are_predicted_as_they_are() throws Exception {
    AsymmlClassifierModel model = classifier().fit(rows(0, 60, 3, 7));
    // A label that no training image had, as in a fold that lacks a class.
    Dataset<Row> result = model.transform(rows(100, 130, 3, 7, 5)).cache();
    assertThat(model.getNumClasses()).isEqualTo(8);
    for (Row row : result.select("prediction", "probability", "rawPrediction").collectAsList()) {
      double[] probabilities = ((Vector) row.get(1)).toArray();
      assertThat(row.getDouble(0)).isIn(3.0, 7.0);
      assertThat(probabilities).hasSize(8);
      assertThat(probabilities[3] + probabilities[7]).isCloseTo(1, within(1e-9));
      assertThat(((Vector) row.get(2)).argmax()).isEqualTo((int) row.getDouble(0));
    }
    MulticlassClassificationEvaluator accuracy =
        new MulticlassClassificationEvaluator().setMetricName("accuracy");
    assertThat(accuracy.evaluate(result.filter("label != 5"))).isGreaterThan(0.9);
    assertThat(accuracy.evaluate(result.filter("label = 5"))).isZero();
    assertThat(new MulticlassClassificationEvaluator().setMetricName("logLoss").evaluate(result))
        .isFinite();
  }

  @Test
  void estimator_and_model_are_saved_and_copied_with_their_parameters() throws Exception {
    AsymmlClassifier classifier =
        classifier()
            .setDpSgd(true)
            .setTargetEpsilon(8)
            .setSeed(5)
            .setHeldOut(0.25)
            .setPredictionCol("animal")
            .setProbabilityCol("");
    String saved = directory.resolve("estimator").toString();
    classifier.write().save(saved);
    AsymmlClassifier loaded = AsymmlClassifier.load(saved);
    assertThat(loaded.uid()).isEqualTo(classifier.uid());
    assertThat(loaded.extractParamMap().toSeq().size())
        .isEqualTo(classifier.extractParamMap().toSeq().size());
    assertThat(loaded.getTargetEpsilon()).isEqualTo(8);
    assertThat(loaded.getSettings()).isEqualTo("augment: false\n");
    assertThat(loaded.explainParams()).contains("heldOut: share of the rows");
    AsymmlClassifier copy = loaded.copy(new ParamMap().put(loaded.epochs().w(1)));
    assertThat(copy.getEpochs()).isEqualTo(1);
    assertThat(loaded.getEpochs()).isEqualTo(2);
    AsymmlClassifierModel model =
        classifier().setPredictionCol("animal").setProbabilityCol("").fit(rows(0, 30, 0, 1));
    Dataset<Row> one = rows(50, 54, 0, 1);
    assertThat(model.transform(one).columns())
        .containsExactly("content", "label", "rawPrediction", "animal");
    AsymmlClassifierModel other =
        model.copy(new ParamMap()).setPredictionCol("other").setRawPredictionCol("");
    assertThat(other.transform(one).columns()).containsExactly("content", "label", "other");
    assertThat(model.transformSchema(one.schema()).fieldNames())
        .containsExactly("content", "label", "rawPrediction", "animal");
    assertThat(model.privacyStatement()).contains("no (epsilon, delta) is claimed");
  }

  @Test
  void which_rows_are_held_out_depends_on_each_alone() throws Exception {
    Set<String> all = held(rows(0, 60, 0, 1));
    assertThat(all).hasSizeBetween(5, 40);
    Set<String> fewer = held(rows(20, 60, 0, 1).repartition(5));
    assertThat(all).containsAll(fewer);
    Set<String> rest = held(rows(0, 20, 0, 1));
    Set<String> both = new HashSet<>(fewer);
    both.addAll(rest);
    assertThat(both).isEqualTo(all);
  }

  private static Set<String> held(Dataset<Row> rows) throws Exception {
    Set<String> held = new HashSet<>();
    for (Row row : LabelledRows.of(rows, "content", "label", 0.3, 1).heldOut().collectAsList()) {
      held.add(Base64.getEncoder().encodeToString(row.getAs(0)));
    }
    return held;
  }

  @Test
  void several_private_fits_cost_the_sum_of_their_epsilons() throws Exception {
    AsymmlClassifier classifier =
        classifier()
            .setDpSgd(true)
            .setEpochs(1)
            .setSettings(
                "logical-batch-size: 20\nnoise-multiplier: 2\ndelta: 1e-3\naugment: false\n");
    Dataset<Row> rows = rows(0, 60, 0, 1);
    Path runs = directory.resolve("runs");
    AsymmlClassifierModel model = classifier.fit(rows);
    FitsCost one = FitsCost.of(runs);
    classifier.fit(rows);
    FitsCost two = FitsCost.of(runs);
    assertThat(one.epsilon().value()).isBetween(0.1, 20.0);
    assertThat(two.epsilon().value()).isCloseTo(2 * one.epsilon().value(), within(1e-9));
    assertThat(two.delta()).isEqualTo(2e-3);
    assertThat(two.line(runs))
        .contains("the 2 runs with DP-SGD")
        .endsWith("that is in all of them");
    assertThat(model.privacyStatement()).contains("at delta 1.00e-03 (this fit alone)");
    classifier().setEpochs(1).fit(rows);
    assertThat(FitsCost.of(runs).line(runs))
        .contains("the 2 runs with DP-SGD")
        .endsWith("and no epsilon covers the 1 without DP-SGD there");
    assertThatThrownBy(() -> classifier.fit(rows.union(rows)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("have the pixels of another one");
  }

  @Test
  void a_run_that_cannot_be_read_costs_neither_the_model_nor_the_sum_its_truth() throws Exception {
    AsymmlClassifier classifier =
        classifier()
            .setDpSgd(true)
            .setEpochs(1)
            .setSettings(
                "logical-batch-size: 20\nnoise-multiplier: 2\ndelta: 1e-3\naugment: false\n");
    Path runs = Files.createDirectory(directory.resolve("runs"));
    Path damaged = Files.createDirectory(runs.resolve("a-damaged"));
    Files.writeString(damaged.resolve("ledger.json"), "{");
    Path old = Files.createDirectory(runs.resolve("b-old"));
    Files.writeString(old.resolve("config.yaml"), "colour: red\n");
    Path sealed = Files.createDirectory(runs.resolve("c-sealed"));
    Files.writeString(sealed.resolve("ledger.json.sealed"), "?");
    Files.writeString(runs.resolve("notes.txt"), "no run");
    Dataset<Row> rows = rows(0, 60, 0, 1);
    assertThat(classifier.fit(rows).transform(rows).count()).isEqualTo(60);
    FitsCost cost = FitsCost.of(runs);
    assertThat(cost.accounted()).isEqualTo(1);
    assertThat(cost.unreadable()).hasSize(3);
    assertThat(cost.unreadable().get(1)).contains("unknown setting 'colour'");
    assertThat(cost.unreadable().get(2)).isEqualTo(sealed + " is a sealed run");
    assertThat(cost.isOfSeveral()).isTrue();
    assertThat(cost.epsilon().isFinite()).isFalse();
    assertThat(cost.line(runs))
        .contains("is not known, and no epsilon covers it: 3 of them cannot be read")
        .contains("a-damaged")
        .doesNotContain("\n");
  }

  @Test
  void a_model_lies_on_disk_only_where_a_killed_process_leaves_nothing() throws Exception {
    classifier().setEpochs(1).fit(rows(0, 30, 0, 1));
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    Path left = Files.createDirectory(temporary.resolve("asymml-aaaaaaaaaaaa-aaaaaaaaaaaa"));
    Files.createFile(left.resolve(".lock"));
    Files.createFile(Files.createDirectory(left.resolve("run")).resolve("checkpoint.safetensors"));
    try (DirectoryStream<Path> runs = Files.newDirectoryStream(directory.resolve("runs"));
        TrainedRun run = RunFiles.read(new RunLayout(runs.iterator().next())).open()) {
      assertThat(run.predict(run.pixels("x", png(drawn(1, 0))))).hasSize(2);
    }
    assertThat(left).doesNotExist();
  }

  @Test
  void the_image_source_gives_the_predictions_of_the_files() throws Exception {
    Path folder = Files.createDirectory(directory.resolve("images"));
    for (int i = 0; i < 40; i++) {
      Files.write(folder.resolve("%s-%s.png".formatted(i % 2, 100 + i)), png(drawn(i, i % 2)));
    }
    String label = "cast(regexp_extract(%s, '([01])-[0-9]+.png', 1) as int) as label";
    Dataset<Row> source =
        SPARK
            .read()
            .format("image")
            .load(folder.toString())
            .selectExpr("image", label.formatted("image.origin"), "image.origin as path");
    Dataset<Row> files =
        SPARK
            .read()
            .format("binaryFile")
            .load(folder.toString())
            .selectExpr("content", label.formatted("path"), "path");
    AsymmlClassifierModel model = classifier().setImageCol("image").fit(source);
    Dataset<Row> ofSource = model.transform(source);
    assertThat(new MulticlassClassificationEvaluator().setMetricName("accuracy").evaluate(ofSource))
        .isGreaterThan(0.9);
    List<Row> raw = ofSource.select("rawPrediction").collectAsList();
    model.setImageCol("content");
    assertThat(model.transform(files).select("rawPrediction").collectAsList())
        .containsExactlyInAnyOrderElementsOf(raw);
  }

  @Test
  void what_cannot_be_fitted_is_refused_in_a_line() throws Exception {
    Dataset<Row> good = rows(0, 20, 0, 1);
    assertRefused(
        good.withColumnRenamed("label", "class"), "the dataset has no column label: set labelCol");
    assertRefused(
        good.selectExpr("content", "cast(label as string) as label"), "put a StringIndexer before");
    assertRefused(good.selectExpr("label", "label as content"), "(imageCol) must hold bytes");
    assertRefused(good.selectExpr("*", "1 as prediction"), "has a column prediction already");
    assertRefused(
        good.selectExpr("content", "label + 0.5 as label"),
        "20 of 20 rows have a label that is no whole number");
    assertRefused(
        good.selectExpr("content", "if(label = 0, null, label) as label"),
        "10 of 20 rows have no label");
    assertRefused(
        good.selectExpr("if(label = 0, null, content) as content", "label"),
        "10 of 20 rows have no image");
    assertRefused(good.filter("label = 9"), "the dataset has no rows");
    assertRefused(rows(0, 60, 4), "a classifier needs at least 2 classes, not 1");
    assertRefused(good.limit(1), "both parts need some");
    assertThatThrownBy(() -> classifier().setSettings("data: x").fit(good))
        .hasMessage("settings has 'data': leave it out, images are those of the dataset");
    assertThatThrownBy(() -> classifier().setSettings("colour: red").fit(good))
        .hasMessageContaining("unknown setting 'colour'");
    assertThatThrownBy(() -> classifier().setSettings("image-cache: 2G").fit(good))
        .hasMessageContaining("no validation images")
        .hasMessageContaining("image-cache");
    assertThatThrownBy(() -> classifier().setSettings("norm: batch").fit(good))
        .hasMessageContaining("--norm group");
    assertThatThrownBy(() -> classifier().setHeldOut(1)).hasMessageContaining("heldOut");
    assertThat(directory.resolve("runs")).doesNotExist();
  }

  private void assertRefused(Dataset<Row> rows, String why) {
    assertThatThrownBy(() -> classifier().fit(rows))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(why)
        .hasMessageNotContaining("\n");
  }

  @Test
  void a_row_without_an_image_is_named_when_it_is_classified() throws Exception {
    AsymmlClassifierModel model = classifier().setEpochs(1).fit(rows(0, 30, 0, 1));
    Dataset<Row> broken = rows(0, 4, 0, 1).selectExpr("cast(null as binary) as content");
    assertThatThrownBy(() -> model.transform(broken).collectAsList())
        .hasStackTraceContaining("a row has no image: leave it out, or fill it");
    assertThatThrownBy(() -> new AsymmlClassifierModel("empty").write().save("nowhere"))
        .hasMessage("this model was not fitted or loaded");
  }
}
