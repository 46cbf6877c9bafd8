package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
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
  void the_count_of_a_run_is_the_number_of_its_steps_at_which_one_was_due() {
    for (int earlyEvery = 1; earlyEvery <= 12; earlyEvery++) {
      for (int earlySteps : new int[] {0, 1, 2, 5, 11, 12, 13, 24, 30, 200}) {
        for (int laterEvery = 1; laterEvery <= 17; laterEvery++) {
          Refresh refresh = new Refresh(earlyEvery, earlySteps, laterEvery);
          long expected = 0;
          for (long steps = 0; steps <= 260; steps++) {
            assertThat(refresh.count(steps)).as("%s, %d steps", refresh, steps).isEqualTo(expected);
            expected += refresh.due(steps) ? 1 : 0;
          }
        }
      }
    }
  }

  @Test
  void the_default_is_counted_far_beyond_its_early_steps() {
    assertThat(Refresh.DEFAULT.count(201)).isEqualTo(21);
    // 20 early ones, and the multiples of 50 from 200 on.
    assertThat(Refresh.DEFAULT.count(50L << 40)).isEqualTo(20 + (1L << 40) - 4);
    assertThat(new Refresh(10, Integer.MAX_VALUE, 1).count(Integer.MAX_VALUE + 5L))
        .isEqualTo(214_748_365L + 5);
  }

  @Test
  void a_refresh_without_a_step_between_is_refused() {
    for (int[] bad : new int[][] {{0, 1, 1}, {1, -1, 1}, {1, 1, 0}}) {
      assertThatThrownBy(() -> new Refresh(bad[0], bad[1], bad[2]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(bad[0] + ", " + bad[1] + ", " + bad[2]);
    }
  }

  @Test
  void inference_refreshes_with_its_first_batch_and_as_seldom_as_late_training() {
    for (Refresh refresh : List.of(Refresh.DEFAULT, new Refresh(3, 10, 7), new Refresh(1, 0, 4))) {
      for (long batch = 0; batch < 60; batch++) {
        assertThat(refresh.due(refresh.ofInference(batch)))
            .as("%s at %s", refresh, batch)
            .isEqualTo(batch % refresh.laterEvery() == 0);
      }
    }
  }
}
