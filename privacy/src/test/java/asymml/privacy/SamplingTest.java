package asymml.privacy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class SamplingTest {
  /// All slots of a small set; of a large one those at 0 to 12 deviations, and both ends.
  private static List<Sampling.Poisson> samplings() {
    List<Sampling.Poisson> all = new ArrayList<>();
    for (int examples : new int[] {2, 3, 5, 13, 97, 1000, 20_011, 1_000_003, 999_999_937}) {
      TreeSet<Integer> sizes = new TreeSet<>(List.of(1, 2, 7, 256));
      sizes.add(examples - 1);
      sizes.add(examples < 30_000 ? examples / 2 : 512);
      sizes.removeIf(batch -> batch < 1 || batch >= examples);
      for (int batch : sizes) {
        double deviation = Math.sqrt(batch * (1 - (double) batch / examples));
        TreeSet<Integer> slots = new TreeSet<>(List.of(batch, batch + 1, batch + 2));
        for (double distance = 0.5; distance <= 12; distance *= 1.7) {
          slots.add((int) (batch + distance * deviation) + 1);
        }
        if (examples < 30_000) {
          slots.add(examples - 2);
        }
        if (examples < 30_000 || batch == examples - 1) {
          slots.add(examples - 1);
        }
        slots.removeIf(s -> s < batch || s >= examples);
        slots.forEach(s -> all.add(new Sampling.Poisson(examples, batch, s)));
      }
    }
    return all;
  }

  /// The probability that the others leave no slot free.
  private static BigDecimal overflow(Sampling.Poisson p) {
    return BinomialTail.atLeast((int) p.examples() - 1, p.rate().value(), p.slots());
  }

  @Test
  void the_oracle_knows_small_tails() {
    // Of four fair coins at least three: (4 + 1) / 16.
    assertThat(BinomialTail.atLeast(4, 0.5, 3)).isEqualByComparingTo("0.3125");
    assertThat(BinomialTail.atLeast(3, 0.25, 3)).isEqualByComparingTo("0.015625");
    assertThat(BinomialTail.atLeast(3, 0.25, 1)).isEqualByComparingTo("0.578125");
  }

  @Test
  void the_overflow_bound_is_never_below_the_exact_probability() {
    assertThat(samplings()).hasSizeGreaterThan(250);
    for (Sampling.Poisson p : samplings()) {
      assertThat(new BigDecimal(p.failure(1))).as("%s", p).isGreaterThanOrEqualTo(overflow(p));
    }
  }

  @Test
  void the_bound_holds_where_the_last_slot_must_fill_and_chernoff_is_exact() {
    // q^n: here the bound has no slack but its rounding, and the quotient of shares is nearly 1.
    SplittableRandom random = new SplittableRandom(401);
    System.out.println("seed 401");
    for (int i = 0; i < 300; i++) {
      int examples = random.nextInt(2, 1_000_000_000);
      var p = new Sampling.Poisson(examples, examples - 1, examples - 1);
      BigDecimal exact = overflow(p);
      assertThat(new BigDecimal(p.failure(1))).as("%s", p).isGreaterThanOrEqualTo(exact);
      // 32 roundings of n log(1/q), which is about 1, and some more.
      assertThat(p.failure(1)).isLessThanOrEqualTo(exact.doubleValue() * (1 + 50 * 0x1p-53));
    }
  }

  @Test
  void the_overflow_bound_is_no_larger_than_the_method_of_types_allows() {
    // P(exactly k of n) >= e^(-n KL(k/n, q)) / (n + 1) (Cover and Thomas, theorem 11.1.4).
    for (Sampling.Poisson p : samplings()) {
      double limit = overflow(p).doubleValue() * p.examples() * (1 + 1e-9) + Double.MIN_NORMAL;
      assertThat(p.failure(1)).as("%s", p).isLessThanOrEqualTo(limit);
    }
  }

  @Test
  void a_probability_too_small_for_a_double_is_not_called_impossible() {
    var p = new Sampling.Poisson(100_000, 10, 50_000);
    assertThat(p.failure(1)).isPositive().isLessThan(Double.MIN_NORMAL);
  }

  @Test
  void with_a_slot_for_everybody_nothing_overflows() {
    for (int examples : new int[] {1, 2, 13, 1000}) {
      for (int batch : new int[] {1, (examples + 1) / 2, examples}) {
        var p = new Sampling.Poisson(examples, batch, examples);
        assertThat(p.failure(Long.MAX_VALUE)).as("%s", p).isZero();
      }
    }
  }

  @Test
  void slots_are_the_fewest_for_the_failure_asked() {
    for (long examples : new long[] {1, 2, 13, 1000, 50_000, 60_000, 1L << 40}) {
      for (int batch : new int[] {1, 2, 13, 256, 999, 1000, 50_000}) {
        for (double failure : new double[] {1e-300, 1e-12, 1e-7, 0.3, 1, 2}) {
          for (long steps : new long[] {1, 1000, 1L << 40}) {
            if (batch <= examples) {
              var p = Sampling.Poisson.of(examples, batch, steps, failure);
              assertThat(p.failure(steps)).as("%s", p).isLessThanOrEqualTo(failure);
              if (p.slots() > batch) {
                var tighter = new Sampling.Poisson(examples, batch, p.slots() - 1);
                assertThat(tighter.failure(steps)).as("%s", p).isGreaterThan(failure);
              }
            }
          }
        }
      }
    }
  }

  @Test
  void the_union_over_a_run_holds_exactly() {
    for (double failure : new double[] {1e-12, 1e-7, 1e-3}) {
      var p = Sampling.Poisson.of(50_000, 256, 14_040, failure);
      assertThat(overflow(p).multiply(BigDecimal.valueOf(14_040)))
          .isLessThanOrEqualTo(new BigDecimal(failure));
      // Not wasteful: even at the smallest, Chernoff's bound for a Poisson variable of mean 256
      // asks
      // for e^(-256 ((1 + d) log(1 + d) - d)) <= 1e-12 / 14040, so d = 0.586 and 407 slots.
      assertThat(p.slots()).isLessThanOrEqualTo(407);
    }
  }

  @Test
  void failure_grows_with_the_steps_and_shrinks_with_the_slots() {
    for (int slots = 256; slots < 420; slots++) {
      var p = new Sampling.Poisson(50_000, 256, slots);
      double before = 0;
      assertThat(p.failure(0)).isZero();
      for (long steps = 1; steps > 0 && steps < 1L << 60; steps *= 7) {
        double failure = p.failure(steps);
        assertThat(failure).isBetween(before, 1.0);
        assertThat(failure).isGreaterThan(before < 1 ? before : 0);
        assertThat(new Sampling.Poisson(50_000, 256, slots + 1).failure(steps))
            .isLessThanOrEqualTo(failure);
        before = failure;
      }
    }
  }

  @Test
  void shuffling_never_overflows() {
    assertThat(new Sampling.Shuffled(100, 7).failure(Long.MAX_VALUE)).isZero();
  }

  @Test
  void the_rate_is_the_expected_share() {
    assertThat(new Sampling.Poisson(50_000, 256, 400).rate()).isEqualTo(new SamplingRate(0.00512));
    assertThat(new Sampling.Poisson(3, 1, 2).rate()).isEqualTo(new SamplingRate(1.0 / 3));
  }

  @Test
  void sampling_everybody_has_rate_one_and_as_many_slots() {
    for (int examples : new int[] {1, 2, 3, 50_000}) {
      var p = Sampling.Poisson.of(examples, examples, 1L << 40, 1e-300);
      assertThat(p.slots()).isEqualTo(examples);
      assertThat(p.rate()).isEqualTo(new SamplingRate(1));
      assertThat(p.failure(1L << 40)).isZero();
    }
  }

  @Test
  void an_epoch_has_a_step_for_its_incomplete_batch() {
    assertThat(new Sampling.Shuffled(100, 10).stepsPerEpoch()).isEqualTo(10);
    assertThat(new Sampling.Shuffled(101, 10).stepsPerEpoch()).isEqualTo(11);
    assertThat(new Sampling.Poisson(99, 10, 99).stepsPerEpoch()).isEqualTo(10);
    assertThat(new Sampling.Shuffled(7, 7).stepsPerEpoch()).isEqualTo(1);
  }

  @Test
  void sizes_out_of_range_are_refused() {
    for (int[] bad : new int[][] {{0, 1}, {5, 0}, {5, -1}, {5, 6}, {-5, 1}}) {
      assertThatIllegalArgumentException().isThrownBy(() -> new Sampling.Shuffled(bad[0], bad[1]));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Sampling.Poisson(bad[0], bad[1], 5));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Sampling.Poisson.of(bad[0], bad[1], 1, 0.1));
    }
    for (int slots : new int[] {9, 0, -1}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Sampling.Poisson(100, 10, slots))
          .withMessageContaining("at least 10 slots: " + slots);
    }
  }

  @Test
  void questions_about_no_run_are_refused() {
    for (double failure : new double[] {0, -1e-9, Double.NaN}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Sampling.Poisson.of(100, 10, 1, failure));
    }
    assertThatIllegalArgumentException().isThrownBy(() -> Sampling.Poisson.of(100, 10, 0, 0.1));
    // A negative count would otherwise add to delta instead of taking from it.
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Sampling.Poisson(100, 10, 20).failure(-1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Sampling.Shuffled(100, 10).failure(-1));
  }
}
