package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.analysis.score.Score;
import asymml.study.StudyException;
import asymml.trusted.run.RunFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A suite of one plan, the default's, on a small network and drawn images.
class AttackSuiteTest {
  @TempDir static Path folder;

  private static final Heard HEARD = new Heard();
  private static List<SuiteResult> results = List.of();

  private static final class Heard implements SuiteListener {
    private final List<String> lines = new ArrayList<>();

    @Override
    public void found(SuitePlan plan, int number) {
      lines.add("found " + plan.name() + " " + number);
    }

    @Override
    public void started(SuitePlan plan, int number) {
      lines.add("started " + plan.name() + " " + number);
    }

    @Override
    public void recorded(double seconds) {
      lines.add("recorded");
    }

    @Override
    public void attacked(AttackName attack, double seconds) {
      lines.add(attack.label());
    }
  }

  @BeforeAll
  static void run() throws Exception {
    results = suite(2, HEARD).run((_, _, _) -> {});
  }

  private static AttackSuite suite(int epochs, SuiteListener listener) {
    SuitePlan base =
        SuitePlan.all().stream().filter(p -> p.name().equals("base")).findFirst().orElseThrow();
    return new AttackSuite(
        new SuiteSpec(
            SuiteSpec.runs("generated", "cnn", 32, epochs, 1),
            List.of(base),
            new AttackSettings(4, 1024, 256, 5)),
        folder.resolve("suite"),
        "a test",
        listener);
  }

  private static double strongest(AttackName attack) {
    return results.getFirst().strongest(attack).map(Score::value).orElseThrow();
  }

  @Test
  void all_attacks_are_tried_those_on_few_images_on_a_run_of_their_own() {
    assertThat(HEARD.lines)
        .containsExactly(
            "started base 1",
            "recorded",
            "gradient-solve",
            "mask",
            "image",
            "subspace",
            "membership",
            "model-inversion",
            "released-membership",
            "recorded",
            "gradient-inversion");
    assertThat(results).extracting(SuiteResult::plan).containsExactly("base");
    assertThat(results.getFirst().trainAccuracy()).isPresent();
    assertThat(folder.resolve("suite/work")).doesNotExist();
  }

  @Test
  void the_file_has_all_that_was_found() throws Exception {
    Map<String, Object> facts = RunFile.read(folder.resolve("suite/attacks.json"));
    assertThat(facts)
        .containsEntry("format", "asymml-attack-suite-1")
        .containsEntry("complete", true)
        .containsEntry("notice", AttackReport.NOTICE);
    assertThat((List<?>) facts.get("attacks")).hasSize(AttackName.values().length);
    assertThat((List<?>) facts.get("table")).hasSize(AttackName.values().length);
    assertThat((List<?>) facts.get("scores")).hasSize(results.getFirst().scores().size());
  }

  /// The attacks that no noise of the default's stops.
  @Test
  void what_the_default_plan_does_not_protect_is_found() {
    assertThat(strongest(AttackName.MASK)).isGreaterThan(0.9);
    assertThat(strongest(AttackName.SUBSPACE)).isGreaterThan(0.9);
    assertThat(strongest(AttackName.MEMBERSHIP)).isGreaterThan(0.9);
    assertThat(strongest(AttackName.MODEL_INVERSION)).isGreaterThan(0.5);
    assertThat(results.getFirst().note(AttackName.IMAGE)).contains("not applied: image");
    assertThat(strongest(AttackName.RELEASED_MEMBERSHIP)).isBetween(0.0, 1.0);
  }

  @Test
  void the_verdict_names_them() {
    assertThat(results.getFirst().verdict())
        .startsWith("recovered: ")
        .contains(
            "activations by mask", "withheld directions by subspace", "images by model-inversion")
        .doesNotContain("gradient-inversion");
  }

  /// Five iterations find nothing, not even from clear gradients: no score may stand for that.
  @Test
  void an_attack_that_fails_at_its_best_says_so() {
    assertThat(results.getFirst().note(AttackName.GRADIENT_INVERSION))
        .contains("from clear gradients of this network", "in 5 iterations");
  }

  @Test
  void its_pictures_are_there() throws Exception {
    assertThat(results.getFirst().pictures()).hasSize(1);
    for (SuiteResult.Picture picture : results.getFirst().pictures()) {
      var image = ImageIO.read(folder.resolve("suite").resolve(picture.file()).toFile());
      assertThat(image.getWidth()).isEqualTo(picture.width());
      assertThat(image.getHeight()).isEqualTo(picture.height());
    }
  }

  @Test
  void a_second_call_reads_what_is_done_and_other_settings_do_not_mix_in() throws Exception {
    Heard again = new Heard();
    SuiteResult read = suite(2, again).run((_, _, _) -> {}).getFirst();
    assertThat(read.scores()).isEqualTo(results.getFirst().scores());
    assertThat(read.notes()).isEqualTo(results.getFirst().notes());
    assertThat(read.pictures()).isEqualTo(results.getFirst().pictures());
    assertThat(again.lines).containsExactly("found base 1");
    AttackSuite other = suite(3, new Heard());
    assertThatThrownBy(() -> other.run((_, _, _) -> {}))
        .isInstanceOf(StudyException.class)
        .hasMessageContaining("holds a suite of other settings");
  }
}
