package asymml.study.tradeoff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.session.TrainingSpec;
import asymml.study.NoRun;
import asymml.study.NoiseAlone;
import asymml.study.StudyRun;
import asymml.study.tradeoff.Tradeoff.Cell;
import asymml.study.tradeoff.Tradeoff.Point;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.RunFile;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Grids whose cells are all planted in the directory: the study reads them and trains nothing.
class FinishedGridTest {
  private static final RankPolicy QUARTER = RankPolicy.parse("1/4");

  /// 4 images to train on and 25 to test on, which are opened for every test.
  @TempDir static Path images;

  private static TradeoffSpec spec;

  @BeforeAll
  static void draw() throws Exception {
    for (int i = 0; i < 29; i++) {
      Path folder = images.resolve(i < 4 ? "train" : "test").resolve(i % 2 == 0 ? "even" : "odd");
      Files.createDirectories(folder);
      BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
      image.setRGB(i % 8, i / 8, 0xffffff);
      ImageIO.write(image, "png", folder.resolve(i + ".png").toFile());
    }
    spec =
        new TradeoffSpec(
            TrainingSpec.defaults().withData(images.toString()).withEpochs(1),
            List.of(QUARTER),
            List.of(0.5, 2.0),
            List.of(0.3));
  }

  /// A listener that a finished grid must not call.
  private static final class Untouched implements TradeoffListener {
    @Override
    public void started(Point point, int number) {
      throw new AssertionError(point + " began");
    }

    @Override
    public void diverged(Point point, String message) {
      throw new AssertionError(point + " diverged");
    }

    @Override
    public void finished(Point point, Cell cell, Duration left) {
      throw new AssertionError(point + " finished");
    }
  }

  @TempDir Path directory;

  private static Cell cell(double accuracy) {
    OptionalDouble value =
        Double.isNaN(accuracy) ? OptionalDouble.empty() : OptionalDouble.of(accuracy);
    return new Cell(value, value, 10, 1, 20, 5);
  }

  private TradeoffStudy open(TradeoffSpec grid) throws Exception {
    return TradeoffStudy.open(grid, directory, (_, _, _) -> {});
  }

  /// Writes cells in the order of the grid; NaN for training that diverged.
  private void plant(double... accuracies) throws Exception {
    TradeoffFiles files = new TradeoffFiles(directory, open(spec).data());
    int next = 0;
    for (Point point : spec.points()) {
      if (next < accuracies.length) {
        Files.createDirectories(files.run(point));
        files.write(point, cell(accuracies[next++]));
      }
    }
  }

  private Tradeoff finished() throws Exception {
    return run(false).orElseThrow();
  }

  private Optional<Tradeoff> run(boolean stop) throws Exception {
    return open(spec)
        .run(new StudyRun(List.of(), new NoRun(), () -> stop), new Untouched(), (_, _, _) -> {});
  }

  @Test
  void finished_cells_are_the_grid_and_nothing_is_trained() throws Exception {
    plant(0.5, 0.9, 0.1, 0.8, 0.4, 0.5);
    assertThat(open(spec).finished()).isEqualTo(6);
    Tradeoff grid = finished();
    assertThat(grid.cells().keySet()).containsExactlyElementsOf(spec.points());
    assertThat(grid.cell(new Point(QUARTER, 2, 0))).isEqualTo(cell(0.8));
    assertThat(grid.cell(new Point(NoiseAlone.RANK, 0, 0.3))).isEqualTo(cell(0.4));
    assertThat(grid.testImages()).isEqualTo(25);
  }

