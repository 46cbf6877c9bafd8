package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.report.ReportedAttacks.Score;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportedAttacksTest {
  @TempDir Path folder;

  @BeforeEach
  void write() throws IOException {
    ReportedSuite.write(folder);
  }

  @Test
  void a_suite_is_read_as_it_was_written() throws Exception {
    ReportedAttacks suite = ReportedAttacks.read(folder);
    assertThat(suite.complete()).isFalse();
    assertThat(suite.command()).isEqualTo("asymml attack --suite --out runs/attacks");
    assertThat(suite.setting())
        .isEqualTo("vgg11 on cifar10, 3 images in batches of 3, 3 epochs, seed 3; 12.5 s in all");
    assertThat(suite.plans())
        .extracting(ReportedAttacks.Plan::name)
        .containsExactly("base", "noise-1");
    assertThat(suite.plans().get(0).accuracy()).hasValue(0.5);
    assertThat(suite.plans().get(1).accuracy()).isEmpty();
    assertThat(suite.scores())
        .containsExactly(
            new Score(
                "base", "gradient-solve", "conv2", "cosine", 0.75, 0.5, 1, 0.03125, true, ""));
    assertThat(suite.table()).hasSize(2);
    assertThat(suite.table().get(1).value()).isNaN();
    assertThat(suite.pictures()).extracting(p -> p.png().isEmpty()).containsExactly(false, true);
  }

  @Test
  void only_a_directory_with_its_file_is_a_suite() {
    assertThat(ReportedAttacks.isOne(folder)).isTrue();
    assertThat(ReportedAttacks.isOne(folder.resolve("pictures"))).isFalse();
  }

  @Test
  void what_is_no_better_than_a_guess_has_no_share() {
    assertThat(score(0.02, 0.19, 0.04).share()).isZero();
    assertThat(score(0.3, 0.3, 0.3).share()).isZero();
    assertThat(score(0.2, 0.19, 0.04).share()).isEqualTo(1);
    assertThat(score(1, 0.5, 1).share()).isEqualTo(1);
    assertThat(score(0.75, 0.5, 1).share()).isEqualTo(0.5);
    assertThat(new Score("p", "a", "l", "m", 0.8, 0.5, 1, 0.15, false, "").share()).isZero();
  }

  private static Score score(double value, double chance, double best) {
    return new Score("p", "a", "l", "m", value, chance, best, 0, true, "");
  }

  @Test
  void a_file_of_another_format_is_refused() throws Exception {
    assertRefused("format", "asymml-attack-suite-9", "another format");
  }

  @Test
  void a_file_without_a_list_of_plans_is_refused() throws Exception {
    assertRefused("plans", "none", "is no attack suite of this program");
  }

  @Test
  void a_picture_outside_of_the_directory_is_refused() throws Exception {
    assertRefused(
        "pictures",
        List.of(ReportedSuite.picture("../" + folder.getFileName() + "/attacks.json")),
        "is no attack suite of this program");
  }

  private void assertRefused(String key, Object value, String said) throws IOException {
    Map<String, Object> changed = new LinkedHashMap<>(RunFile.read(folder.resolve("attacks.json")));
    changed.put(key, value);
    RunFile.write(folder.resolve("attacks.json"), changed);
    assertThatThrownBy(() -> ReportedAttacks.read(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(said)
        .hasMessageContaining("attacks.json");
  }

  @Test
  void a_picture_that_is_none_is_refused() throws Exception {
    Files.writeString(folder.resolve(ReportedSuite.PICTURE), "no picture");
    assertThatThrownBy(() -> ReportedAttacks.read(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is no PNG picture");
  }

  @Test
  void a_file_that_is_not_json_is_refused() throws Exception {
    Files.writeString(folder.resolve("attacks.json"), "{");
    assertThatThrownBy(() -> ReportedAttacks.read(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is not JSON");
  }
}
