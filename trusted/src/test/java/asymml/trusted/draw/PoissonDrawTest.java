package asymml.trusted.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.boundary.SeededSecureRandom;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The law of the draw, from a seeded generator: statistics that are normal to good approximation,
/// single ones at 4.5 standard deviations (false alarm 7e-6 each, 17 in this class), others by the
/// hundred at 6 (1e-7 each at most, 1800 in this class).
class PoissonDrawTest {
  private static final double ALARM = 4.5;
  private static final double ALARM_OF_MANY = 6;

  private static int[] order(int examples, double rate, int slots, int steps, long seed) {
    return new PoissonDraw(new SeededSecureRandom(seed)).order(examples, rate, slots, steps);
  }

  /// `[steps][examples]`: how often an example is in a step.
  private static int[][] taken(int[] order, int examples, int slots) {
    int[][] taken = new int[order.length / slots][examples];
    for (int i = 0; i < order.length; i++) {
      if (order[i] != PoissonDraw.NULL_EXAMPLE) {
        taken[i / slots][order[i]]++;
      }
    }
    return taken;
  }

  private static double sum(int[][] taken, int example) {
    return Arrays.stream(taken).mapToInt(step -> step[example]).sum();
  }

  /// A sum of squares of so many standard normal variables as a standard normal one, by Wilson and
  /// Hilferty (1931).
  private static double chiSquared(double sum, double freedom) {
    double variance = 2 / (9 * freedom);
    return (Math.cbrt(sum / freedom) - 1 + variance) / Math.sqrt(variance);
  }

  @ParameterizedTest
  @CsvSource({"200, 0.1", "200, 0.5", "50, 0.9", "500, 0.013"})
  void every_example_is_drawn_at_the_rate(int examples, double rate) {
    int steps = 3000;
    int[][] taken = taken(order(examples, rate, examples, steps, 60), examples, examples);
    double deviation = Math.sqrt(steps * rate * (1 - rate));
    double total = 0;
    double squares = 0;
    for (int i = 0; i < examples; i++) {
      double z = (sum(taken, i) - steps * rate) / deviation;
      assertThat(z).as("example %d", i).isBetween(-ALARM_OF_MANY, ALARM_OF_MANY);
      total += z;
      squares += z * z;
    }
    assertThat(total / Math.sqrt(examples)).isBetween(-ALARM, ALARM);
    assertThat(chiSquared(squares, examples)).isBetween(-ALARM, ALARM);
  }

  /// Products of centred draws: of any two of 30 examples in one step, and of one example in two
  /// steps that follow each other.
  @Test
  void examples_are_drawn_independently_of_each_other_and_of_the_step_before() {
    int examples = 30;
    double rate = 0.3;
    int steps = 6000;
    int[][] taken = taken(order(examples, rate, examples, steps, 61), examples, examples);
    double scale = rate * (1 - rate) * Math.sqrt(steps);
    for (int a = 0; a < examples; a++) {
      double next = 0;
      for (int s = 1; s < steps; s++) {
        next += (taken[s][a] - rate) * (taken[s - 1][a] - rate);
      }
      assertThat(next / scale).as("example %d", a).isBetween(-ALARM_OF_MANY, ALARM_OF_MANY);
      for (int b = 0; b < a; b++) {
        double together = 0;
        for (int[] step : taken) {
          together += (step[a] - rate) * (step[b] - rate);
        }
        assertThat(together / scale)
            .as("examples %d and %d", a, b)
            .isBetween(-ALARM_OF_MANY, ALARM_OF_MANY);
      }
    }
  }

  /// The number drawn is binomial: its variance shows what pairs do not, such as a fixed size.
  @Test
  void the_size_of_a_step_varies_as_that_of_independent_draws() {
    int examples = 400;
    double rate = 0.1;
    int steps = 5000;
    int[] order = order(examples, rate, 200, steps, 62);
    double variance = examples * rate * (1 - rate);
    double sum = 0;
    for (int s = 0; s < steps; s++) {
      long size =
          Arrays.stream(order, s * 200, (s + 1) * 200)
              .filter(i -> i != PoissonDraw.NULL_EXAMPLE)
              .count();
      sum += Math.pow(size - examples * rate, 2) / variance;
    }
    double kurtosis = (1 - 6 * rate * (1 - rate)) / variance;
    assertThat((sum - steps) / Math.sqrt(steps * (2 + kurtosis))).isBetween(-ALARM, ALARM);
  }

