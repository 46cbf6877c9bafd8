package asymml.privacy;

import static asymml.privacy.Ledgers.derived;
import static asymml.privacy.Ledgers.noised;
import static asymml.privacy.Ledgers.sampled;
import static asymml.privacy.Ledgers.shuffled;
import static asymml.privacy.Ledgers.steps;
import static asymml.privacy.Ledgers.uncovered;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PrivacyStatementTest {
  private static final String CAVEAT = "earlier steps' data unprotected";
  private static final Accountant EXACT = new GaussianAccountant();

  /// Every choice of covered (or absent) and uncovered channels.
  private static List<Ledger> covers() {
    List<Ledger> ledgers = new ArrayList<>();
    for (int open = 0; open < 16; open++) {
      List<Release> releases = new ArrayList<>();
      int bit = 1;
      for (Channel channel : Channel.values()) {
        boolean leaks = (open & bit) != 0;
        releases.add(leaks ? uncovered(channel, "why " + channel.label()) : noised(channel, 8));
        bit *= 2;
      }
      ledgers.add(shuffled(new Ledger.Entry(releases, 20)));
    }
    return ledgers;
  }

  private static boolean leaks(Ledger ledger, Channel channel) {
    return ledger.entries().getFirst().releases().stream()
        .filter(release -> release.channel() == channel)
        .anyMatch(release -> release.mechanism() instanceof Release.Uncovered);
  }

  @Test
  void the_whole_view_is_finite_only_if_every_channel_is_covered() {
    for (Ledger ledger : covers()) {
      PrivacyStatement statement = PrivacyStatement.of(ledger, EXACT);
      boolean covered = Arrays.stream(Channel.values()).noneMatch(c -> leaks(ledger, c));
      assertThat(statement.view().isFinite()).isEqualTo(covered);
      assertThat(statement.residuals().isFinite()).isEqualTo(!leaks(ledger, Channel.RESIDUALS));
      assertThat(statement.coversModel()).isEqualTo(covered);
      assertThat(statement.lines()).hasSize(covered ? 3 : 2);
      String whole = statement.lines().get(1);
      assertThat(whole).startsWith("the worker's whole view: epsilon ");
      assertThat(whole.contains("infinite")).isEqualTo(!covered);
      for (Channel channel : Channel.values()) {
        String why = "%s (why %1$s)".formatted(channel.label());
        assertThat(whole.contains(why)).as("%s", channel).isEqualTo(leaks(ledger, channel));
      }
    }
  }

  @Test
  void without_a_worker_the_statement_is_about_the_released_model() {
    Release joint = noised(Channel.WEIGHTS, 4);
    Sampling sampling = shuffled().sampling();
    for (Release release : List.of(joint, uncovered(Channel.WEIGHTS, "no noise"))) {
      PrivacyStatement statement =
          PrivacyStatement.of(
              new Ledger(
                  sampling, new Delta(1e-5), List.of(new Ledger.Entry(List.of(release), 20)), 0),
              EXACT);
      assertThat(statement.lines()).hasSize(1);
      assertThat(statement.lines().getFirst())
          .startsWith(
              release.equals(joint)
                  ? "released model: epsilon " + PrivacyStatement.text(statement.view())
                  : "released model: epsilon infinite, because of weights (no noise)");
      assertThat(statement.facts().containsKey("modelEpsilon")).isEqualTo(release.equals(joint));
      assertThat(statement.assumptions()).noneMatch(line -> line.contains("whole view"));
    }
  }

  /// Somebody's ledger without a noised gradient sum says nothing of a model.
  @Test
  void nothing_is_said_of_the_model_where_no_gradient_sum_is_noised() {
    PrivacyStatement statement =
        PrivacyStatement.of(
            shuffled(new Ledger.Entry(List.of(noised(Channel.RESIDUALS, 4)), 20)), EXACT);
    assertThat(statement.view().isFinite()).isTrue();
    assertThat(statement.lines()).noneMatch(line -> line.contains("model"));
    assertThat(statement.facts()).doesNotContainKey("modelEpsilon");
  }

  @Test
  void finite_residuals_always_say_where_leakage_about_weights_is_counted() {
    for (Ledger ledger : covers()) {
      String alone = PrivacyStatement.of(ledger, EXACT).lines().getFirst();
      assertThat(alone).startsWith("residuals alone: epsilon ");
      if (leaks(ledger, Channel.RESIDUALS)) {
        assertThat(alone).isEqualTo("residuals alone: epsilon infinite: why residuals");
      } else {
        assertThat(alone).contains(" at delta 1.00e-05");
        assertThat(alone).contains("; leakage about weights is ");
        assertThat(alone.contains(CAVEAT)).isEqualTo(leaks(ledger, Channel.WEIGHTS));
        assertThat(alone.contains("worker that returns wrong results"))
            .isEqualTo(leaks(ledger, Channel.WEIGHTS));
      }
    }
  }

  /// With two workers: z = 2 / sqrt(2), as below for the whole view.
  @Test
  void of_two_workers_both_masked_channels_are_counted_together_and_collusion_is_named() {
    Ledger one =
        shuffled(
            steps(
                10,
                noised(Channel.RESIDUALS, 2),
                noised(Channel.GRADIENTS, 2),
                uncovered(Channel.WEIGHTS, "sent unprotected")));
    Ledger two = new Ledger(one.sampling(), one.delta(), one.entries(), 2);
    PrivacyStatement statement = PrivacyStatement.of(two, EXACT);
    assertThat(statement.lines()).hasSize(3);
    assertThat(statement.lines().getFirst())
        .startsWith(
            "residuals and gradients, against any one worker: epsilon 2.944 at delta 1.00e-05")
        .contains(CAVEAT);
    assertThat(statement.lines().get(1))
        .isEqualTo(
            "any one worker's whole view: epsilon infinite, because of weights (sent unprotected)");
    assertThat(statement.lines().getLast()).contains("do not collude");
    assertThat(statement.assumptions())
        .anyMatch(line -> line.contains("do not share"))
        .anyMatch(line -> line.contains("key of the masks computes as it is asked to"))
        .anyMatch(line -> line.contains("k images of one person"));
    assertThat(statement.facts()).containsEntry("workers", 2);
    assertThat(PrivacyStatement.of(one, EXACT).assumptions())
        .noneMatch(line -> line.contains("do not share"));
  }

  @Test
  void two_lines_say_what_is_promised_and_of_what() {
    Ledger ledger =
        shuffled(
            steps(
                10,
                noised(Channel.RESIDUALS, 2),
                noised(Channel.GRADIENTS, 2),
                derived(Channel.WEIGHTS)));
    // z = 2 and 2 / sqrt(2), by bisection of Balle and Wang's curve in 40 digits (mpmath): 1.99309
    // and 2.94323.
    assertThat(PrivacyStatement.of(ledger, EXACT).lines())
        .containsExactly(
            "residuals alone: epsilon 1.994 at delta 1.00e-05; leakage about weights is counted in"
                + " the whole view's epsilon",
            "the worker's whole view: epsilon 2.944 at delta 1.00e-05");
  }

  @Test
  void the_reason_is_the_leak_and_not_what_else_the_channel_holds() {
    Ledger ledger =
        shuffled(steps(1, derived(Channel.WEIGHTS), uncovered(Channel.WEIGHTS, "no noise")));
    assertThat(PrivacyStatement.of(ledger, EXACT).lines().getLast())
        .isEqualTo("the worker's whole view: epsilon infinite, because of weights (no noise)");
  }

  @Test
  void no_part_is_said_to_cost_more_than_the_whole() {
    // Almost nothing beside the residuals: the bounds of both, each loose by its own rounding, came
    // out the wrong way round in these cases, by 1e-12 of themselves.
    expectOrdered(3.7, 1e6, 3500);
    expectOrdered(4.6, 1e6, 3500);
    expectOrdered(3.7, 1e6, 300);
    SplittableRandom random = new SplittableRandom(405);
    System.out.println("seed 405");
    for (int i = 0; i < 4; i++) {
      double z = Math.exp(random.nextDouble(-0.5, 1.5));
      expectOrdered(z, Math.exp(random.nextDouble(1, 15)), random.nextInt(1, 3000));
    }
  }

  private static void expectOrdered(double z, double times, long steps) {
    Ledger ledger =
        sampled(steps(steps, noised(Channel.RESIDUALS, z), noised(Channel.GRADIENTS, z * times)));
    PrivacyStatement statement = PrivacyStatement.of(ledger, new PldAccountant());
    for (PrivacyStatement.ChannelCost cost : statement.channels()) {
      assertThat(cost.epsilon()).as("z = %s", z).isLessThanOrEqualTo(statement.view());
    }
    assertThat(statement.residuals()).isEqualTo(statement.channels().getFirst().epsilon());
  }

  @Test
  void printed_epsilons_are_rounded_up_in_four_digits() {
    SplittableRandom random = new SplittableRandom(406);
    System.out.println("seed 406");
    List<Double> values = new ArrayList<>();
    for (int i = 0; i < 20_000; i++) {
      values.add(Math.exp(random.nextDouble(-20, 20)));
    }
    for (double edge : new double[] {1, 10, 1e6, 0.1, 9.999, 99.99, 1.0005, 2.3885, 0.9999}) {
      values.addAll(List.of(edge, Math.nextUp(edge), Math.nextDown(edge)));
    }
    for (double value : values) {
      String text = PrivacyStatement.text(new Epsilon(value));
      assertThat(text).matches("[0-9]+(\\.[0-9]*[1-9])?");
      assertThat(Double.parseDouble(text)).isGreaterThanOrEqualTo(value);
      assertThat(new BigDecimal(text))
          .isGreaterThanOrEqualTo(new BigDecimal(value))
          .isLessThanOrEqualTo(new BigDecimal(value).multiply(new BigDecimal("1.001")));
    }
    assertThat(PrivacyStatement.text(Epsilon.ZERO)).isEqualTo("0");
    assertThat(PrivacyStatement.text(new Epsilon(8))).isEqualTo("8");
    assertThat(PrivacyStatement.text(new Epsilon(Math.nextUp(8.0)))).isEqualTo("8.001");
    assertThat(PrivacyStatement.text(Epsilon.INFINITE)).isEqualTo("infinite");
  }

  @Test
  void printed_probabilities_are_rounded_up_too() {
    SplittableRandom random = new SplittableRandom(407);
    System.out.println("seed 407");
    for (int i = 0; i < 500; i++) {
      Delta delta = new Delta(Math.exp(random.nextDouble(-25, -1)));
      long steps = random.nextInt(1, 100_000);
      Sampling sampling = Sampling.Poisson.of(60_000, 256, steps, 0.3 * delta.value());
      PrivacyStatement statement =
          PrivacyStatement.of(new Ledger(sampling, delta, List.of(steps(steps))), EXACT);
      for (String line : statement.lines()) {
        double said = Double.parseDouble(line.replaceAll(".* delta ([^,;]*).*", "$1"));
        assertThat(said).isBetween(delta.value(), delta.value() * 1.0101);
      }
      String sampled = statement.assumptions().get(1);
      String overflow = sampled.replaceAll(".*at most ([^)]*)\\).*", "$1");
      double failure = sampling.failure(steps);
      assertThat(Double.parseDouble(overflow)).isBetween(failure, failure * 1.101);
    }
  }

  @Test
  void the_table_has_one_row_a_channel() {
    Ledger ledger =
        shuffled(
            steps(9, noised(Channel.RESIDUALS, 2), noised(Channel.RESIDUALS, 31.41592)),
            steps(1, noised(Channel.RESIDUALS, 2), derived(Channel.WEIGHTS)),
            steps(0, uncovered(Channel.WEIGHTS, "of no step"), noised(Channel.BASIS, 3)));
    List<String> table = PrivacyStatement.of(ledger, EXACT).table();
    assertThat(table)
        .hasSize(5)
        .element(0)
        .isEqualTo("channel    releases/step noise multiplier       epsilon");
    assertThat(table.get(1)).isEqualTo("residuals  2             2.000 to 31.42         1.998");
    assertThat(table.get(2)).isEqualTo("gradients  0             no release             0");
    assertThat(table.get(3))
        .isEqualTo(
            "weights    1             none                   0          a function of the rest");
    assertThat(table.get(4)).isEqualTo("basis      0             no release             0");
    PrivacyStatement leaking =
        PrivacyStatement.of(shuffled(steps(1, uncovered(Channel.BASIS, "why"))), EXACT);
    assertThat(leaking.table().get(4))
        .isEqualTo("basis      1             none                   infinite   why");
  }

  @Test
  void assumptions_name_adjacency_sampling_and_what_is_public() {
    List<String> shuffled = PrivacyStatement.of(shuffled(steps(20)), EXACT).assumptions();
    assertThat(shuffled).hasSize(7);
    assertThat(String.join("\n", shuffled)).contains("own noise", "none of the private ones");
    assertThat(shuffled.getFirst()).contains("null example", "the noise multipliers halve");
    assertThat(shuffled.get(1))
        .isEqualTo("shuffled batches of 10 of 95 examples, 20 steps; nothing is amplified");
    assertThat(PrivacyStatement.of(sampled(steps(20)), EXACT).assumptions().get(1))
        .isEqualTo(
            "Poisson sampling of 1000 examples at q = 0.0100000 in 1000 slots, 20 steps; overflow"
                + " (probability at most 0) is added to delta");
  }

  @Test
  void the_facts_are_those_of_the_statement() {
    for (Ledger ledger : covers()) {
      PrivacyStatement statement = PrivacyStatement.of(ledger, EXACT);
      Map<String, Object> facts = statement.facts();
      assertThat(facts)
          .containsEntry("statement", statement.lines())
          .containsEntry("assumptions", statement.assumptions())
          .containsEntry("delta", 1e-5)
          .containsEntry("residualEpsilon", fact(statement.residuals()))
          .containsEntry("viewEpsilon", fact(statement.view()))
          .containsEntry("steps", 20L)
          .containsEntry("examples", 95L)
          .containsEntry("workers", 1)
          .containsEntry("residualAndGradientEpsilon", fact(statement.masked()))
          .containsEntry("samplerDelta", ledger.leftOut(_ -> true))
          .hasSize(statement.coversModel() ? 12 : 11);
      List<Map<String, Object>> rows = new ArrayList<>();
      for (PrivacyStatement.ChannelCost cost : statement.channels()) {
        Channel channel = cost.channel();
        boolean leaks = leaks(ledger, channel);
        rows.add(
            Map.of(
                "channel",
                channel.label(),
                "releasesPerStep",
                1,
                "noiseMultipliers",
                leaks ? List.of() : List.of(8.0, 8.0),
                "epsilon",
                fact(cost.epsilon()),
                "reasons",
                leaks ? List.of("why " + channel.label()) : List.of()));
      }
      assertThat(statement.channels())
          .extracting(PrivacyStatement.ChannelCost::channel)
          .containsExactly(Channel.values());
      assertThat(facts.get("channels")).isEqualTo(rows);
    }
  }

  private static Object fact(Epsilon epsilon) {
    return epsilon.isFinite() ? epsilon.value() : "infinite";
  }
}
