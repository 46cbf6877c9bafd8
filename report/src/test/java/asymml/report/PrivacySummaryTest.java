package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.trusted.plan.Mode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PrivacySummaryTest {
  private static final Release.PostProcessing FUNCTION =
      new Release.PostProcessing("a function of noised gradient sums");
  private static final Release.Uncovered OPEN = new Release.Uncovered("sent unprotected");

  private static Release.Gaussian noise(double z) {
    return new Release.Gaussian(new ClipNorm(1), new NoiseMultiplier(z));
  }

  private static Release release(Channel channel, Release.Mechanism mechanism) {
    return new Release(channel, "conv2", 10, mechanism);
  }

  private static PrivacyStatement statement(int workers, Release... releases) {
    return PrivacyStatement.of(
        new Ledger(
            new Sampling.Shuffled(48, 16),
            new Delta(1e-5),
            List.of(new Ledger.Entry(List.of(releases), 6)),
            workers),
        new PldAccountant());
  }

  /// The cells of a summary, without its headings.
  private static List<List<String>> rows(PrivacyStatement statement) {
    List<List<String>> rows = new ArrayList<>();
    for (String line : new PrivacySummary(statement).lines()) {
      rows.add(List.of(line.split(" {2,}")));
    }
    assertThat(rows.removeFirst()).containsExactly("channel", "mechanism", "epsilon", "reason");
    return rows;
  }

  @Test
  void an_accounted_run_has_finite_numbers_and_the_whole_view_and_the_model_last() {
    PrivacyStatement statement =
        statement(
            1,
            release(Channel.RESIDUALS, noise(5)),
            release(Channel.GRADIENTS, noise(4)),
            release(Channel.GRADIENTS, noise(8)),
            release(Channel.WEIGHTS, noise(6)),
            release(Channel.WEIGHTS, FUNCTION));
    assertThat(statement.view().isFinite()).isTrue();
    List<List<String>> rows = rows(statement);
    assertThat(rows).extracting(List::getFirst).endsWith("whole view", "released model").hasSize(5);
    assertThat(rows.get(0))
        .containsExactly(
            "residuals",
            "Gaussian, z = 5.000",
            PrivacyStatement.text(statement.residuals()),
            "own noise only");
    assertThat(rows.get(1).get(1)).isEqualTo("Gaussian, z = 4.000 to 8.000");
    assertThat(rows.get(2).getLast())
        .isEqualTo("own noise only; a function of noised gradient sums");
    String view = PrivacyStatement.text(statement.view());
    assertThat(rows.get(3)).containsExactly("whole view", "the worker", view, "at delta 1e-5");
    assertThat(rows.getLast())
        .containsExactly("released model", "all parameters", view, "at delta 1e-5");
  }

  @Test
  void a_run_that_is_not_accounted_for_has_no_finite_number() {
    List<List<String>> rows =
        rows(PrivacyStatement.of(PlantedRun.unaccounted(), new PldAccountant()));
    assertThat(rows)
        .containsExactly(
            List.of("residuals", "not accounted", "infinite", "sent unprotected"),
            List.of("gradients", "not accounted", "infinite", "sent unprotected"),
            List.of("weights", "not accounted", "infinite", "sent unprotected"),
            List.of(
                "whole view",
                "the worker",
                "infinite",
                "at delta 1e-5, because of residuals, gradients, weights"));
  }

  @Test
  void a_finite_number_beside_unprotected_weights_says_what_it_does_not_count() {
    List<List<String>> rows =
        rows(statement(1, release(Channel.RESIDUALS, noise(5)), release(Channel.WEIGHTS, OPEN)));
    assertThat(rows.getFirst().getLast())
        .isEqualTo("own noise only; leakage about weights is not counted");
    assertThat(rows.getLast().get(2)).isEqualTo("infinite");
    assertThat(rows.getLast().getLast()).endsWith("because of weights");
  }

  @Test
  void a_channel_that_is_noised_in_part_is_infinite() {
    List<List<String>> rows =
        rows(statement(1, release(Channel.RESIDUALS, noise(5)), release(Channel.RESIDUALS, OPEN)));
    assertThat(rows.getFirst())
        .containsExactly(
            "residuals", "Gaussian, z = 5.000, in part", "infinite", "sent unprotected");
  }

  @Test
  void what_follows_from_another_channel_has_no_number_of_its_own() {
    List<List<String>> rows =
        rows(
            statement(1, release(Channel.GRADIENTS, noise(5)), release(Channel.WEIGHTS, FUNCTION)));
    assertThat(rows.get(1))
        .containsExactly("weights", "post-processing", "-", "a function of noised gradient sums");
  }

  @Test
  void two_workers_must_not_collude() {
    List<List<String>> rows = rows(statement(2, release(Channel.RESIDUALS, noise(5))));
    assertThat(rows.getLast().get(1)).isEqualTo("any one worker");
    assertThat(rows.getLast().getLast())
        .isEqualTo("at delta 1e-5; valid only if the two workers do not collude");
  }

  @Test
  void columns_begin_at_the_same_place() {
    List<String> lines =
        new PrivacySummary(statement(1, release(Channel.RESIDUALS, noise(5)))).lines();
    int epsilon = lines.getFirst().indexOf("epsilon");
    assertThat(lines)
        .allSatisfy(line -> {
          assertThat(line.charAt(epsilon)).isNotEqualTo(' ');
          assertThat(line.substring(epsilon - 2, epsilon)).isBlank();
        });
  }

  @Test
  void a_forecast_of_a_run_that_is_not_accounted_for_claims_nothing_and_tells_the_cost() {
    PrivacyForecast forecast = new PrivacyForecast(PlantedRun.CONFIG, PlantedRun.unaccounted());
    assertThat(forecast.notes()).singleElement().asString().contains("no (epsilon, delta)");
    assertThat(forecast.lines())
        .startsWith(forecast.notes().getFirst(), "after all steps:")
        .last()
        .asString()
        .startsWith("whole view")
        .contains("infinite");
  }

  @Test
  void a_baseline_without_privacy_says_so_first() {
    assertThat(
            new PrivacyForecast(
                    PlantedRun.CONFIG.withMode(Mode.UNTRUSTED_ONLY), PlantedRun.unaccounted())
                .notes())
        .singleElement()
        .asString()
        .startsWith("NO PRIVACY");
  }
}
