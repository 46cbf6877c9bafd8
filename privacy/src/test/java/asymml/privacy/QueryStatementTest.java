package asymml.privacy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class QueryStatementTest {
  private static final Delta DELTA = new Delta(1e-5);
  private static final Release WEIGHTS =
      new Release(Channel.WEIGHTS, "b", 30, new Release.PostProcessing("the model"));

  private static Release residual(String layer, double z) {
    return new Release(
        Channel.RESIDUALS,
        layer,
        100,
        new Release.Gaussian(new ClipNorm(7), new NoiseMultiplier(z)));
  }

  private static QueryStatement of(int workers, Release... releases) {
    return QueryStatement.of(List.of(releases), workers, DELTA, 12, "the model's line");
  }

  /// Of one Gaussian mechanism with `1/z^2` as given, in closed form.
  private static double exact(double inverseSquares) {
    return Events.epsilon(
        new GaussianAccountant(), Events.gaussian(1 / Math.sqrt(inverseSquares)), 1e-5);
  }

  @Test
  void a_query_costs_its_releases_composed_and_nothing_for_weights_or_other_images() {
    QueryStatement statement = of(1, residual("a", 3), residual("b", 4), WEIGHTS);
    double once = 1 / 9.0 + 1 / 16.0;
    assertThat(statement.epsilon().value()).isCloseTo(exact(once), within(1e-4));
    assertThat(statement.twice().value()).isCloseTo(exact(2 * once), within(1e-4));
    assertThat(statement.replaced().value()).isCloseTo(exact(4 * once), within(1e-4));
    assertThat(QueryStatement.of(List.of(residual("a", 3)), 1, DELTA, 1, "m").epsilon())
        .isEqualTo(QueryStatement.of(List.of(residual("a", 3)), 1, DELTA, 1000, "m").epsilon());
    assertThat(statement.epsilon().value())
        .as("never below the mechanism with unbounded noise")
        .isGreaterThanOrEqualTo(exact(once));
  }

  @Test
  void one_uncovered_release_leaves_no_guarantee_and_says_which() {
    Release basis =
        new Release(Channel.BASIS, "a", 6, new Release.Uncovered("fitted to the images"));
    QueryStatement statement = of(1, residual("a", 50), basis, WEIGHTS);
    assertThat(statement.epsilon().isFinite()).isFalse();
    assertThat(statement.twice().isFinite()).isFalse();
    assertThat(statement.replaced().isFinite()).isFalse();
    assertThat(statement.lines())
        .hasSize(2)
        .anySatisfy(line ->
            assertThat(line)
                .contains("no guarantee (epsilon infinite)", "basis (fitted to the images)"))
        .noneMatch(line -> line.contains("epsilon 0"));
    assertThat(statement.facts()).containsEntry("queryEpsilon", "infinite");
  }

  @Test
  void noise_so_small_that_the_sampler_s_tails_use_up_delta_guarantees_nothing() {
    QueryStatement statement = of(1, residual("a", 1e-4), WEIGHTS);
    assertThat(statement.epsilon().isFinite()).isFalse();
    assertThat(statement.lines().getFirst()).contains("no guarantee", "tails");
  }

  @Test
  void the_lines_hold_the_image_the_repetition_and_the_training_images() {
    QueryStatement statement = of(1, residual("a", 3), WEIGHTS);
    assertThat(statement.lines()).hasSize(3);
    assertThat(statement.lines().getFirst())
        .contains(
            "the worker's whole view of one query",
            PrivacyStatement.text(statement.epsilon()),
            "at delta 1.00e-05",
            PrivacyStatement.text(statement.replaced()) + " where it may be any other image");
    assertThat(statement.lines().get(1)).contains(PrivacyStatement.text(statement.twice()));
    assertThat(statement.lines().getLast()).contains("training images", "the model's line");
    assertThat(statement.assumptions()).isNotEmpty();
  }

  @Test
  void of_two_workers_the_statement_rests_on_their_not_colluding() {
    QueryStatement statement = of(2, residual("a", 10), WEIGHTS);
    assertThat(statement.lines())
        .anyMatch(line -> line.contains("any one worker's whole view"))
        .anyMatch(line -> line.contains("do not collude"));
    Map<String, Object> facts = statement.facts();
    assertThat(facts)
        .containsEntry("queries", 12L)
        .containsEntry("workers", 2)
        .containsEntry("releasesPerQuery", 1)
        .containsEntry("queryEpsilon", statement.epsilon().value());
  }

  @Test
  void queries_are_counted_from_0() {
    QueryStatement statement = of(1, residual("a", 3));
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            new QueryStatement(statement.once(), statement.replaced(), statement.twice(), -1, "m"))
        .withMessageContaining("-1");
  }
}