  @Test
  void a_drawn_example_sits_in_any_slot_alike_and_so_do_null_examples() {
    int examples = 20;
    int slots = 25;
    int steps = 20_000;
    int[] order = order(examples, 0.5, slots, steps, 63);
    for (int which : new int[] {PoissonDraw.NULL_EXAMPLE, 0, 7, 19}) {
      double[] counts = new double[slots];
      double variance = 0;
      for (int s = 0; s < steps; s++) {
        double held = 0;
        for (int i = 0; i < slots; i++) {
          if (order[s * slots + i] == which) {
            counts[i]++;
            held++;
          }
        }
        variance += held / slots * (1 - held / slots);
      }
      double mean = Arrays.stream(counts).sum() / slots;
      double squares = Arrays.stream(counts).map(c -> Math.pow(c - mean, 2)).sum();
      // What a step holds is fixed, so the slots of a step are not independent: one freedom less.
      assertThat(chiSquared(squares / variance * (slots - 1) / slots, slots - 1))
          .as("example %d", which)
          .isBetween(-ALARM, ALARM);
    }
  }

  @Test
  void the_slots_do_not_tell_the_order_of_the_examples() {
    int examples = 12;
    int slots = 12;
    int steps = 20_000;
    int[] order = order(examples, 0.8, slots, steps, 64);
    int[] place = new int[examples];
    int both = 0;
    int first = 0;
    for (int s = 0; s < steps; s++) {
      Arrays.fill(place, -1);
      for (int i = 0; i < slots; i++) {
        if (order[s * slots + i] != PoissonDraw.NULL_EXAMPLE) {
          place[order[s * slots + i]] = i;
        }
      }
      if (place[3] >= 0 && place[4] >= 0) {
        both++;
        first += place[3] < place[4] ? 1 : 0;
      }
    }
    assertThat(both).isGreaterThan(steps / 2);
    assertThat((first - both / 2.0) / Math.sqrt(both / 4.0)).isBetween(-ALARM, ALARM);
  }

  /// All 30 are drawn, 10 find room: every set of 10 alike.
  @Test
  void where_more_are_drawn_than_there_are_slots_a_uniform_choice_stays_out() {
    int examples = 30;
    int slots = 10;
    int steps = 6000;
    int[] order = order(examples, 1, slots, steps, 65);
    assertThat(order).doesNotContain(PoissonDraw.NULL_EXAMPLE);
    int[][] taken = taken(order, examples, slots);
    double share = 1.0 / 3;
    double squares = 0;
    for (int i = 0; i < examples; i++) {
      squares += Math.pow(sum(taken, i) - steps * share, 2) / (steps * share * (1 - share));
    }
    // The counts add up to a constant.
    assertThat(chiSquared(squares * (examples - 1) / examples, examples - 1))
        .isBetween(-ALARM, ALARM);
    double together = 10.0 * 9 / (30 * 29);
    double deviation = Math.sqrt(steps * together * (1 - together));
    for (int a = 0; a < examples; a++) {
      for (int b = 0; b < a; b++) {
        int pairs = 0;
        for (int[] step : taken) {
          pairs += step[a] * step[b];
        }
        assertThat((pairs - steps * together) / deviation)
            .as("examples %d and %d", a, b)
            .isBetween(-ALARM_OF_MANY, ALARM_OF_MANY);
      }
    }
  }

