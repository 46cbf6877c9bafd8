package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.Finding.Kind;
import asymml.trusted.train.FormalCheck;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FindingTest {
  private static final Finding RANGE = Finding.of(Kind.OUT_OF_RANGE, "threads", "must be 1: 0");
  private static final Finding SEVERAL = Finding.of(Kind.CONTRADICTION, "a and b go together");

  @Test
  void a_problem_follows_the_name_of_its_setting() {
    assertThat(RANGE.message()).isEqualTo("threads must be 1: 0");
    assertThat(RANGE.named("--threads")).isEqualTo("--threads must be 1: 0");
    Finding unreadable = Finding.of(Kind.UNREADABLE, "epochs", "'x' is not a whole number");
    assertThat(unreadable.message()).isEqualTo("epochs: 'x' is not a whole number");
    assertThat(unreadable.named("--epochs")).isEqualTo("--epochs: 'x' is not a whole number");
  }

  @Test
  void a_problem_of_several_settings_stands_for_itself() {
    assertThat(SEVERAL.setting()).isNull();
    assertThat(SEVERAL.message()).isEqualTo("a and b go together");
  }

  @Test
  void a_refusal_holds_all_findings_in_one_line_and_keeps_them() {
    List<Finding> found = new ArrayList<>(List.of(RANGE, SEVERAL));
    InvalidSpecException refusal = new InvalidSpecException(found);
    found.clear();
    assertThat(refusal).hasMessage("threads must be 1: 0; a and b go together");
    assertThat(refusal.findings()).containsExactly(RANGE, SEVERAL);
    assertThatThrownBy(() -> refusal.findings().clear())
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void what_a_check_refuses_keeps_its_cause() {
    IllegalArgumentException cause = new IllegalArgumentException("rank must be at least 0: -1");
    InvalidSpecException refusal = new InvalidSpecException(Kind.MISFIT, cause);
    assertThat(refusal).hasMessage("rank must be at least 0: -1").hasCause(cause);
    assertThat(refusal.findings())
        .containsExactly(Finding.of(Kind.MISFIT, "rank must be at least 0: -1"));
  }

  @ParameterizedTest
  @EnumSource
  void a_rule_of_accounting_that_is_broken_is_a_finding_of_the_same_name(FormalCheck.Rule rule) {
    assertThat(FormalFindings.of(new FormalCheck.Finding(rule, "this is wrong")))
        .isEqualTo(Finding.of(Kind.valueOf(rule.name()), "this is wrong"));
  }
}
