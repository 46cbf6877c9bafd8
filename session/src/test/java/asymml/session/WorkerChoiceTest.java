package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerChoiceTest {
  @ParameterizedTest
  @ValueSource(
      strings = {"local", "cuda:0", "cuda:12", "unix:/tmp/w.sock", "tls:host.example:7000"})
  void a_choice_is_written_as_it_was_read(String text) {
    assertThat(WorkerChoice.parse(text)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "somewhere", "cuda:", "cuda:x", "cuda:12345", "tls:host", "unix:"})
  void what_names_no_worker_is_refused(String text) {
    assertThatThrownBy(() -> WorkerChoice.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void local_is_the_processor_of_this_machine() {
    assertThat(WorkerChoice.parse("local")).isEqualTo(new WorkerChoice.Local("cpu"));
    assertThatThrownBy(() -> new WorkerChoice.Local("gpu"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void only_tls_crosses_a_line() {
    assertThat(((WorkerChoice.Remote) WorkerChoice.parse("tls:a:1")).isTls()).isTrue();
    assertThat(((WorkerChoice.Remote) WorkerChoice.parse("unix:/a")).isTls()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "200", "all"})
  void a_limit_is_written_as_it_was_read(String text) {
    assertThat(Limit.parse(text)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "some", "1.5", ""})
  void what_is_no_limit_is_refused(String text) {
    assertThatThrownBy(() -> Limit.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("'" + text + "' is neither 1 or more images nor 'all'");
  }
}
