package asymml.trusted.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.ops.StepProfile.Phase;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/// Where time is booked, not how much: only that it does not run backwards.
class StepProfileTest {
  private static long total(StepProfile profile) {
    return Arrays.stream(Phase.values()).mapToLong(profile::nanos).sum();
  }

  private long now = 1000;

  private StepProfile profile(int nodes) {
    return new StepProfile(nodes, () -> now);
  }

  /// The clock moves on, so that what is booked is not 0.
  private void tick() {
    now += 7;
  }

  @Test
  void nothing_is_booked_at_first() {
    StepProfile profile = profile(3);
    for (Phase phase : Phase.values()) {
      assertThat(profile.nanos(phase)).isZero();
      for (int node = 0; node <= 3; node++) {
        assertThat(profile.nanos(node, phase)).isZero();
      }
    }
  }

  @Test
  void time_is_booked_on_the_node_and_the_kind_of_work_and_nowhere_else() {
    StepProfile profile = profile(3);
    profile.at(1);
    tick();
    profile.lap(Phase.NORM);
    long booked = profile.nanos(1, Phase.NORM);
    assertThat(booked).isPositive();
    assertThat(total(profile)).isEqualTo(booked);
    profile.at(2);
    tick();
    profile.lap(Phase.NORM);
    tick();
    profile.lap(Phase.WAIT);
    assertThat(profile.nanos(1, Phase.NORM)).isEqualTo(booked);
    assertThat(profile.nanos(2, Phase.NORM)).isPositive();
    assertThat(profile.nanos(2, Phase.WAIT)).isPositive();
    assertThat(profile.nanos(Phase.NORM))
        .isEqualTo(booked + profile.nanos(2, Phase.NORM))
        .isEqualTo(total(profile) - profile.nanos(Phase.WAIT));
  }

  @Test
  void laps_of_one_node_add_up() {
    StepProfile profile = profile(1);
    long before = 0;
    for (int i = 0; i < 3; i++) {
      profile.at(0);
      tick();
      profile.lap(Phase.DOOR);
      assertThat(profile.nanos(0, Phase.DOOR)).isGreaterThan(before);
      before = profile.nanos(0, Phase.DOOR);
    }
  }

  @Test
  void a_part_of_a_lap_is_moved_to_another_kind_of_work() {
    StepProfile profile = profile(2);
    profile.at(1);
    tick();
    long part = 1L << 40; // far more than the lap: the difference is exact all the same
    profile.lap(Phase.DOOR, Phase.DECOMPOSE, part);
    assertThat(profile.nanos(1, Phase.DECOMPOSE)).isEqualTo(part);
    assertThat(total(profile)).isEqualTo(profile.nanos(1, Phase.DOOR) + part).isPositive();
    profile.lap(Phase.DOOR, Phase.DECOMPOSE, 0);
    assertThat(profile.nanos(1, Phase.DECOMPOSE)).isEqualTo(part);
  }

  @Test
  void work_of_no_layer_is_booked_behind_the_last_one() {
    StepProfile profile = profile(2);
    boolean[] ran = new boolean[1];
    profile.time(
        Phase.UPDATE,
        () -> {
          tick();
          ran[0] = true;
        });
    assertThat(ran[0]).isTrue();
    assertThat(profile.nanos(2, Phase.UPDATE)).isPositive().isEqualTo(total(profile));
  }

  @Test
  void work_that_fails_is_not_booked() {
    StepProfile profile = profile(2);
    assertThatThrownBy(() ->
            profile.time(
                Phase.UPDATE,
                () -> {
                  throw new IllegalStateException("failed");
                }))
        .hasMessage("failed");
    assertThat(total(profile)).isZero();
  }

  @Test
  void a_reset_forgets_all_of_it() {
    StepProfile profile = profile(2);
    for (Phase phase : Phase.values()) {
      profile.at(1);
      tick();
      profile.lap(phase);
    }
    profile.reset();
    assertThat(total(profile)).isZero();
    profile.at(0);
    tick();
    profile.lap(Phase.SEND);
    assertThat(total(profile)).isEqualTo(profile.nanos(0, Phase.SEND)).isPositive();
  }

  @Test
  void labels_tell_the_kinds_of_work_apart() {
    assertThat(Phase.values()).extracting(Phase::label).doesNotHaveDuplicates().doesNotContain("");
  }
}
