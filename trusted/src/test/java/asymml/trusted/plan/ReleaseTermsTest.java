package asymml.trusted.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Release;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.ReleaseTerms.Accounted;
import asymml.trusted.plan.ReleaseTerms.Bounds;
import asymml.trusted.plan.ReleaseTerms.Unaccounted;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReleaseTermsTest {
  private static final Graph CNN = Zoo.build("cnn", new Shape(8, 8, 3), 10, Zoo.Norm.GROUP);
  private static final Bounds BOUNDS = Terms.bounds(CNN);
  private static final NoiseStrength NOISE = new NoiseStrength.Multiplier(0.5);
  private static final Set<Channel> RESIDUALS = Terms.PROTECTED.get(0);
  private static final Set<Channel> BOTH = Terms.PROTECTED.get(1);
  private static final Set<Channel> ALL = Terms.PROTECTED.get(2);

  private static Plan plan(String rank) {
    return Plan.of(
        CNN, Mode.ASYMML, Decomposition.SHARED, RankPolicy.parse(rank), List.of(Plan.FIRST));
  }

  private static Accounted terms(Set<Channel> channels, Bounds bounds, Shield shield) {
    return new Accounted(NOISE, channels, Basis.PUBLIC, bounds, shield);
  }

  private static Bounds without(Channel... channels) {
    Map<Channel, Map<String, ClipNorm>> norms = new EnumMap<>(Channel.class);
    norms.putAll(BOUNDS.norms());
    for (Channel channel : channels) {
      norms.remove(channel);
    }
    return new Bounds(norms);
  }

  @Test
  void masks_always_hide_gradients_too() {
    assertThatThrownBy(() -> terms(RESIDUALS, BOUNDS, new Shield.Shares(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("masks always hide gradients, too: [RESIDUALS]");
    assertThat(terms(BOTH, BOUNDS, new Shield.Shares(1)).channels()).isEqualTo(BOTH);
  }

  @Test
  void channels_are_copied() {
    Set<Channel> channels = new HashSet<>(ALL);
    Accounted terms = terms(channels, BOUNDS, new Shield.Residual());
    channels.clear();
    assertThat(terms.channels()).isEqualTo(ALL);
  }

  /// One example can stand on all the positions that are sampled.
  @ParameterizedTest
  @ValueSource(doubles = {0.01, 0.5, 0.999})
  void sampled_weight_gradients_have_no_bound(double positions) {
    Shield sampled = new Shield.Shares(positions);
    assertThatThrownBy(() -> new ReleasePlan(CNN, plan("1/8"), terms(ALL, BOUNDS, sampled)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("sampled weight gradient");
    ReleasePlan open = new ReleasePlan(CNN, plan("1/8"), terms(BOTH, BOUNDS, sampled));
    // They are computed here and never sent as such: the weights say what they were.
    assertThat(open.releases(true))
        .filteredOn(release -> release.channel() == Channel.WEIGHTS)
        .isNotEmpty()
        .allMatch(release -> release.mechanism() instanceof Release.Uncovered);
  }

  @Test
  void masks_need_no_bounds_of_what_they_hide_and_weights_do() {
    Shield masks = new Shield.Shares(1);
    Bounds weights = without(Channel.RESIDUALS, Channel.GRADIENTS, Channel.BASIS);
    assertThat(new ReleasePlan(CNN, plan("1/8"), terms(ALL, weights, masks)).releases(true))
        .isEqualTo(new ReleasePlan(CNN, plan("1/8"), terms(ALL, BOUNDS, masks)).releases(true));
    ReleasePlan none = new ReleasePlan(CNN, plan("1/8"), terms(ALL, new Bounds(Map.of()), masks));
    assertThatThrownBy(() -> none.releases(false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("there is no clip bound for the weights of");
    for (Channel channel : BOTH) {
      ReleasePlan lacking =
          new ReleasePlan(CNN, plan("1/8"), terms(ALL, without(channel), new Shield.Residual()));
      assertThatThrownBy(() -> lacking.releases(false))
          .hasMessageContaining("there is no clip bound for the " + channel.label());
    }
  }

  /// They are removed again: their noise costs precision alone, so that most of the budget is for
  /// noise that stays.
  @Test
  void masks_are_ten_times_the_noise_of_weights_where_both_are_paid_for() {
    for (Set<Channel> channels : List.of(BOTH, ALL)) {
      double more = channels.equals(ALL) ? 10 : 1;
      for (NoiseStrength noise : List.of(NOISE, new NoiseStrength.Ratio(3))) {
        Accounted terms =
            new Accounted(noise, channels, Basis.PUBLIC, BOUNDS, new Shield.Shares(1));
        for (Release release : new ReleasePlan(CNN, plan("1/8"), terms).releases(true)) {
          if (release.mechanism() instanceof Release.Gaussian(var clip, var z)) {
            double own = noise.sigma(1, Math.toIntExact(release.values()));
            boolean mask = release.channel() != Channel.WEIGHTS;
            assertThat(z.value()).isCloseTo(mask ? more * own : own, within(1e-12));
            if (mask) {
              assertThat(clip.value()).isEqualTo(Shield.Shares.NORM);
            }
          }
        }
      }
    }
  }

  @Test
  void what_is_not_accounted_for_is_uncovered_with_its_reason_whatever_noise_it_gets() {
    NoiseStrength none = new NoiseStrength.None();
    for (Unaccounted terms :
        List.of(
            new Unaccounted(none, "first reason"),
            new Unaccounted(NOISE, "second reason"),
            new Unaccounted(NOISE, NOISE, "third reason"))) {
      ReleasePlan plan = new ReleasePlan(CNN, plan("1/8"), terms);
      assertThat(plan.shield()).isEqualTo(new Shield.Residual());
      assertThat(plan.protectsWeights()).isFalse();
      for (Release release : plan.releases(true)) {
        assertThat(release.mechanism()).isInstanceOf(Release.Uncovered.class);
        String reason = ((Release.Uncovered) release.mechanism()).reason();
        String expected =
            switch (release.channel()) {
              case RESIDUALS -> terms.reason();
              case GRADIENTS ->
                  terms.gradients().isOn()
                      ? "the clip bound follows private data"
                      : "sent unprotected";
              case WEIGHTS -> "sent unprotected";
              case BASIS ->
                  "fitted to private batches, and visible as the null space of the residuals";
            };
        assertThat(reason).isEqualTo(expected);
      }
    }
  }

  @Test
  void inputs_of_layers_without_privacy_are_sent_unprotected_whatever_the_noise() {
    Plan open =
        Plan.of(CNN, Mode.UNTRUSTED_ONLY, Decomposition.SHARED, RankPolicy.parse("0"), List.of());
    ReleasePlan plan = new ReleasePlan(CNN, open, new Unaccounted(NOISE, "a reason"));
    assertThat(plan.releases(true))
        .isNotEmpty()
        .allMatch(release -> release.mechanism().equals(new Release.Uncovered("sent unprotected")));
  }
}
