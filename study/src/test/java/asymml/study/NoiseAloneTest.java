package asymml.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.plan.RankPolicy;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NoiseAloneTest {
  private static List<RankPolicy> ranks(String... texts) {
    return Stream.of(texts).map(RankPolicy::parse).toList();
  }

  private static List<String> before(String... texts) {
    return NoiseAlone.before(ranks(texts)).stream().map(RankPolicy::toString).toList();
  }

  @Test
  void noise_alone_comes_first_wherever_it_was() {
    assertThat(before("8", "0", "2")).containsExactly("0", "8", "2");
  }

  @Test
  void noise_alone_is_added_where_it_is_missing() {
    assertThat(before("1/8")).containsExactly("0", "1/8");
    assertThat(before()).containsExactly("0");
  }

  @Test
  void a_rank_is_compared_once() {
    assertThat(before("4", "1/8", "4", "1/8")).containsExactly("0", "4", "1/8");
  }

  @ParameterizedTest
  @ValueSource(strings = {"schedule:2:32", "energy:0.1:1/2", "layers:0:4"})
  void a_rank_that_depends_on_layer_or_data_cannot_be_compared(String rank) {
    assertThatThrownBy(() -> before("0", rank))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("whole numbers and shares such as 1/8")
        .hasMessageContaining(rank);
  }
}
