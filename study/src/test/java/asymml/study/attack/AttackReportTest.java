package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.analysis.score.Score;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class AttackReportTest {
  private static final AttackSettings SETTINGS = new AttackSettings(3, 512, 64, 7);
  private static final AttackReport REPORT =
      new AttackReport(
          List.of(
              new Score("mask", "conv2", "activation cosine", 0.75, 0, 1, 0),
              new Score("image", "conv1", "PSNR, dB", 20, 11, Double.POSITIVE_INFINITY, 0)),
          List.of(new AttackNote(AttackName.GRADIENT_SOLVE, "conv1", "it is too large")),
          12.5);

  @TempDir Path folder;

  private AttackTarget target() {
    return new AttackTarget(
        folder.resolve("view.rec"),
        new RunLayout(folder.resolve("run")),
        PlantedStep.spec(4).training(),
        PlantedStep.images(4, 4));
  }

  private JsonNode written() throws IOException {
    Path file = folder.resolve("attack.json");
    REPORT.write(file, target(), SETTINGS);
    return JsonMapper.shared().readTree(Files.readString(file));
  }

  @Test
  void the_file_says_what_was_attacked_and_how_hard() throws Exception {
    JsonNode facts = written();
    assertThat(facts.get("notice").asString()).startsWith("PRIVATE");
    assertThat(facts.get("format").asString()).isEqualTo("asymml-attack-1");
    assertThat(facts.get("recording").asString()).isEqualTo(folder.resolve("view.rec").toString());
    assertThat(facts.get("truth").asString()).isEqualTo(folder.resolve("run").toString());
    assertThat(facts.get("seconds").asDouble()).isEqualTo(12.5);
    assertThat(facts.get("layers").asInt()).isEqualTo(3);
    assertThat(facts.get("maxUnknowns").asInt()).isEqualTo(512);
    assertThat(facts.get("publicImages").asInt()).isEqualTo(64);
    assertThat(facts.get("inversionIterations").asInt()).isEqualTo(7);
  }

  @Test
  void scores_are_read_back_with_their_places_even_without_a_best() throws Exception {
    JsonNode scores = written().get("scores");
    assertThat(scores).hasSize(2);
    assertThat(scores.get(0).propertyNames())
        .containsExactly("attack", "layer", "measure", "value", "chance", "best", "deviation");
    assertThat(scores.get(0).get("layer").asString()).isEqualTo("conv2");
    assertThat(scores.get(0).get("value").asDouble()).isEqualTo(0.75);
    assertThat(Double.parseDouble(scores.get(1).get("best").asString())).isInfinite();
  }

  @Test
  void what_was_left_out_is_told_in_sentences() throws Exception {
    assertThat(written().get("notApplied"))
        .singleElement()
        .extracting(JsonNode::asString)
        .isEqualTo("not applied: gradient-solve, conv1: it is too large");
    assertThat(REPORT.verdict())
        .isEqualTo("recovered: activations by mask (conv2, activation cosine 0.75, chance 0.00)");
  }

  @Test
  void a_file_is_its_owners_alone_and_takes_the_place_of_an_earlier_one() throws Exception {
    Path file = Files.writeString(folder.resolve("attack.json"), "earlier");
    assertThat(written().has("scores")).isTrue();
    assertThat(Files.getPosixFilePermissions(file))
        .containsExactlyInAnyOrder(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);
    Path nowhere = folder.resolve("nowhere/attack.json");
    assertThatThrownBy(() -> REPORT.write(nowhere, target(), SETTINGS))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot write " + nowhere + ": no such file or directory");
  }
}
