package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.trusted.train.LearningRateSchedule.Constant;
import asymml.trusted.train.LearningRateSchedule.Cosine;
import asymml.trusted.train.LearningRateSchedule.Step;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class LearningRateScheduleTest {
  @ParameterizedTest
  @MethodSource("warmingUpOverFourSteps")
  void the_warm_up_is_linear_and_ends_at_the_base(LearningRateSchedule schedule) {
    assertThat(schedule.at(0)).isEqualTo(0.1f);
    assertThat(schedule.at(1)).isEqualTo(0.2f);
    assertThat(schedule.at(2)).isEqualTo(0.3f);
    assertThat(schedule.at(3)).isEqualTo(0.4f);
    assertThat(schedule.at(4)).isEqualTo(0.4f);
    assertThatThrownBy(() -> schedule.at(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  static List<LearningRateSchedule> warmingUpOverFourSteps() {
    return List.of(
        new Constant(0.4f, 4),
        new Cosine(0.4f, 4, 100, 0),
        new Step(0.4f, 4, List.of(5), 0.1f, 10));
  }

  @Test
  void a_constant_stays() {
    assertThat(new Constant(0.25f, 0).at(0)).isEqualTo(0.25f);
    assertThat(new Constant(0.25f, 0).at(Long.MAX_VALUE)).isEqualTo(0.25f);
  }

  @Test
  void a_cosine_passes_its_quarters_and_stays_at_the_minimum() {
    LearningRateSchedule schedule = new Cosine(1, 20, 120, 0.2f);
    assertThat(schedule.at(20)).isEqualTo(1);
    assertThat(schedule.at(45)).isCloseTo(0.6f + 0.4f * (float) Math.sqrt(0.5), within(1e-6f));
    assertThat(schedule.at(70)).isCloseTo(0.6f, within(1e-6f));
    assertThat(schedule.at(119)).isBetween(0.2f, 0.201f);
    assertThat(schedule.at(120)).isEqualTo(0.2f);
    assertThat(schedule.at(Long.MAX_VALUE)).isEqualTo(0.2f);
  }

  @Test
  void a_cosine_never_rises_after_its_warm_up() {
    LearningRateSchedule schedule = new Cosine(0.1f, 3, 997, 0);
    for (long step = 3; step < 1100; step++) {
      assertThat(schedule.at(step + 1)).isLessThanOrEqualTo(schedule.at(step));
    }
  }

  @Test
  void steps_drop_at_the_first_step_of_each_milestone() {
    LearningRateSchedule schedule = new Step(0.8f, 0, List.of(2, 3), 0.5f, 10);
    assertThat(schedule.at(0)).isEqualTo(0.8f);
    assertThat(schedule.at(19)).isEqualTo(0.8f);
    assertThat(schedule.at(20)).isEqualTo(0.4f);
    assertThat(schedule.at(29)).isEqualTo(0.4f);
    assertThat(schedule.at(30)).isEqualTo(0.2f);
    assertThat(schedule.at(Long.MAX_VALUE)).isEqualTo(0.2f);
  }

  @Test
  void a_milestone_inside_the_warm_up_waits_for_its_end() {
    LearningRateSchedule schedule = new Step(1, 4, List.of(1), 0.5f, 2);
    assertThat(schedule.at(3)).isEqualTo(1);
    assertThat(schedule.at(4)).isEqualTo(0.5f);
  }

  @ParameterizedTest
  @ValueSource(floats = {0, -1, Float.NaN, Float.POSITIVE_INFINITY})
  void a_base_that_cannot_train_is_refused(float base) {
    assertThatThrownBy(() -> new Constant(base, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Cosine(base, 0, 1, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Step(base, 0, List.of(), 1, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void other_nonsense_is_refused() {
    assertRefused(() -> new Constant(1, -1), "warm-up");
    assertRefused(() -> new Cosine(1, 10, 10, 0), "more steps than its warm-up of 10");
    assertRefused(() -> new Cosine(1, 0, 10, 2), "minimum");
    assertRefused(() -> new Cosine(1, 0, 10, Float.NaN), "minimum");
    assertRefused(() -> new Step(1, 0, List.of(0), 0.1f, 1), "milestones");
    assertRefused(() -> new Step(1, 0, List.of(4, 4), 0.1f, 1), "milestones");
    assertRefused(() -> new Step(1, 0, List.of(), 0, 1), "factor");
    assertRefused(() -> new Step(1, 0, List.of(), 2, 1), "factor");
    assertRefused(() -> new Step(1, 0, List.of(), 1, 0), "at least one step");
  }

  private static void assertRefused(Runnable making, String rule) {
    assertThatThrownBy(making::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(rule);
  }
}
