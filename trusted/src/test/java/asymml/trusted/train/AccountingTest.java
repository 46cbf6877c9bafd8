package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PldAccountant;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Terms;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// 1000 examples, 50 a step: 20 steps an epoch, 40 in two.
class AccountingTest {
  private static final PrivacyRuns CLEAN = PrivacyRuns.clean();
  private static final NoiseStrength NONE = new NoiseStrength.None();

  private static Accounting accounting(PrivacyRuns run, @Nullable Ledger earlier) {
    return Accounting.of(
        run.config(),
        run.graph(),
        run.plan(),
        PrivacyRuns.EXAMPLES,
        () -> Terms.bounds(run.graph()),
        earlier);
  }

  private static PrivacyRuns budgeted(double target, Drawing drawing, Basis basis) {
    return CLEAN.with(NONE).with(PrivacyRuns.protecting(PrivacyRuns.ALL, target, drawing, basis));
  }

  private static boolean isGaussian(Release release) {
    return release.mechanism() instanceof Release.Gaussian;
  }

  private static double epsilon(Accounting run, long steps) {
    return run.ledger(steps).epsilon(AccountingTest::isGaussian, new PldAccountant()).value();
  }

  @ParameterizedTest
  @CsvSource({"3, POISSON, PUBLIC", "0.5, SHUFFLE, PUBLIC", "8, POISSON, DP"})
  void calibrated_noise_ends_inside_the_target_and_within_a_percent_of_it(
      double target, Drawing drawing, Basis basis) {
    Accounting run = accounting(budgeted(target, drawing, basis), null);
    assertThat(run.steps()).isEqualTo(40);
    double spent = epsilon(run, 40);
    System.out.printf("target %s, %s: %s%n", target, drawing, spent);
    assertThat(spent).isBetween(target * 0.99, target);
    // Everything is covered: the whole view costs no more than what is noised.
    assertThat(run.ledger(40).epsilon(_ -> true, new PldAccountant()).value())
        .isCloseTo(spent, within(1e-9));
  }

  @Test
  void a_target_for_residuals_alone_leaves_the_view_without_one() {
    PrivacyConfig residuals =
        PrivacyRuns.protecting(Set.of(Channel.RESIDUALS), 3.0, Drawing.SHUFFLE, Basis.PUBLIC);
    Accounting run = accounting(CLEAN.with(NONE).with(residuals), null);
    assertThat(epsilon(run, 40)).isBetween(2.97, 3.0);
    assertThat(run.ledger(40).epsilon(_ -> true, new PldAccountant())).isEqualTo(Epsilon.INFINITE);
  }

  @ParameterizedTest
  @CsvSource({"3, POISSON, PUBLIC", "3, POISSON, DP"})
  void given_noise_lasts_to_the_last_step_that_the_budget_buys(
      double target, Drawing drawing, Basis basis) {
    PrivacyRuns run =
        budgeted(target, drawing, basis).with(new NoiseStrength.Multiplier(3)).withEpochs(50);
    Accounting accounting = accounting(run, null);
    long last = accounting.steps();
    System.out.printf("%d steps at %s%n", last, epsilon(accounting, last));
    assertThat(last).isBetween(2L, 999L);
    assertThat(epsilon(accounting, last)).isLessThanOrEqualTo(target);
    assertThat(epsilon(accounting, last + 1)).isGreaterThan(target);
  }

  /// An example is in one step an epoch: a whole epoch costs what its first step does.
  @Test
  void a_shuffled_run_ends_with_an_epoch() {
    PrivacyRuns run =
        budgeted(3, Drawing.SHUFFLE, Basis.PUBLIC)
            .with(new NoiseStrength.Multiplier(10))
            .withEpochs(50);
    Accounting accounting = accounting(run, null);
    assertThat(accounting.steps()).isBetween(20L, 980L);
    assertThat(accounting.steps() % 20).isZero();
    assertThat(epsilon(accounting, accounting.steps())).isLessThanOrEqualTo(3);
    assertThat(epsilon(accounting, accounting.steps() + 1)).isGreaterThan(3);
  }

