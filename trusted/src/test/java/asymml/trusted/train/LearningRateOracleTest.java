package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.trusted.train.LearningRateSchedule.Constant;
import asymml.trusted.train.LearningRateSchedule.Cosine;
import asymml.trusted.train.LearningRateSchedule.Step;
import asymml.trusted.train.TrainConfig.Optimizer;
import asymml.trusted.train.TrainConfig.Schedule;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The schedules of whole runs against closed forms in double precision.
class LearningRateOracleTest {
  /// Two roundings to float32.
  private static final double ROUNDING = 2 * 0x1p-24;

  private static Optimizer optimizer(
      Schedule schedule, double warmUpEpochs, List<Integer> milestones) {
    return new Optimizer(0.3f, 0.9f, 0, schedule, warmUpEpochs, milestones, 0.2f);
  }

  static Stream<Arguments> runs() {
    return Stream.of(1L, 7L, 391L)
        .flatMap(stepsPerEpoch ->
            Stream.of(1, 2, 5, 30)
                .flatMap(epochs ->
                    Stream.of(0.0, 0.5, 1.0, 2.25)
                        .map(warmUp -> Arguments.of(stepsPerEpoch, epochs, warmUp))));
  }

  private static long warmUpSteps(long stepsPerEpoch, int epochs, double warmUpEpochs) {
    return Math.min(stepsPerEpoch * epochs - 1, Math.round(warmUpEpochs * stepsPerEpoch));
  }

  private static double rising(long step, long warmUp) {
    return 0.3f * (step + 1.0) / warmUp;
  }

  private static void assertRate(LearningRateSchedule schedule, long step, double expected) {
    assertThat((double) schedule.at(step))
        .as("step %d of %s", step, schedule)
        .isCloseTo(expected, within(expected * ROUNDING + 1e-9));
  }

  @ParameterizedTest
  @MethodSource("runs")
  void a_cosine_run_falls_along_half_a_cosine(long stepsPerEpoch, int epochs, double warmUp) {
    LearningRateSchedule schedule =
        optimizer(Schedule.COSINE, warmUp, List.of()).schedule(stepsPerEpoch, epochs);
    long total = stepsPerEpoch * epochs;
    long rise = warmUpSteps(stepsPerEpoch, epochs, warmUp);
    for (long s = 0; s < total; s += 1 + total / 97) {
      // The half-angle form: another than the one under test.
      double half = Math.cos(Math.PI / 2 * (double) (s - rise) / (double) (total - rise));
      assertRate(schedule, s, s < rise ? rising(s, rise) : 0.3f * half * half);
    }
    assertThat(schedule.at(total)).isZero();
    assertThat(schedule.at(rise)).isEqualTo(0.3f);
  }

  @ParameterizedTest
  @MethodSource("runs")
  void a_constant_run_rises_and_stays(long stepsPerEpoch, int epochs, double warmUp) {
    LearningRateSchedule schedule =
        optimizer(Schedule.CONSTANT, warmUp, List.of()).schedule(stepsPerEpoch, epochs);
    long total = stepsPerEpoch * epochs;
    long rise = warmUpSteps(stepsPerEpoch, epochs, warmUp);
    for (long s = 0; s < total; s += 1 + total / 97) {
      assertRate(schedule, s, s < rise ? rising(s, rise) : 0.3f);
    }
  }

  @ParameterizedTest
  @MethodSource("runs")
  void a_run_in_steps_has_lost_a_factor_for_each_milestone_passed(
      long stepsPerEpoch, int epochs, double warmUp) {
    List<Integer> milestones = List.of(1, 3, 4, 20);
    LearningRateSchedule schedule =
        optimizer(Schedule.STEP, warmUp, milestones).schedule(stepsPerEpoch, epochs);
    long total = stepsPerEpoch * epochs;
    long rise = warmUpSteps(stepsPerEpoch, epochs, warmUp);
    for (long s = 0; s < total; s += 1 + total / 97) {
      long step = s;
      long passed = milestones.stream().filter(m -> step >= m * stepsPerEpoch).count();
      assertRate(schedule, s, s < rise ? rising(s, rise) : 0.3f * Math.pow(0.2f, (double) passed));
    }
  }

  /// A run shorter than its warm-up still ends: the last step is left for the schedule.
  @ParameterizedTest
  @CsvSource({"10, 1, 5, 9", "10, 2, 5, 19", "1, 1, 3, 0", "10, 3, 0.04, 0", "10, 3, 0.05, 1"})
  void a_warm_up_is_rounded_to_steps_and_ends_before_the_run(
      long stepsPerEpoch, int epochs, double warmUp, long expected) {
    assertThat(optimizer(Schedule.CONSTANT, warmUp, List.of()).schedule(stepsPerEpoch, epochs))
        .isEqualTo(new Constant(0.3f, expected));
    assertThat(optimizer(Schedule.COSINE, warmUp, List.of()).schedule(stepsPerEpoch, epochs))
        .isEqualTo(new Cosine(0.3f, expected, stepsPerEpoch * epochs, 0));
    assertThat(optimizer(Schedule.STEP, warmUp, List.of(2)).schedule(stepsPerEpoch, epochs))
        .isEqualTo(new Step(0.3f, expected, List.of(2), 0.2f, stepsPerEpoch));
  }

  @Test
  void a_run_of_more_steps_than_an_int_counts_has_a_schedule() {
    LearningRateSchedule schedule =
        optimizer(Schedule.COSINE, 1, List.of()).schedule(Integer.MAX_VALUE, 4);
    assertThat(schedule.at(Integer.MAX_VALUE)).isEqualTo(0.3f);
    // Half of what is left after the warm-up.
    assertRate(schedule, Integer.MAX_VALUE + 3L * Integer.MAX_VALUE / 2, 0.15);
  }

  @Test
  void rates_that_cannot_train_have_no_optimiser() {
    assertRefused(() -> new Optimizer(0, 0, 0, Schedule.STEP, 0, List.of(), 1), "learning rate");
    assertRefused(
        () -> new Optimizer(Float.NaN, 0, 0, Schedule.STEP, 0, List.of(), 1), "learning rate");
    assertRefused(() -> new Optimizer(1, 1, 0, Schedule.STEP, 0, List.of(), 1), "momentum");
    assertRefused(() -> new Optimizer(1, -0.1f, 0, Schedule.STEP, 0, List.of(), 1), "momentum");
    assertRefused(() -> new Optimizer(1, 0, -1e-4f, Schedule.STEP, 0, List.of(), 1), "decay");
    assertRefused(() -> new Optimizer(1, 0, 0, Schedule.STEP, -1, List.of(), 1), "warm-up");
    assertRefused(() -> new Optimizer(1, 0, 0, Schedule.STEP, Double.NaN, List.of(), 1), "warm-up");
    assertRefused(
        () -> optimizer(Schedule.STEP, 0, List.of(3, 2)).schedule(10, 5), "increasing order");
  }

  private static void assertRefused(Runnable making, String rule) {
    assertThatThrownBy(making::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(rule);
  }
}
