package asymml.privacy;

import static asymml.privacy.Ledgers.derived;
import static asymml.privacy.Ledgers.epsilon;
import static asymml.privacy.Ledgers.noised;
import static asymml.privacy.Ledgers.sampled;
import static asymml.privacy.Ledgers.shuffled;
import static asymml.privacy.Ledgers.steps;
import static asymml.privacy.Ledgers.uncovered;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.math.BigDecimal;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class LedgerTest {
  private static final Accountant EXACT = new GaussianAccountant();
  private static final Accountant RENYI = new RdpAccountant();
  private static final Channel[] ALL = Channel.values();

  /// Of the closed form, whose bounds are above the truth by rounding only.
  private static double exact(double inverseSquares) {
    return Events.epsilon(EXACT, Events.gaussian(1 / Math.sqrt(inverseSquares)), 1e-5);
  }

  @Test
  void a_poisson_ledger_is_the_event_made_by_hand() {
    Ledger ledger =
        sampled(
            steps(7, noised(Channel.RESIDUALS, 3), noised(Channel.GRADIENTS, 4)),
            steps(0, noised(Channel.RESIDUALS, 1)),
            steps(2, noised(Channel.BASIS, 5), noised(Channel.RESIDUALS, 3)));
    assertThat(ledger.steps()).isEqualTo(9);
    PrivacyEvent expected =
        Events.all(
            Events.times(
                7, Events.sampled(0.01, Events.all(Events.gaussian(3), Events.gaussian(4)))),
            Events.times(
                2, Events.sampled(0.01, Events.all(Events.gaussian(5), Events.gaussian(3)))));
    assertThat(ledger.event(_ -> true)).isEqualTo(expected);
    assertThat(epsilon(ledger, RENYI, ALL))
        .isEqualTo(Events.epsilon(RENYI, expected, ledger.accountedDelta(_ -> true).value()));
    // What a step releases merges: 1/9 + 1/16 is that of z = 2.4. Beside it, the residuals alone.
    PrivacyEvent merged = Events.all(Events.run(0.01, 2.4, 7), Events.run(0.01, 3, 2));
    assertThat(epsilon(ledger, RENYI, Channel.RESIDUALS, Channel.GRADIENTS))
        .isCloseTo(Events.epsilon(RENYI, merged, 1e-5), within(1e-9));
    assertThat(epsilon(ledger, RENYI, Channel.RESIDUALS))
        .isCloseTo(Events.epsilon(RENYI, Events.run(0.01, 3, 9), 1e-5), within(1e-9));
  }

  @Test
  void a_shuffled_example_meets_one_step_an_epoch() {
    for (long epochs : new long[] {1, 2, 13}) {
      Ledger ledger = shuffled(steps(10 * epochs, noised(Channel.RESIDUALS, 7)));
      assertThat(epsilon(ledger, EXACT, ALL)).isCloseTo(exact(epochs / 49.0), within(1e-9));
    }
  }

  @Test
  void a_begun_epoch_counts_whole() {
    for (long steps = 0; steps <= 41; steps++) {
      Ledger ledger = shuffled(steps(steps, noised(Channel.RESIDUALS, 7)));
      long epochs = steps / 10 + (steps % 10 == 0 ? 0 : 1);
      double expected = epochs == 0 ? 0 : exact(epochs / 49.0);
      assertThat(epsilon(ledger, EXACT, ALL)).as("%d", steps).isCloseTo(expected, within(1e-9));
    }
  }

  @Test
  void of_shuffled_steps_the_one_that_releases_most_counts() {
    Ledger.Entry usual = steps(28, noised(Channel.RESIDUALS, 5));
    Ledger.Entry rare = steps(2, noised(Channel.RESIDUALS, 5), noised(Channel.BASIS, 2));
    Ledger.Entry never = steps(0, noised(Channel.RESIDUALS, 0.1));
    double expected = exact(3 * (1 / 25.0 + 1 / 4.0));
    for (Ledger ledger : List.of(shuffled(usual, rare, never), shuffled(never, rare, usual))) {
      assertThat(epsilon(ledger, EXACT, ALL)).isCloseTo(expected, within(1e-9));
      // Which one that is depends on what is asked for.
      assertThat(epsilon(ledger, EXACT, Channel.RESIDUALS))
          .isCloseTo(exact(3 / 25.0), within(1e-9));
      assertThat(epsilon(ledger, EXACT, Channel.BASIS)).isCloseTo(exact(3 / 4.0), within(1e-9));
    }
    // Many releases with more noise can be worse than one with less.
    Ledger many =
        shuffled(
            steps(5, noised(Channel.RESIDUALS, 1)),
            steps(
                5,
                noised(Channel.RESIDUALS, 1.3),
                noised(Channel.RESIDUALS, 1.3),
                noised(Channel.RESIDUALS, 1.3)));
    assertThat(epsilon(many, EXACT, ALL)).isCloseTo(exact(3 / 1.69), within(1e-9));
  }

  @Test
  void post_processing_costs_nothing() {
    Ledger.Entry bare = steps(20, noised(Channel.RESIDUALS, 3));
    Ledger.Entry more =
        steps(20, derived(Channel.WEIGHTS), noised(Channel.RESIDUALS, 3), derived(Channel.BASIS));
    assertThat(epsilon(sampled(more), RENYI, ALL)).isEqualTo(epsilon(sampled(bare), RENYI, ALL));
    assertThat(epsilon(shuffled(more), EXACT, ALL)).isEqualTo(epsilon(shuffled(bare), EXACT, ALL));
    assertThat(epsilon(sampled(more), RENYI, Channel.WEIGHTS)).isZero();
    assertThat(epsilon(shuffled(more), EXACT, Channel.WEIGHTS)).isZero();
  }

  @Test
  void one_uncovered_release_makes_its_channel_and_the_view_infinite_and_no_other() {
    for (Channel leak : ALL) {
      Ledger.Entry covered =
          steps(1_000_000, noised(Channel.RESIDUALS, 3000), noised(Channel.GRADIENTS, 4000));
      Ledger.Entry leaking = steps(1, noised(leak, 1000), uncovered(leak, "sent unprotected"));
      for (List<Ledger.Entry> entries :
          List.of(List.of(covered, leaking), List.of(leaking, covered))) {
        for (Sampling sampling :
            List.of(new Sampling.Shuffled(95, 10), new Sampling.Poisson(95, 10, 95))) {
          Ledger ledger = new Ledger(sampling, Ledgers.DELTA, entries);
          assertThat(epsilon(ledger, RENYI, ALL)).isInfinite();
          for (Channel channel : ALL) {
            assertThat(Double.isFinite(epsilon(ledger, RENYI, channel)))
                .as("%s where %s leak, %s", channel, leak, sampling)
                .isEqualTo(channel != leak);
          }
        }
      }
    }
  }

  @Test
  void an_uncovered_release_of_no_step_is_none() {
    Ledger.Entry never = steps(0, uncovered(Channel.WEIGHTS, "sent unprotected"));
    for (Ledger ledger : List.of(shuffled(never), sampled(never), shuffled(), sampled())) {
      assertThat(ledger.epsilon(_ -> true, RENYI)).isEqualTo(Epsilon.ZERO);
    }
  }

  @Test
  void overflow_is_taken_from_delta_and_never_less_than_all_of_it() {
    SplittableRandom random = new SplittableRandom(402);
    System.out.println("seed 402");
    for (int i = 0; i < 2000; i++) {
      long examples = random.nextInt(300, 100_000);
      Delta delta = new Delta(Math.exp(random.nextDouble(-30, -1)));
      long steps = random.nextInt(1, 100_000);
      Sampling sampling =
          Sampling.Poisson.of(examples, 256, steps, delta.value() * random.nextDouble(0.01, 1));
      Ledger ledger = new Ledger(sampling, delta, List.of(steps(steps)));
      BigDecimal spent =
          new BigDecimal(ledger.accountedDelta(_ -> true).value())
              .add(new BigDecimal(sampling.failure(steps)));
      assertThat(spent).isLessThanOrEqualTo(new BigDecimal(delta.value()));
      // Two roundings of delta are lost at most.
      assertThat(spent.doubleValue()).isGreaterThanOrEqualTo(delta.value() * (1 - 3 * 0x1p-53));
    }
  }

  @Test
  void narrower_slots_cost_epsilon() {
    double before = 0;
    for (int slots : new int[] {60_000, 390, 384, 365}) {
      Ledger ledger =
          new Ledger(
              new Sampling.Poisson(60_000, 256, slots),
              Ledgers.DELTA,
              List.of(steps(1000, noised(Channel.RESIDUALS, 1.1))));
      double epsilon = epsilon(ledger, RENYI, ALL);
      assertThat(epsilon).isGreaterThan(before);
      before = epsilon;
    }
  }

  @Test
  void overflow_that_uses_up_delta_is_an_error_and_not_a_number() {
    Ledger ledger =
        new Ledger(
            new Sampling.Poisson(60_000, 256, 300),
            Ledgers.DELTA,
            List.of(steps(1000, noised(Channel.RESIDUALS, 1.1))));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ledger.epsilon(_ -> true, RENYI))
        .withMessageContaining("overflow uses up all of delta");
  }

  @Test
  void the_view_never_costs_less_than_a_part_and_more_steps_never_less_than_fewer() {
    SplittableRandom random = new SplittableRandom(403);
    System.out.println("seed 403");
    for (int i = 0; i < 120; i++) {
      boolean poisson = i % 2 == 0;
      Sampling sampling =
          poisson ? new Sampling.Poisson(1000, 10, 1000) : new Sampling.Shuffled(95, 10);
      Accountant accountant = poisson ? RENYI : EXACT;
      Ledger ledger = Ledgers.random(random, sampling, 1);
      double view = epsilon(ledger, accountant, ALL);
      for (Channel channel : ALL) {
        assertThat(epsilon(ledger, accountant, channel)).isLessThanOrEqualTo(view);
        double pair = epsilon(ledger, accountant, channel, Channel.RESIDUALS);
        assertThat(pair)
            .isBetween(epsilon(ledger, accountant, channel), view)
            .isGreaterThanOrEqualTo(epsilon(ledger, accountant, Channel.RESIDUALS));
      }
      List<Ledger.Entry> longer =
          ledger.entries().stream()
              .map(entry -> new Ledger.Entry(entry.releases(), entry.steps() + 10))
              .toList();
      assertThat(epsilon(new Ledger(sampling, Ledgers.DELTA, longer), accountant, ALL))
          .isGreaterThanOrEqualTo(view);
    }
  }

  @Test
  void a_shuffled_ledger_never_costs_less_than_the_worst_order_of_its_steps() {
    // By hand: for each example the steps that it meets, one an epoch, are the costliest ones.
    SplittableRandom random = new SplittableRandom(404);
    System.out.println("seed 404");
    for (int i = 0; i < 200; i++) {
      Ledger ledger = Ledgers.random(random, new Sampling.Shuffled(95, 10), 1);
      double[] costs =
          ledger.entries().stream()
              .flatMapToDouble(
                  entry -> DoubleStream.generate(() -> inverseSquares(entry)).limit(entry.steps()))
              .sorted()
              .toArray();
      int epochs = (costs.length + 9) / 10;
      double met = 0;
      for (int k = 0; k < epochs; k++) {
        met += costs[costs.length - 1 - k];
      }
      double worst = met == 0 ? 0 : exact(met);
      assertThat(epsilon(ledger, EXACT, ALL)).isGreaterThanOrEqualTo(worst * (1 - 1e-9));
    }
  }

  private static double inverseSquares(Ledger.Entry entry) {
    double sum = 0;
    for (Release release : entry.releases()) {
      if (release.mechanism() instanceof Release.Gaussian(var _, var z)) {
        sum += Math.pow(z.value(), -2);
      }
    }
    return sum;
  }

  @Test
  void ledgers_that_cannot_be_are_refused() {
    assertThatIllegalArgumentException().isThrownBy(() -> steps(-1)).withMessageContaining("-1");
    Sampling sampling = new Sampling.Shuffled(95, 10);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Ledger(sampling, Delta.ZERO, List.of()));
    // More than a long can count would wrap to a negative number of steps.
    List<Ledger.Entry> endless = List.of(steps(Long.MAX_VALUE), steps(1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Ledger(sampling, Ledgers.DELTA, endless))
        .withMessageContaining("2^63 - 1");
    assertThat(new Ledger(sampling, Ledgers.DELTA, endless.subList(0, 1)).steps())
        .isEqualTo(Long.MAX_VALUE);
  }
}
