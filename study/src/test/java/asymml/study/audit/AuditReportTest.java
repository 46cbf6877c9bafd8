package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class AuditReportTest {
  @SuppressWarnings(
      "NullAway") // It does not see the annotation of a nested class of another module.
  private static AuditReport report(double lowerMu, RunAudit.@Nullable Result training) {
    return new AuditReport(
        1.2228,
        7.86,
        1e-5,
        List.of(
            new StepAudit.View(
                "released model", 0.818, new MuEstimate(20_480, 3400, 3500, lowerMu, 0.95))),
        training);
  }

  private static RunAudit.Result training(double lower) {
    return new RunAudit.Result(
        1000,
        497,
        100,
        1e-5,
        0.9999,
        List.of(
            new RunAudit.Guesses("projection", 330, 190, lower),
            new RunAudit.Guesses("loss", 330, 170, 0)),
        0.95);
  }

  @Test
  void lower_bounds_stand_beside_claims_and_the_notice_is_always_there() {
    AuditReport report = report(0.779, training(0.1234));
    assertThat(report.holds()).isTrue();
    assertThat(report.lines())
        .contains(
            "claimed for the run: epsilon 7.86 at delta 1.0e-05, noise multiplier 1.2228",
            "  released model                     0.779       0.818  not refuted",
            "  projection                           190         330  0.12",
            "  epsilon: at least 0.12, claimed 1.00 at delta 1.0e-05: not refuted",
            "verdict: no claim is refuted",
            "note: an audit can refute a guarantee and cannot prove one: the guarantee rests on its"
                + " proof and the accountant, never on this");
    assertThat(report.facts()).containsEntry("holds", true).containsKey("training");
  }

  @Test
  void a_claim_below_its_lower_bound_is_refuted() {
    assertThat(report(0.819, null).holds()).isFalse();
    assertThat(report(0.819, null).lines())
        .anyMatch(line -> line.startsWith("verdict: a claim is REFUTED"));
    assertThat(report(0.5, training(1.2)).holds()).isFalse();
    assertThat(report(0.5, training(1.2)).facts()).containsEntry("holds", false);
    assertThat(report(0.5, null).facts()).doesNotContainKey("training");
  }
}
