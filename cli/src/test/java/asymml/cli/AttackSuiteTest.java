package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A suite of one plan, the default's, on a small network and drawn images.
class AttackSuiteTest {
  @TempDir static Path folder;

  private static Path out = Path.of("");
  private static Outcome outcome = Outcome.of();
  private static JsonNode json = JsonMapper.shared().createObjectNode();

  @BeforeAll
  static void run() throws Exception {
    out = folder.resolve("suite");
    outcome = suite("--epochs", "2");
    json = JsonMapper.shared().readTree(Files.readString(out.resolve("attacks.json")));
  }

  private static Outcome suite(String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "attack",
                "--suite",
                "--model",
                "cnn",
                "--plans",
                "base",
                "--images",
                "32",
                "--public-images",
                "256",
                "--inversion-iterations",
                "5",
                "--out",
                out.toString()));
    arguments.addAll(List.of(options));
    return Outcome.of(arguments.toArray(String[]::new));
  }

  private static JsonNode cell(String attack) {
    for (JsonNode cell : json.get("table")) {
      if (cell.get("attack").asString().equals(attack)) {
        return cell;
      }
    }
    throw new AssertionError(attack + " is not in " + json.get("table"));
  }

  @Test
  void it_ends_with_a_table_of_all_attacks() {
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .contains("plan 1/1, base: the default", AttackTable.NOTICE, "written: ");
    assertThat(json.get("format").asString()).isEqualTo("asymml-attack-suite-1");
    assertThat(json.get("complete").asBoolean()).isTrue();
    assertThat(json.get("attacks").size()).isEqualTo(AttackName.values().length);
    assertThat(json.get("table").size()).isEqualTo(AttackName.values().length);
    assertThat(out.resolve("work")).doesNotExist();
  }

  /// The attacks that no noise of the default's stops.
  @Test
  void what_the_default_plan_does_not_protect_is_found() {
    assertThat(cell("mask").get("value").asDouble()).isGreaterThan(0.9);
    assertThat(cell("subspace").get("value").asDouble()).isGreaterThan(0.9);
    assertThat(cell("membership").get("value").asDouble()).isGreaterThan(0.9);
    assertThat(cell("model-inversion").get("value").asDouble()).isGreaterThan(0.5);
    assertThat(cell("image").get("note").asString()).contains("not applied: image");
    assertThat(cell("released-membership").get("value").asDouble()).isBetween(0.0, 1.0);
  }

  /// Five iterations find nothing, not even from clear gradients: no score may stand for that.
  @Test
  void an_attack_that_fails_at_its_best_says_so() {
    assertThat(cell("gradient-inversion").get("note").asString())
        .contains("from clear gradients of this network", "in 5 iterations");
  }

  @Test
  void its_pictures_are_there() throws Exception {
    assertThat(json.get("pictures").size()).isEqualTo(1);
    for (JsonNode picture : json.get("pictures")) {
      var image = ImageIO.read(out.resolve(picture.get("file").asString()).toFile());
      assertThat(image.getWidth()).isEqualTo(picture.get("width").asInt());
      assertThat(image.getHeight()).isEqualTo(picture.get("height").asInt());
    }
  }

  @Test
  void a_second_call_goes_on_and_other_settings_do_not_mix_in() {
    assertThat(suite("--epochs", "2").out()).contains("plan 1/1, base: done before");
    Outcome other = suite("--epochs", "3");
    assertThat(other.code()).isEqualTo(1);
    assertThat(other.err()).contains("holds a suite of other settings").hasLineCount(1);
  }

  @Test
  void wrong_usage_is_refused() {
    assertThat(suite("--plans", "none").code()).isEqualTo(2);
    assertThat(Outcome.of("attack", "--suite", "--attack", "mask").code()).isEqualTo(2);
    assertThat(Outcome.of("attack", "--suite", "--images", "1").err()).contains("--images must");
  }
}
