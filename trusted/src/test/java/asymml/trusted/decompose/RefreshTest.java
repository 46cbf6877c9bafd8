package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class RefreshTest {
  private static long[] due(Refresh refresh, long end) {
    return LongStream.range(0, end).filter(refresh::due).toArray();
  }

  @Test
  void early_steps_are_often_and_later_ones_rare() {
    assertThat(due(new Refresh(2, 6, 5), 21)).containsExactly(0, 2, 4, 10, 15, 20);
    assertThat(due(new Refresh(7, 0, 4), 9)).containsExactly(0, 4, 8);
    assertThat(due(new Refresh(1, 3, 1), 4)).containsExactly(0, 1, 2, 3);
  }

  @Test
  void the_default_is_every_10_steps_up_to_200_and_every_50_later() {
    assertThat(due(Refresh.DEFAULT, 301)).hasSize(23).startsWith(0, 10, 20).endsWith(200, 250, 300);
    assertThat(Refresh.DEFAULT.due(50L << 40)).isTrue();
  }

  @Test
  void a_refresh_without_a_step_between_is_refused() {
    for (int[] bad : new int[][] {{0, 1, 1}, {1, -1, 1}, {1, 1, 0}}) {
      assertThatThrownBy(() -> new Refresh(bad[0], bad[1], bad[2]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(bad[0] + ", " + bad[1] + ", " + bad[2]);
    }
  }
}
