package asymml.cli.table;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.analysis.score.Score;
import asymml.study.attack.AttackName;
import asymml.study.attack.AttackNote;
import asymml.study.attack.AttackReport;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

class AttackTableTest {
  private static String printed(AttackReport report) {
    StringWriter text = new StringWriter();
    AttackTable.print(report, new PrintWriter(text, true));
    return text.toString();
  }

  @Test
  void a_score_stands_between_chance_and_best() {
    assertThat(
            printed(
                new AttackReport(
                    List.of(
                        new Score("mask", "conv1", "mask accuracy", 0.9876, 0.5, 1, 0.0123),
                        new Score("image", "conv1", "PSNR, dB", 23.456, 10.2, 40, 0)),
                    List.of(),
                    2.34)))
        .startsWith(AttackReport.NOTICE)
        .containsPattern("mask +conv1 +mask accuracy +0\\.988 +0\\.500 +0\\.012 +1\\.000\n")
        .containsPattern("image +conv1 +PSNR, dB +23\\.5 +10\\.2 +- +40\\.0\n")
        .endsWith("\n2.3 s\n")
        .doesNotContain("not applied");
  }

  @Test
  void what_was_not_applied_follows_the_scores() {
    assertThat(
            printed(
                new AttackReport(
                    List.of(), List.of(new AttackNote(AttackName.IMAGE, "conv1", "too small")), 1)))
        .contains("not applied: image, conv1: too small\n");
  }
}
