package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Shape;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Evaluator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrainedRunTest {
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults()
          .withMode(Mode.TRUSTED_ONLY)
          .withBatchSize(6)
          .withEpochs(2)
          .withThreads(1);
  private static final DataSet DATA = TinyImages.data();

  /// Room for float32 sums of up to 288 products in four layers.
  private static final double ROUNDING = 1e-4;

  @TempDir static Path shared;
  private static Path trained;

  @TempDir Path folder;

  @BeforeAll
  static void train() throws Exception {
    trained = shared.resolve("run");
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(SPEC, DATA, null), trained)) {
      session.train();
    }
  }

  private Path copy() throws IOException {
    Path copy = Files.createDirectories(folder.resolve("copy"));
    try (Stream<Path> files = Files.list(trained)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
    return copy;
  }

  @Test
  void probabilities_sum_to_one_even_for_huge_logits() {
    double[] p = TrainedRun.softmax(new float[] {1e30f, 1e30f, -1e30f});
    assertThat(p).containsExactly(new double[] {0.5, 0.5, 0}, within(1e-12));
  }

  @Test
  void a_folder_without_a_checkpoint_is_no_trained_run() {
    assertThatThrownBy(() -> TrainedRun.open(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder + " holds no trained model");
  }

  @Test
  void a_prediction_is_the_forward_pass_of_the_saved_model() throws Exception {
    try (TrainedRun run = TrainedRun.open(trained)) {
      ReferenceCnn reference = new ReferenceCnn(run.model());
      for (int seed = 0; seed < 6; seed++) {
        byte[] pixels = TinyImages.pixels(TinyImages.SHAPE, seed % 2, 300 + seed);
        double[] logits = reference.logits(pixels);
        List<TrainedRun.Prediction> predictions = run.predict(pixels);
        assertThat(predictions).hasSize(2);
        for (TrainedRun.Prediction prediction : predictions) {
          int label = TinyImages.CLASSES.indexOf(prediction.className());
          assertThat(prediction.probability())
              .isCloseTo(Math.exp(-ReferenceCnn.loss(logits, label)), within(ROUNDING));
        }
        assertThat(predictions.getFirst().probability())
            .isGreaterThanOrEqualTo(predictions.getLast().probability());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 10, 64})
  void a_score_is_that_of_the_forward_passes_one_by_one_at_any_batch_size(int batchSize)
      throws Exception {
    // Labels at odds with the images: hits and misses, a loss far from zero.
    int[] labels = {0, 0, 1, 1, 0, 1, 0};
    byte[] pixels = new byte[labels.length * TinyImages.SHAPE.size()];
    for (int i = 0; i < labels.length; i++) {
      byte[] image = TinyImages.pixels(TinyImages.SHAPE, i % 2, 600 + i);
      System.arraycopy(image, 0, pixels, i * image.length, image.length);
    }
    ImageSet images = ImageSet.of(TinyImages.SHAPE, TinyImages.CLASSES, labels, pixels);
    try (TrainedRun run = TrainedRun.open(trained)) {
      ReferenceCnn reference = new ReferenceCnn(run.model());
      double loss = 0;
      long[][] confusion = new long[2][2];
      byte[] image = new byte[TinyImages.SHAPE.size()];
      for (int i = 0; i < labels.length; i++) {
        images.pixels(i, image);
        double[] logits = reference.logits(image);
        loss += ReferenceCnn.loss(logits, labels[i]) / labels.length;
        confusion[labels[i]][ReferenceCnn.largest(logits)]++;
      }
      Evaluator.Score score = run.evaluate(images, batchSize);
      assertThat(score.loss()).isCloseTo(loss, within(ROUNDING * Math.max(1, loss)));
      assertThat(score.accuracy())
          .isCloseTo((confusion[0][0] + confusion[1][1]) / 7.0, within(1e-12));
    }
  }

  @Test
  void an_image_file_is_predicted_as_its_pixels_are() throws Exception {
    byte[] pixels = TinyImages.pixels(TinyImages.SHAPE, 1, 77);
    Path file = TinyImages.png(folder.resolve("a.png"), TinyImages.SHAPE, pixels);
    try (TrainedRun run = TrainedRun.open(trained)) {
      assertThat(run.predict(file)).isEqualTo(run.predict(pixels));
    }
  }

  @Test
  void a_file_that_is_no_image_of_the_model_s_size_is_refused_by_name() throws Exception {
    Shape large = new Shape(9, 8, 3);
    Path other = TinyImages.png(folder.resolve("large.png"), large, TinyImages.pixels(large, 0, 1));
    Path text = Files.writeString(folder.resolve("text.png"), "no image");
    Path none = folder.resolve("none.png");
    try (TrainedRun run = TrainedRun.open(trained)) {
      for (Path file : List.of(other, text, none)) {
        assertThatThrownBy(() -> run.predict(file))
            .isInstanceOf(DataException.class)
            .hasMessageContaining(file.getFileName().toString())
            .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
      }
    }
  }

  @Test
  void the_images_of_the_run_are_opened_and_others_must_have_the_model_s_classes()
      throws Exception {
    Path images = TinyImages.folder(folder.resolve("images"), 6, 4, 40);
    Path renamed = TinyImages.folder(folder.resolve("renamed"), 6, 4, 40);
    for (String split : List.of("train", "test")) {
      Files.move(renamed.resolve(split + "/dark"), renamed.resolve(split + "/night"));
    }
    try (TrainedRun run = TrainedRun.open(trained)) {
      DataSet opened = run.open(DataSpec.of(images.toString()), (_, _, _) -> {});
      assertThat(run.evaluate(opened.test(), 4).accuracy()).isBetween(0.0, 1.0);
      assertThatThrownBy(() -> run.open(DataSpec.of(renamed.toString()), (_, _, _) -> {}))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("does not fit the model")
          .hasMessageContaining("[bright, dark]");
    }
  }

  @Test
  void a_run_holds_its_settings_metrics_and_how_far_it_got() throws Exception {
    try (TrainedRun run = TrainedRun.open(trained)) {
      assertThat(run.spec()).isEqualTo(SPEC);
      assertThat(run.epochs()).extracting(EpochMetrics::epoch).containsExactly(1, 2);
      assertThat(run.model().epoch()).isEqualTo(2);
      assertThat(run.model().step()).isEqualTo(8);
      assertThat(run.model().description().classNames()).isEqualTo(TinyImages.CLASSES);
      assertThat(run.evaluate(DATA.test(), 6).accuracy())
          .isEqualTo(run.epochs().getLast().testAccuracy());
      assertThat(run.statement()).isNull();
      assertThat(run.layout()).isEqualTo(new RunLayout(trained));
    }
  }

  @Test
  void a_damaged_checkpoint_is_told_in_one_line_with_its_name() throws Exception {
    Path copy = copy();
    Path checkpoint = new RunLayout(copy).checkpoint();
    byte[] whole = Files.readAllBytes(checkpoint);
    for (int length : List.of(0, 7, 200, whole.length / 2, whole.length - 1)) {
      Files.write(checkpoint, java.util.Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> TrainedRun.open(copy))
          .as(length + " bytes")
          .isInstanceOf(IOException.class)
          .hasMessageContaining(checkpoint.getFileName().toString())
          .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }
  }

  @Test
  void missing_settings_are_told_in_one_line() throws Exception {
    Path copy = copy();
    Path config = new RunLayout(copy).config();
    Files.delete(config);
    assertThatThrownBy(() -> TrainedRun.open(copy))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot read " + config);
  }

  @Test
  void damaged_metrics_are_told_when_they_are_asked_for() throws Exception {
    Path copy = copy();
    Files.writeString(new RunLayout(copy).metrics(), "{not json}\n", StandardOpenOption.WRITE);
    try (TrainedRun run = TrainedRun.open(copy)) {
      assertThatThrownBy(run::epochs)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("metrics.jsonl");
    }
  }

  @Test
  void a_damaged_ledger_is_told_when_the_statement_is_asked_for() throws Exception {
    Path copy = copy();
    Files.writeString(new RunLayout(copy).ledger(), "{}");
    try (TrainedRun run = TrainedRun.open(copy)) {
      assertThatThrownBy(run::statement)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("ledger.json");
    }
  }
}
