package asymml.trusted.draw;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Statistical tests have fixed seeds; each bound is at 6 deviations: a false alarm has probability
/// 2e-9.
class SplitMix64Test {
  private static final int DRAWS = 100_000;

  /// The JDK's generator with its default step is the same algorithm.
  @ParameterizedTest
  @ValueSource(longs = {0, 1, -1, 42, Long.MIN_VALUE, 0x9E3779B97F4A7C15L})
  void the_stream_is_that_of_the_splittable_generator_of_the_jdk(long seed) {
    SplitMix64 ours = new SplitMix64(seed);
    SplittableRandom theirs = new SplittableRandom(seed);
    for (int i = 0; i < 1000; i++) {
      assertThat(ours.nextLong()).isEqualTo(theirs.nextLong());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 10, 207})
  void whole_numbers_below_a_bound_are_equally_frequent(int bound) {
    SplitMix64 random = new SplitMix64(103);
    int[] counts = new int[bound];
    for (int i = 0; i < DRAWS; i++) {
      counts[random.nextInt(bound)]++;
    }
    double p = 1.0 / bound;
    double deviation = Math.sqrt(DRAWS * p * (1 - p));
    for (int count : counts) {
      assertThat(Math.abs(count - DRAWS * p)).isLessThanOrEqualTo(6 * deviation + 1e-9);
    }
  }

  /// Two thirds of the range: a modulo of 2^32 values would prefer the lower half of it.
  @Test
  void a_bound_that_is_no_power_of_two_prefers_no_half() {
    int bound = 1_431_655_765;
    SplitMix64 random = new SplitMix64(104);
    int low = 0;
    for (int i = 0; i < DRAWS; i++) {
      int value = random.nextInt(bound);
      assertThat(value).isBetween(0, bound - 1);
      low += value < bound / 2 ? 1 : 0;
    }
    assertThat(Math.abs(low - DRAWS / 2.0)).isLessThan(6 * Math.sqrt(DRAWS) / 2);
  }

  @Test
  void reals_fill_their_interval_evenly() {
    SplitMix64 random = new SplitMix64(105);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < DRAWS; i++) {
      double value = random.nextDouble();
      assertThat(value >= 0 && value < 1).isTrue();
      sum += value;
      squares += value * value;
    }
    // Deviations of the means of x and x^2 for uniform x: sqrt(1/12) and sqrt(4/45) over sqrt(n).
    assertThat(Math.abs(sum / DRAWS - 0.5)).isLessThan(6 * Math.sqrt(1.0 / 12 / DRAWS));
    assertThat(Math.abs(squares / DRAWS - 1.0 / 3)).isLessThan(6 * Math.sqrt(4.0 / 45 / DRAWS));
    for (int i = 0; i < 1000; i++) {
      double value = random.between(-3, 7);
      assertThat(value >= -3 && value < 7).isTrue();
    }
  }

  @Test
  void coins_are_fair_and_forget_the_last_toss() {
    SplitMix64 random = new SplitMix64(106);
    int heads = 0;
    int same = 0;
    boolean last = false;
    for (int i = 0; i < DRAWS; i++) {
      boolean toss = random.nextBoolean();
      heads += toss ? 1 : 0;
      same += toss == last ? 1 : 0;
      last = toss;
    }
    assertThat(Math.abs(heads - DRAWS / 2.0)).isLessThan(6 * Math.sqrt(DRAWS) / 2);
    assertThat(Math.abs(same - DRAWS / 2.0)).isLessThan(6 * Math.sqrt(DRAWS) / 2);
  }

  /// Not the same stream, and not one that begins some steps later, which the plain seeds `seed +
  /// item * step` would give.
  @Test
  void streams_of_neighbouring_items_and_seeds_share_no_values() {
    Set<Long> seen = new HashSet<>();
    int draws = 0;
    for (long seed = 0; seed < 5; seed++) {
      for (long item = 0; item < 40; item++) {
        SplitMix64 random = SplitMix64.of(seed, item);
        for (int i = 0; i < 100; i++) {
          seen.add(random.nextLong());
          draws++;
        }
      }
    }
    // Two of 20,000 of 2^64 values are equal with probability 1e-11.
    assertThat(seen).hasSize(draws);
    assertThat(SplitMix64.of(3, 8).nextLong()).isEqualTo(SplitMix64.of(3, 8).nextLong());
  }
}
