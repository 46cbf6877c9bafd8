package asymml.privacy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class RecentAnswersTest {
  private int asked;

  private double ask(RecentAnswers<String> answers, String question) {
    return answers.answer(
        question,
        () -> {
          asked++;
          return question.length();
        });
  }

  @Test
  void a_question_is_answered_once_until_newer_ones_take_its_place() {
    RecentAnswers<String> answers = new RecentAnswers<>(2);
    assertThat(ask(answers, "a")).isEqualTo(1);
    assertThat(ask(answers, "bb")).isEqualTo(2);
    assertThat(ask(answers, "a")).isEqualTo(1);
    assertThat(asked).isEqualTo(2);
    ask(answers, "ccc"); // in the place of bb
    assertThat(ask(answers, "a")).isEqualTo(1);
    assertThat(asked).isEqualTo(3);
    assertThat(ask(answers, "bb")).isEqualTo(2);
    assertThat(asked).isEqualTo(4);
  }

  @Test
  void a_failure_is_not_kept() {
    RecentAnswers<String> answers = new RecentAnswers<>(2);
    assertThatThrownBy(() ->
            answers.answer(
                "q",
                () -> {
                  throw new ArithmeticException("did not converge");
                }))
        .hasMessage("did not converge");
    assertThat(ask(answers, "q")).isEqualTo(1);
  }
}
