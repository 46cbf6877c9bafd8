package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.analysis.Maps;
import asymml.analysis.score.Score;
import asymml.study.StudyException;
import asymml.study.attack.SuiteResult.Note;
import asymml.study.attack.SuiteResult.Picture;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class SuiteFilesTest {
  private static final SuitePlan BASE = plan("base");
  private static final SuitePlan OPEN = plan("unprotected");

  @TempDir Path folder;

  private static SuitePlan plan(String name) {
    return SuitePlan.all().stream().filter(p -> p.name().equals(name)).findFirst().orElseThrow();
  }

  private static SuiteSpec spec(int epochs) {
    return new SuiteSpec(
        SuiteSpec.runs("generated", "cnn", 32, epochs, 1),
        List.of(OPEN, BASE),
        AttackSettings.DEFAULTS);
  }

  private SuiteFiles files(int epochs) {
    return new SuiteFiles(folder.resolve("suite"), spec(epochs), "asymml attack --suite");
  }

  private static SuiteResult result(String plan, double mask) {
    return new SuiteResult(
        plan,
        "words of " + plan,
        Map.of("model", "cnn", "epochs", 2),
        OptionalDouble.of(0.5),
        12.5,
        List.of(
            new Score("mask", "conv1", "mask accuracy", 0.99, 0.5, 1, 0),
            new Score("mask", "conv1", "activation cosine", mask / 2, 0, 1, 0.01),
            new Score("mask", "conv2", "activation cosine", mask, 0, 1, 0.01)),
        List.of(
            new Note("image", "not applied: image, conv1: first"),
            new Note("image", "not applied: image, conv2: second")),
        List.of(new Picture("pictures/p.png", "a caption", "image", 12, 8)));
  }

  @Test
  void a_result_is_read_as_it_was_written() throws Exception {
    SuiteFiles files = files(2);
    files.prepare();
    assertThat(files.has(BASE)).isFalse();
    files.write(BASE, result("base", 0.75));
    assertThat(files.has(BASE)).isTrue();
    assertThat(files.read(BASE)).isEqualTo(result("base", 0.75));
  }

  @Test
  void training_that_diverged_and_scores_without_bounds_are_read_as_well() throws Exception {
    SuiteResult diverged =
        new SuiteResult(
            "base",
            "words",
            Map.of(),
            OptionalDouble.empty(),
            1,
            List.of(new Score("image", "conv1", "PSNR, dB", 20, 10, Double.POSITIVE_INFINITY, 0)),
            List.of(),
            List.of());
    SuiteFiles files = files(2);
    files.prepare();
    files.write(BASE, diverged);
    assertThat(files.read(BASE)).isEqualTo(diverged);
  }

  @Test
  void a_damaged_result_is_named() throws Exception {
    SuiteFiles files = files(2);
    files.prepare();
    files.write(BASE, result("base", 0.75));
    Path file = folder.resolve("suite/plans/base.json");
    Map<String, Object> facts = RunFile.read(file);
    facts.remove("scores");
    RunFile.write(file, facts);
    assertThatThrownBy(() -> files.read(BASE))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("base.json is damaged")
        .hasMessageContaining("delete it");
  }

  @Test
  void a_suite_of_other_settings_does_not_mix_in() throws Exception {
    files(2).prepare();
    files(2).prepare();
    SuiteFiles other = files(3);
    assertThatThrownBy(other::prepare)
        .isInstanceOf(StudyException.class)
        .hasMessageContaining("holds a suite of other settings");
  }

  @Test
  void a_directory_with_something_else_is_left_alone() throws Exception {
    Files.createDirectories(folder.resolve("suite"));
    Files.writeString(folder.resolve("suite/thesis.txt"), "mine");
    SuiteFiles files = files(2);
    assertThatThrownBy(files::prepare)
        .isInstanceOf(StudyException.class)
        .hasMessageContaining("is not empty");
    assertThat(folder.resolve("suite")).isDirectoryContaining("glob:**thesis.txt");
    assertThat(folder.resolve("suite/plans")).doesNotExist();
  }

  @Test
  void the_table_is_complete_when_all_plans_asked_for_are_done() throws Exception {
    SuiteFiles files = files(2);
    files.prepare();
    files.write(List.of(result("base", 0.75)), "shapes");
    assertThat(table()).containsEntry("complete", false).containsEntry("data", "shapes");
    files.write(List.of(result("unprotected", 1), result("base", 0.75)), "shapes");
    assertThat(table())
        .containsEntry("complete", true)
        .containsEntry("seconds", 25.0)
        .containsEntry("batch", 16)
        .containsEntry("images", 32)
        .containsEntry("command", "asymml attack --suite");
  }

  private Map<String, Object> table() throws IOException {
    return RunFile.read(folder.resolve("suite/attacks.json"));
  }

  @Test
  void a_cell_is_the_strongest_score_that_stands_for_an_attack_or_why_there_is_none()
      throws Exception {
    SuiteFiles files = files(2);
    files.prepare();
    files.write(List.of(result("base", 0.75)), "shapes");
    JsonNode cells =
        JsonMapper.shared()
            .readTree(Files.readString(folder.resolve("suite/attacks.json")))
            .get("table");
    assertThat(cells.size()).isEqualTo(AttackName.values().length);
    assertThat(cell(cells, AttackName.MASK).get("layer").asString()).isEqualTo("conv2");
    assertThat(cell(cells, AttackName.MASK).get("value").asDouble()).isEqualTo(0.75);
    assertThat(cell(cells, AttackName.IMAGE).get("note").asString())
        .isEqualTo("not applied: image, conv2: second");
    assertThat(cell(cells, AttackName.SUBSPACE).get("note").asString()).isEqualTo("not applied");
  }

  private static JsonNode cell(JsonNode cells, AttackName attack) {
    for (JsonNode cell : cells) {
      if (cell.get("attack").asString().equals(attack.label())) {
        return cell;
      }
    }
    throw new AssertionError(attack + " is not in " + cells);
  }

  @Test
  void the_text_has_a_line_for_each_plan_and_ranges_over_them() throws Exception {
    String text = SuiteTable.of(List.of(result("unprotected", 1), result("base", 0.75)));
    assertThat(text)
        .startsWith(AttackReport.NOTICE)
        .containsPattern("unprotected +- +1\\.00 +-")
        .containsPattern("base +- +0\\.75 +-")
        .containsPattern("best +- +1\\.00 +-")
        .contains("mask      Activation mask and norm leak: activation cosine");
    SuiteFiles files = files(2);
    files.prepare();
    files.write(List.of(result("base", 0.75)), "shapes");
    assertThat(folder.resolve("suite/attacks.txt")).content().contains("base").contains("0.75");
  }

  @Test
  void a_picture_is_written_under_plan_and_attack() throws Exception {
    SuiteFiles files = files(2);
    files.prepare();
    Maps images = new Maps(3, 4, 4, 3, new float[3 * 48]);
    Maps seen = new Maps(3, 2, 2, 5, new float[3 * 20]);
    Picture written =
        files.write(BASE, new AttackPicture(AttackName.IMAGE, "conv1", images, seen, images, 21.5));
    assertThat(written.file()).isEqualTo("pictures/base-image.png");
    assertThat(written.caption()).contains("conv1", "PSNR 21.5 dB");
    var image = ImageIO.read(folder.resolve("suite").resolve(written.file()).toFile());
    assertThat(image.getWidth()).isEqualTo(written.width());
    assertThat(image.getHeight()).isEqualTo(written.height());
  }

  @Test
  void what_runs_left_behind_is_deleted() throws Exception {
    SuiteFiles files = files(2);
    files.prepare();
    Files.createDirectories(files.work().resolve("run"));
    Files.writeString(files.work().resolve("run/view.rec"), "x");
    files.deleteWork();
    assertThat(files.work()).doesNotExist();
    files.deleteWork();
  }
}