  @Test
  void a_budget_that_buys_all_steps_gives_all_and_one_that_buys_none_is_refused() {
    PrivacyRuns run = budgeted(3, Drawing.SHUFFLE, Basis.PUBLIC);
    assertThat(accounting(run.with(new NoiseStrength.Multiplier(1000)), null).steps())
        .isEqualTo(40);
    assertThatThrownBy(() -> accounting(run.with(new NoiseStrength.Multiplier(0.01)), null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("does not buy a single step");
    assertThat(accounting(CLEAN, null).steps()).isEqualTo(40); // no target, no end
  }

  private static PrivacyRuns resumable(boolean calibrated) {
    return budgeted(8, Drawing.SHUFFLE, Basis.DP)
        .with(calibrated ? NONE : new NoiseStrength.Ratio(300))
        .with(Clip.parse("20:0.5"));
  }

  /// Bounds that were found again, off by a share of themselves.
  private static Accounting resumed(PrivacyRuns run, double off, Ledger earlier) {
    return Accounting.of(
        run.config(),
        run.graph(),
        run.plan(),
        PrivacyRuns.EXAMPLES,
        () -> {
          Map<Channel, Map<String, ClipNorm>> norms = new EnumMap<>(Channel.class);
          Terms.bounds(run.graph())
              .norms()
              .forEach((channel, byLayer) -> {
                Map<String, ClipNorm> own = new HashMap<>(byLayer);
                own.replaceAll((_, norm) -> new ClipNorm(norm.value() * (1 + off)));
                norms.put(channel, own);
              });
          return new ReleaseTerms.Bounds(norms);
        },
        earlier);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void a_resumed_run_releases_what_the_earlier_one_did_whatever_the_order_of_sums(
      boolean calibrated) {
    PrivacyRuns run = resumable(calibrated);
    Accounting first = accounting(run, null);
    for (long begun : new long[] {1, 7, 40}) {
      for (double off : new double[] {0, 1e-5, -1e-5}) {
        Accounting resumed = resumed(run, off, first.ledger(begun));
        for (boolean refresh : new boolean[] {false, true}) {
          assertThat(resumed.releases().releases(refresh))
              .isEqualTo(first.releases().releases(refresh));
        }
        assertThat(resumed.steps()).isEqualTo(first.steps());
        assertThat(resumed.ledger(40)).isEqualTo(first.ledger(40));
      }
      assertChanged(() -> resumed(run, 0.01, first.ledger(begun)));
    }
  }

  private static void assertChanged(ThrowingCallable resume) {
    assertThatThrownBy(resume)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the ledger does not say what this run releases")
        .hasMessageNotContaining("\n");
  }

  private static Ledger edited(Ledger ledger, UnaryOperator<Release> edit) {
    return new Ledger(
        ledger.sampling(),
        ledger.delta(),
        ledger.entries().stream()
            .map(e -> new Ledger.Entry(e.releases().stream().map(edit).toList(), e.steps()))
            .toList());
  }

  private static Release withNoise(Release release, double factor) {
    return release.mechanism() instanceof Release.Gaussian(var clipNorm, var z)
        ? new Release(
            release.channel(),
            release.layer(),
            release.values(),
            new Release.Gaussian(clipNorm, new NoiseMultiplier(z.value() * factor)))
        : release;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void an_edited_ledger_is_refused(boolean calibrated) {
    PrivacyRuns run = resumable(calibrated);
    Ledger honest = accounting(run, null).ledger(17);
    List<Ledger> edits = new ArrayList<>();
    for (double factor : new double[] {3, 1.0 / 3, 1.01, 0.99}) {
      edits.add(edited(honest, release -> withNoise(release, factor)));
      Release one = honest.entries().getFirst().releases().getFirst();
      edits.add(edited(honest, r -> r.equals(one) ? withNoise(r, factor) : r));
    }
    edits.add(
        edited(
            honest,
            r ->
                new Release(
                    r.channel(), r.layer(), r.values(), new Release.PostProcessing("an edit"))));
    edits.add(
        edited(honest, r -> new Release(r.channel(), r.layer(), r.values() + 1, r.mechanism())));
    List<Ledger.Entry> entries = honest.entries();
    Ledger.Entry usual = entries.getFirst();
    Ledger.Entry renewal = entries.getLast();
    edits.add(new Ledger(honest.sampling(), new Delta(1e-4), entries));
    edits.add(new Ledger(honest.sampling(), honest.delta(), entries, 2));
    edits.add(
        new Ledger(
            new Sampling.Poisson(PrivacyRuns.EXAMPLES, PrivacyRuns.BATCH, 200),
            honest.delta(),
            entries));
    edits.add(new Ledger(new Sampling.Shuffled(PrivacyRuns.EXAMPLES, 20), honest.delta(), entries));
    edits.add(
        new Ledger(
            honest.sampling(),
            honest.delta(),
            List.of(
                new Ledger.Entry(
                    usual.releases().subList(1, usual.releases().size()), usual.steps()),
                renewal)));
    edits.add(
        new Ledger(
            honest.sampling(),
            honest.delta(),
            List.of(
                new Ledger.Entry(usual.releases(), usual.steps() + 1),
                new Ledger.Entry(renewal.releases(), renewal.steps() - 1))));
    for (Ledger edit : edits) {
      assertChanged(() -> accounting(run, edit));
    }
    assertThat(accounting(run, honest).ledger(17)).isEqualTo(honest);
  }

  @Test
  void a_target_that_only_noise_without_tails_could_reach_is_refused() {
    assertThatThrownBy(() -> accounting(budgeted(1e9, Drawing.SHUFFLE, Basis.PUBLIC), null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the noise sampler leaves out more than delta")
        .hasMessageNotContaining("\n");
  }

  @Test
  void a_delta_below_what_the_sampler_leaves_out_is_refused() {
    assertThatThrownBy(() -> accounting(CLEAN.with(new Delta(1e-20)), null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("delta 1.0E-20 is below what the noise sampler leaves out");
    assertThat(epsilon(accounting(CLEAN.with(new Delta(1e-12)), null), 40)).isFinite();
  }

  @Test
  void noise_that_ends_before_it_covers_an_example_is_planned_as_infinite() {
    Accounting run = accounting(CLEAN.with(new NoiseStrength.Multiplier(0.05)), null);
    assertThat(epsilon(run, 1)).isInfinite();
  }

  @ParameterizedTest
  @CsvSource({"PUBLIC, POISSON", "DP, POISSON", "DP, SHUFFLE"})
  void a_ledger_has_the_steps_that_were_begun_and_their_renewals(Basis basis, Drawing drawing) {
    Accounting run =
        accounting(CLEAN.with(PrivacyRuns.protecting(PrivacyRuns.ALL, null, drawing, basis)), null);
    for (long begun : new long[] {0, 1, 2, 10, 11, 40, 199, 201, 1000}) {
      Ledger ledger = run.ledger(begun);
      assertThat(ledger.steps()).isEqualTo(begun);
      long renewals =
          ledger.entries().stream()
              .filter(e -> e.releases().stream().anyMatch(r -> r.channel() == Channel.BASIS))
              .mapToLong(Ledger.Entry::steps)
              .sum();
      long due = LongStream.range(0, begun).filter(Refresh.DEFAULT::due).count();
      assertThat(renewals).as("after %d steps", begun).isEqualTo(basis == Basis.DP ? due : 0);
    }
  }

  @Test
  void the_slots_of_poisson_sampling_are_more_than_the_batch_and_overflow_takes_little_of_delta() {
    Accounting poisson = accounting(CLEAN, null);
    assertThat(poisson.slots()).isBetween(PrivacyRuns.BATCH + 1, PrivacyRuns.EXAMPLES / 2);
    assertThat(poisson.sampling().failure(40)).isLessThanOrEqualTo(1e-7);
    assertThat(poisson.ledger(40).accountedDelta(_ -> true).value()).isBetween(0.99e-5, 1e-5);
    PrivacyConfig shuffled =
        PrivacyRuns.protecting(PrivacyRuns.ALL, null, Drawing.SHUFFLE, Basis.PUBLIC);
    Accounting plain = accounting(CLEAN.with(shuffled), null);
    assertThat(plain.slots()).isEqualTo(PrivacyRuns.BATCH);
    assertThat(plain.sampling())
        .isEqualTo(new Sampling.Shuffled(PrivacyRuns.EXAMPLES, PrivacyRuns.BATCH));
  }

  @Test
  void given_clip_bounds_replace_those_of_public_images_channel_by_channel() {
    ReleaseTerms.Bounds calibrated = Terms.bounds(CLEAN.graph());
    Accounting run = accounting(CLEAN.with(Basis.DP).with(Clip.parse("20:0.5")), null);
    assertThat(run.releases().releases(true))
        .filteredOn(AccountingTest::isGaussian)
        .allSatisfy(release -> {
          ClipNorm expected =
              switch (release.channel()) {
                case RESIDUALS -> new ClipNorm(20);
                case GRADIENTS -> new ClipNorm(0.5);
                case WEIGHTS, BASIS -> calibrated.of(release.channel(), release.layer());
              };
          assertThat(((Release.Gaussian) release.mechanism()).clipNorm()).isEqualTo(expected);
        });
  }

  @Test
  void a_run_that_accounts_for_nothing_costs_everything_and_says_why() {
    for (PrivacyRuns run :
        List.of(
            CLEAN.with(PrivacyConfig.NONE),
            CLEAN.with(PrivacyConfig.NONE).with(NONE),
            CLEAN.with(PrivacyConfig.NONE).with(Mode.UNTRUSTED_ONLY))) {
      Accounting accounting = accounting(run, null);
      assertThat(accounting.steps()).isEqualTo(40);
      assertThat(accounting.usesPublicBasis()).isFalse();
      for (Channel channel : Set.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS)) {
        assertThat(accounting.ledger(1).epsilon(r -> r.channel() == channel, new PldAccountant()))
            .isEqualTo(Epsilon.INFINITE);
      }
      Stream<Release> releases = accounting.releases().releases(false).stream();
      assertThat(releases)
          .allSatisfy(
              release -> assertThat(release.mechanism()).isInstanceOf(Release.Uncovered.class));
    }
  }
}