  /// 25 test images: 0.5 and 0.9 are 0.4 apart, with a standard error of sqrt(0.0136) = 0.117.
  @ParameterizedTest
  @CsvSource({
    "0.5, 0.9, 0.1, 0.8, ': yes'",
    "0.5, 0.7, 0.1, 0.8, ': NO, not asymml 1/4, noise 0.5'",
    "0.5, 0.9, 0.8, 0.1, ': NO, not asymml 1/4, noise 2'",
    "NaN, 0.2, 0.1, 0.8, ': yes'",
    "0.2, NaN, 0.1, 0.8, ': NO, not asymml 1/4, noise 0.5'",
    "NaN, NaN, NaN, NaN, ': NO, not asymml 1/4, noise 0.5; asymml 1/4, noise 2'"
  })
  void the_verdict_is_that_of_the_cells(
      double aloneLow, double rankedLow, double aloneHigh, double rankedHigh, String verdict)
      throws Exception {
    plant(aloneLow, rankedLow, aloneHigh, rankedHigh, 0.4, 0.5);
    Tradeoff grid = finished();
    assertThat(grid.verdict()).endsWith(verdict);
    if (aloneLow == 0.5 && rankedLow == 0.9) {
      assertThat(grid.margin(new Point(QUARTER, 0.5, 0)))
          .satisfies(margin -> {
            assertThat(margin).isNotNull();
            assertThat(margin.share()).isCloseTo(0.4, within(1e-12));
            assertThat(margin.standardError()).isCloseTo(Math.sqrt(0.0136), within(1e-12));
          });
    }
  }

  @Test
  void the_file_of_a_finished_grid_has_its_verdict() throws Exception {
    plant(0.5, 0.9, 0.1, 0.8, 0.4, 0.5);
    TradeoffStudy study = open(spec);
    Tradeoff grid = finished();
    Path file = study.write(grid, "9.9");
    assertThat(file).isEqualTo(directory.resolve("tradeoff.json"));
    assertThat(RunFile.read(file)).containsEntry("verdict", grid.verdict());
  }

  @Test
  void a_grid_that_is_to_stop_begins_no_cell_that_is_missing() throws Exception {
    plant(0.5, 0.9, 0.1);
    assertThat(run(true)).isEmpty();
    assertThat(open(spec).finished()).isEqualTo(3);
  }

  private Path cellFile() {
    return directory.resolve("rank-1_4-noise-0.5/cell.json");
  }

  private void change(String key, Object value) throws Exception {
    Map<String, Object> facts = new LinkedHashMap<>(RunFile.read(cellFile()));
    facts.put(key, value);
    RunFile.write(cellFile(), facts);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"trainSeconds", "evaluationSeconds", "trustedCpuSeconds", "workerCpuSeconds"})
  void a_cell_with_text_for_a_number_is_named_with_the_remedy(String key) throws Exception {
    plant(0.5, 0.9);
    change(key, "long");
    assertThatThrownBy(() -> open(spec))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "%s has no number '%s': delete it to have the cell tested again"
                .formatted(cellFile(), key));
  }

  @ParameterizedTest
  @ValueSource(strings = {"trainData", "testData"})
  void a_cell_of_other_images_is_named(String key) throws Exception {
    plant(0.5, 0.9);
    change(key, "0123");
    assertThatThrownBy(() -> open(spec))
        .isInstanceOf(IOException.class)
        .hasMessage(
            cellFile()
                + " is of other images, or of other limits on them: choose another directory");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[1, 2]", "no JSON"})
  void a_cell_that_was_cut_is_named_in_one_line(String content) throws Exception {
    plant(0.5, 0.9);
    Files.writeString(cellFile(), content);
    assertThatThrownBy(() -> open(spec))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cell.json")
        .hasMessageNotContaining("\n");
  }

  @Test
  void a_run_of_other_settings_is_named_before_images_are_opened() throws Exception {
    plant(0.5, 0.9);
    Files.writeString(
        directory.resolve("rank-1_4-noise-0.5/config.yaml"), "model: cnn\nepochs: 7\n");
    assertThatThrownBy(() -> open(spec))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(directory + " holds a grid with other settings (")
        .hasMessageEndingWith("): choose another directory");
  }
}