  @Test
  void nobody_is_twice_in_a_step_and_every_slot_holds_an_example_or_a_null_example() {
    SplittableRandom random = new SplittableRandom(66);
    System.out.println("seed 66");
    for (int trial = 0; trial < 200; trial++) {
      int examples = random.nextInt(1, 60);
      int slots = random.nextInt(1, 80);
      int steps = random.nextInt(1, 20);
      int[] order = order(examples, 1 - random.nextDouble(), slots, steps, trial);
      assertThat(order).hasSize(steps * slots);
      assertThat(Arrays.stream(order)).allMatch(i -> i >= PoissonDraw.NULL_EXAMPLE && i < examples);
      for (int[] step : taken(order, examples, slots)) {
        assertThat(Arrays.stream(step)).allMatch(times -> times <= 1);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {17, 18, 40})
  void at_rate_1_everyone_is_in_every_step_and_the_rest_is_null(int slots) {
    int[] everyone = IntStream.range(0, 17).toArray();
    int[] order = order(17, 1, slots, 300, 67);
    for (int s = 0; s < 300; s++) {
      int[] step = Arrays.copyOfRange(order, s * slots, (s + 1) * slots);
      Arrays.sort(step);
      assertThat(Arrays.copyOf(step, slots - 17)).isEqualTo(nulls(slots - 17));
      assertThat(Arrays.copyOfRange(step, slots - 17, slots)).isEqualTo(everyone);
    }
  }

  private static int[] nulls(int count) {
    int[] nulls = new int[count];
    Arrays.fill(nulls, PoissonDraw.NULL_EXAMPLE);
    return nulls;
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.MIN_VALUE, 0x1p-54, 1e-12})
  void a_rate_is_never_rounded_up(double rate) {
    assertThat(order(1000, rate, 3, 100, 68)).containsOnly(PoissonDraw.NULL_EXAMPLE);
  }

  @Test
  void every_draw_is_a_new_one() {
    PoissonDraw draw = new PoissonDraw(new SeededSecureRandom(69));
    int[] first = draw.order(100, 0.5, 100, 3);
    int[] second = draw.order(100, 0.5, 100, 3);
    assertThat(second).isNotEqualTo(first);
    assertThat(Arrays.copyOf(first, 100)).isNotEqualTo(Arrays.copyOfRange(first, 100, 200));
    assertThat(draw.order(5, 0.5, 5, 0)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0.5, 1, 1",
    "5, 0, 1, 1",
    "5, -0.1, 1, 1",
    "5, 1.0000001, 1, 1",
    "5, NaN, 1, 1",
    "5, 0.5, 0, 1",
    "5, 0.5, 1, -1"
  })
  void a_draw_that_is_none_is_refused(int examples, double rate, int slots, int steps) {
    PoissonDraw draw = new PoissonDraw(new SeededSecureRandom(70));
    assertThatThrownBy(() -> draw.order(examples, rate, slots, steps))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("no draw of");
  }

  @Test
  void more_steps_than_an_array_holds_are_refused() {
    PoissonDraw draw = new PoissonDraw(new SeededSecureRandom(71));
    assertThatThrownBy(() -> draw.order(5, 0.5, 1 << 16, 1 << 16))
        .isInstanceOf(ArithmeticException.class);
  }

  @Test
  void a_whole_step_leaves_no_example_out_and_grows_by_batches() {
    PoissonDraw draw = new PoissonDraw(new SeededSecureRandom(71));
    int[] all = draw.whole(37, 1, 10, 8);
    assertThat(all).hasSize(10 + 4 * 8);
    assertThat(Arrays.stream(all).filter(i -> i != PoissonDraw.NULL_EXAMPLE).sorted())
        .containsExactly(IntStream.range(0, 37).boxed().toArray(Integer[]::new));
    for (int step = 0; step < 50; step++) {
      assertThat(draw.whole(100, 0.1, 60, 8)).hasSize(60);
    }
  }

  /// Null examples are between them: a lone example is at each of the places equally often.
  @Test
  void the_places_of_a_whole_step_are_random() {
    int slots = 8;
    int steps = 8000;
    int[] at = new int[slots];
    PoissonDraw draw = new PoissonDraw(new SeededSecureRandom(72));
    for (int step = 0; step < steps; step++) {
      int[] places = draw.whole(1, 1, slots, slots);
      at[IntStream.range(0, slots).filter(i -> places[i] == 0).findFirst().orElseThrow()]++;
    }
    double expected = (double) steps / slots;
    double deviation = Math.sqrt(expected * (1 - 1.0 / slots));
    for (int count : at) {
      assertThat((count - expected) / deviation).isBetween(-ALARM_OF_MANY, ALARM_OF_MANY);
    }
  }
}
