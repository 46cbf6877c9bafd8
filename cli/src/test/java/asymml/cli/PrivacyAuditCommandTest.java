package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `asymml privacy audit` of small runs.
class PrivacyAuditCommandTest {
  @TempDir Path folder;

  private Path trained(String options) {
    Path run = folder.resolve("run");
    Outcome outcome =
        Outcome.of(
            ("train --data generated --mode trusted-only --limit-train 40 --limit-test 10 --epochs 1"
                    + " --threads 1 --progress plain %s --out %s")
                .formatted(options, run)
                .split(" "));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    return run;
  }

  /// With 2048 canaries a right step is refuted with a probability of at most 5 %, by the bound's
  /// construction; in fact of 0.3 %, since both error rates have to be off.
  @Test
  void the_steps_of_a_run_are_audited_and_the_report_is_kept() throws Exception {
    Path run = trained("--dp-sgd --noise-multiplier 1.5 --logical-batch-size 20 --batch-size 20");
    Outcome outcome =
        Outcome.of(
            ("privacy audit --audited-steps 2 --training-canaries 0 --threads 1 --json --run "
                    + run)
                .split(" "));
    JsonNode report = JsonMapper.shared().readTree(outcome.out());
    assertThat(report.get("noiseMultiplier").asDouble()).isEqualTo(1.5);
    JsonNode step = report.get("steps").get(0);
    assertThat(step.get("observer").asString()).isEqualTo("released model");
    assertThat(step.get("claimedMu").asDouble()).isEqualTo(1 / 1.5);
    assertThat(step.get("lowerMu").asDouble()).isBetween(0.3, 0.75);
    assertThat(report.has("training")).isFalse();
    assertThat(outcome.code()).isEqualTo(report.get("holds").asBoolean() ? 0 : 1);
    assertThat(JsonMapper.shared().readTree(Files.readString(run.resolve("audit.json"))))
        .isEqualTo(report);
  }

  @Test
  void a_run_without_dp_sgd_is_refused_in_a_line() {
    Path run = trained("--seed 2");
    Outcome outcome = Outcome.of("privacy", "audit", "--run", run.toString());
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err())
        .contains(run + " was not trained with --dp-sgd: only runs with DP-SGD can be audited");
  }

  @Test
  void unusable_settings_are_refused_before_the_run_is_read() {
    assertThat(Outcome.of("privacy", "audit", "--run", "none", "--training-canaries", "99").err())
        .contains("an audit needs at least 100 canaries: 99");
    assertThat(Outcome.of("privacy", "audit", "--run", "none", "--audited-steps", "0").err())
        .contains("steps must be at least 1: 0");
  }
}
