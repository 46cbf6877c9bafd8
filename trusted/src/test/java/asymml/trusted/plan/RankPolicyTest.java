package asymml.trusted.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.plan.RankPolicy.Energy;
import asymml.trusted.plan.RankPolicy.Fixed;
import asymml.trusted.plan.RankPolicy.Fraction;
import asymml.trusted.plan.RankPolicy.PerLayer;
import asymml.trusted.plan.RankPolicy.Schedule;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RankPolicyTest {
  @Test
  void every_form_of_the_command_line_is_read() {
    Map<String, RankPolicy> forms =
        Map.ofEntries(
            Map.entry("8", new Fixed(8)),
            Map.entry("0", new Fixed(0)),
            Map.entry(" 12\n", new Fixed(12)),
            Map.entry("1/8", new Fraction(1, 8)),
            Map.entry("3/3", new Fraction(3, 3)),
            Map.entry("schedule", new Schedule(2, 32)),
            Map.entry("schedule:4:64", new Schedule(4, 64)),
            Map.entry("energy:0.1", new Energy(0.1, new Fraction(1, 2))),
            Map.entry("energy:.05:1/4", new Energy(0.05, new Fraction(1, 4))),
            Map.entry("layers:7", new PerLayer(List.of(7))),
            Map.entry("layers:0:4:12", new PerLayer(List.of(0, 4, 12))));
    forms.forEach((text, policy) -> assertThat(RankPolicy.parse(text)).isEqualTo(policy));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "8",
        "0",
        "1/8",
        "schedule:2:32",
        "energy:0.1:1/2",
        "energy:0.00001:3/4",
        "layers:4:8:0"
      })
  void what_is_printed_can_be_read_again(String text) {
    RankPolicy policy = RankPolicy.parse(text);
    assertThat(RankPolicy.parse(policy.toString())).isEqualTo(policy);
    assertThat(policy).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "-1",
        "1.5",
        "1/",
        "/8",
        "1/8/2",
        "eight",
        "schedule:2",
        "schedule:2:",
        "schedule:2:3:4",
        "layers",
        "layers:",
        "layers:1:",
        "layers:1/2",
        "energy",
        "energy:",
        "energy:0.1:",
        "energy:0.1:2",
        "energy:1e-3",
        "energy:-0.1",
        "1234567",
        "١/٨",
        "8 8",
        "energy:0.1:1/2x"
      })
  void another_form_is_refused_with_the_accepted_ones(String text) {
    assertThatThrownBy(() -> RankPolicy.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "rank '" + text + "' is none of 8, 1/8, schedule:2:32, energy:0.1:1/2, layers:4:8");
  }

  @ParameterizedTest
  @CsvSource({
    "0/8, 'a rank fraction must be in (0, 1]: 0/8'",
    "9/8, 'a rank fraction must be in (0, 1]: 9/8'",
    "1/0, 'a rank fraction must be in (0, 1]: 1/0'",
    "schedule:0:4, 'a rank schedule needs 1 <= start <= cap: 0, 4'",
    "schedule:5:4, 'a rank schedule needs 1 <= start <= cap: 5, 4'",
    "energy:0, 'the residual''s share of the energy must be in (0, 1): 0.0'",
    "energy:1, 'the residual''s share of the energy must be in (0, 1): 1.0'",
    "energy:0.1:0/2, 'a rank fraction must be in (0, 1]: 0/2'"
  })
  void a_value_out_of_range_is_named(String text, String message) {
    assertThatThrownBy(() -> RankPolicy.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void a_negative_fixed_rank_and_a_share_that_is_no_number_are_refused() {
    assertThatThrownBy(() -> new Fixed(-1)).hasMessage("rank must be at least 0: -1");
    assertThatThrownBy(() -> new Energy(Double.NaN, new Fraction(1, 2)))
        .hasMessageContaining("NaN");
  }

  @ParameterizedTest
  @CsvSource({
    // channels, 1/8, 3/4, fixed 8
    "1, 1, 1, 1",
    "2, 2, 2, 2",
    "3, 2, 2, 3",
    "13, 2, 9, 8",
    "16, 2, 12, 8",
    "17, 2, 12, 8",
    "24, 3, 18, 8",
    "512, 64, 384, 8",
    "1000000, 125000, 750000, 8"
  })
  void ranks_at_awkward_channels(int channels, int eighth, int threeQuarters, int fixed) {
    assertThat(new Fraction(1, 8).resolve(0, channels).most()).isEqualTo(eighth);
    assertThat(new Fraction(3, 4).resolve(7, channels).most()).isEqualTo(threeQuarters);
    assertThat(new Fixed(8).resolve(3, channels).most()).isEqualTo(fixed);
    assertThat(new Energy(0.1, new Fraction(1, 8)).resolve(0, channels).most()).isEqualTo(eighth);
    assertThat(new Fixed(0).resolve(0, channels).most()).isZero();
  }

  @Test
  void a_schedule_doubles_from_layer_to_layer_up_to_its_cap() {
    Schedule schedule = new Schedule(2, 32);
    assertThat(IntStream.range(0, 8).map(layer -> schedule.resolve(layer, 512).most()))
        .containsExactly(2, 4, 8, 16, 32, 32, 32, 32);
    assertThat(IntStream.range(0, 4).map(layer -> schedule.resolve(layer, 3).most()))
        .containsExactly(2, 3, 3, 3);
    assertThat(schedule.resolve(1000, 512).most()).isEqualTo(32);
    assertThat(new Schedule(999_999, 999_999).resolve(29, 2_000_000).most()).isEqualTo(999_999);
    assertThat(new Schedule(3, 100).resolve(30, 1000).most()).isEqualTo(100);
  }

  @Test
  void no_policy_exceeds_the_channels_or_depends_on_data_unasked() {
    for (String text : new String[] {"8", "1/8", "1/1", "schedule", "energy:0.1"}) {
      RankPolicy policy = RankPolicy.parse(text);
      assertThat(policy.resolve(0, 16).residualShare())
          .isEqualTo(policy instanceof Energy ? 0.1 : 0);
      for (int channels = 1; channels < 70; channels++) {
        for (int layer = 0; layer < 40; layer += 13) {
          assertThat(policy.resolve(layer, channels).most()).isBetween(1, channels);
        }
      }
    }
  }

  @Test
  void ranks_by_layer_are_those_of_the_list_and_its_last_one_afterwards() {
    RankPolicy policy = RankPolicy.parse("layers:0:4:12");
    assertThat(IntStream.range(0, 5).map(layer -> policy.resolve(layer, 64).most()))
        .containsExactly(0, 4, 12, 12, 12);
    assertThat(policy.resolve(2, 8).most()).isEqualTo(8);
    assertThat(policy.resolve(1, 8)).isEqualTo(new Rank.Fixed(4));
    assertThatThrownBy(() -> new PerLayer(List.of())).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new PerLayer(List.of(1, -1)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
