package asymml.study.tradeoff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.session.TrainingSpec;
import asymml.study.tradeoff.Tradeoff.Cell;
import asymml.study.tradeoff.Tradeoff.Point;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class TradeoffFilesTest {
  private static final RankPolicy QUARTER = RankPolicy.parse("1/4");
  private static final Point POINT = new Point(QUARTER, 0.5, 0);
  private static final Cell FINISHED =
      new Cell(OptionalDouble.of(0.75), OptionalDouble.of(0.6), 12.5, 1.25, 20, 5);
  private static final Cell DIVERGED =
      new Cell(OptionalDouble.empty(), OptionalDouble.empty(), 2, 0, 3, 1);

  private static DataSet data;

  @TempDir Path directory;

  @BeforeAll
  static void open() throws Exception {
    data = open(32);
  }

  private static DataSet open(int images) throws Exception {
    return DataSpec.of("generated")
        .withLimits(new Limit(images), new Limit(16))
        .open(1, (_, _, _) -> {});
  }

  private TradeoffFiles files() throws IOException {
    TradeoffFiles files = new TradeoffFiles(directory, data);
    Files.createDirectories(files.run(POINT));
    return files;
  }

  @Test
  void a_cell_is_read_as_it_was_written() throws Exception {
    TradeoffFiles files = files();
    files.write(POINT, FINISHED);
    assertThat(files.read(POINT)).isEqualTo(FINISHED);
    files.write(POINT, DIVERGED);
    assertThat(files.read(POINT)).isEqualTo(DIVERGED);
  }

  @Test
  void a_cell_that_is_not_there_is_not_finished() throws Exception {
    assertThat(files().read(new Point(QUARTER, 1, 0))).isNull();
  }

  @Test
  void a_cell_of_other_images_is_refused() throws Exception {
    files().write(POINT, FINISHED);
    TradeoffFiles others = new TradeoffFiles(directory, open(33));
    assertThatThrownBy(() -> others.read(POINT))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cell.json is of other images")
        .hasMessageContaining("choose another directory");
  }

  @Test
  void a_damaged_cell_is_named_with_what_it_lacks() throws Exception {
    TradeoffFiles files = files();
    files.write(POINT, FINISHED);
    Path file = files.run(POINT).resolve("cell.json");
    Map<String, Object> facts = RunFile.read(file);
    facts.remove("trainSeconds");
    RunFile.write(file, facts);
    assertThatThrownBy(() -> files.read(POINT))
        .hasMessageContaining("cell.json has no number 'trainSeconds'");
  }

  @Test
  void the_grid_has_settings_cells_and_verdict_and_is_private() throws Exception {
    TradeoffSpec spec =
        new TradeoffSpec(
            TrainingSpec.defaults().withLimits(32, 16),
            List.of(QUARTER),
            List.of(0.0, 0.5),
            List.of());
    Map<Point, Cell> cells = new LinkedHashMap<>();
    spec.points().forEach(point -> cells.put(point, point.equals(POINT) ? DIVERGED : FINISHED));
    Tradeoff tradeoff = new Tradeoff(spec.ranks(), spec.noise(), List.of(), 16, cells);
    TradeoffFiles files = files();
    files.write(tradeoff, spec, "1.2.3");
    Map<String, Object> facts = RunFile.read(files.json());
    assertThat(facts)
        .containsEntry("format", "asymml-tradeoff-1")
        .containsEntry("version", "1.2.3")
        .containsEntry("testImages", 16)
        .containsEntry("trainData", data.train().digest())
        .containsEntry("verdict", tradeoff.verdict());
    assertThat(String.valueOf(facts.get("notice"))).startsWith("PRIVATE");
    JsonNode json = JsonMapper.shared().readTree(Files.readString(files.json()));
    assertThat(json.get("settings").propertyNames())
        .containsExactly(
            "data",
            "limit-train",
            "limit-test",
            "model",
            "norm",
            "decomposer",
            "trusted-layers",
            "epochs",
            "batch-size",
            "learning-rate",
            "seed");
    assertCells(json.get("cells"));
    assertThat(Files.readString(files.json())).doesNotContain("NaN");
  }

  private static void assertCells(JsonNode cells) {
    assertThat(cells)
        .extracting(cell -> cell.get("mode").asString() + " " + cell.get("rank").asString())
        .containsExactly("dp-only 0", "asymml 1/4", "dp-only 0", "asymml 1/4");
    JsonNode ranked = cells.get(1);
    assertThat(ranked.get("training").asString()).isEqualTo("finished");
    assertThat(ranked.get("standardError").asDouble())
        .isCloseTo(Math.sqrt(0.75 * 0.25 / 16), within(1e-12));
    assertThat(ranked.get("marginOverDpOnly").asDouble()).isZero();
    assertThat(ranked.get("beatsDpOnly").asBoolean()).isFalse();
    JsonNode diverged = cells.get(3);
    assertThat(diverged.get("training").asString()).isEqualTo("diverged");
    assertThat(diverged.has("testAccuracy")).isFalse();
    assertThat(diverged.has("marginOverDpOnly")).isFalse();
  }
}
