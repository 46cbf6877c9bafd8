package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.trusted.plan.Basis;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrivacyConfigTest {
  private static PrivacyConfig config(
      Set<Channel> protect, @Nullable Epsilon target, double delta, Drawing drawing) {
    return new PrivacyConfig(
        protect, target, new Delta(delta), drawing, Basis.PUBLIC, new Clip.Public());
  }

  @ParameterizedTest
  @ValueSource(strings = {"median", "public", "20.0", "20.0:0.01", "20.0:0.01:0.05", "1.0E-9:3.0"})
  void clip_bounds_read_as_they_are_written(String text) {
    Clip clip = Clip.parse(text);
    assertThat(clip).hasToString(text);
    assertThat(Clip.parse(clip.toString())).isEqualTo(clip);
  }

  @Test
  void numbers_are_the_bounds_of_residuals_gradients_and_weights_in_this_order() {
    assertThat(Clip.parse("20")).isEqualTo(new Clip.Fixed(new ClipNorm(20), null, null));
    assertThat(Clip.parse("20:1"))
        .isEqualTo(new Clip.Fixed(new ClipNorm(20), new ClipNorm(1), null));
    assertThat(Clip.parse("20:1:5e-2"))
        .isEqualTo(new Clip.Fixed(new ClipNorm(20), new ClipNorm(1), new ClipNorm(0.05)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "Median",
        "mean",
        "0",
        "-1",
        "NaN",
        "Infinity",
        "1:",
        ":1",
        "1::2",
        "1:2:3:4",
        "1:2:",
        "1,2",
        "1:0",
        "1:2:-3",
        "twenty"
      })
  void what_is_no_clip_bound_is_refused_with_what_is(String text) {
    assertThatThrownBy(() -> Clip.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "clip '%s' is neither median nor public nor bounds from 1e-12 to 1e12 such as 20 or 20:0.01:0.05"
                .formatted(text));
  }

  /// It would read back as a bound of gradients.
  @Test
  void a_bound_of_weights_comes_with_one_of_gradients() {
    assertThatThrownBy(() -> new Clip.Fixed(new ClipNorm(1), null, new ClipNorm(2)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("gradients");
  }

  @Test
  void nothing_is_accounted_for_by_default() {
    assertThat(PrivacyConfig.NONE.accounted()).isFalse();
    assertThat(config(Set.of(Channel.RESIDUALS), null, 1e-5, Drawing.POISSON).accounted()).isTrue();
  }

  @Test
  void residuals_are_always_protected_and_weights_only_with_gradients() {
    for (Set<Channel> channels :
        Set.of(
            Set.of(Channel.GRADIENTS),
            Set.of(Channel.WEIGHTS),
            Set.of(Channel.GRADIENTS, Channel.WEIGHTS))) {
      assertThatThrownBy(() -> config(channels, null, 1e-5, Drawing.POISSON))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("residuals are always protected");
    }
    assertThatThrownBy(
            () -> config(Set.of(Channel.RESIDUALS, Channel.WEIGHTS), null, 1e-5, Drawing.POISSON))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("together with gradients");
  }

  @Test
  void a_setting_of_accounted_runs_in_one_that_is_not_is_refused() {
    Delta delta = new Delta(1e-5);
    Epsilon target = new Epsilon(1);
    Clip median = new Clip.Median();
    Clip open = new Clip.Public();
    Set<Channel> nothing = Set.of();
    assertThat(new PrivacyConfig(nothing, null, delta, Drawing.SHUFFLE, Basis.BATCH, median))
        .isEqualTo(PrivacyConfig.NONE);
    for (Runnable mistake :
        Set.<Runnable>of(
            () -> make(target, Drawing.SHUFFLE, Basis.BATCH, median),
            () -> make(null, Drawing.POISSON, Basis.BATCH, median),
            () -> make(null, Drawing.SHUFFLE, Basis.PUBLIC, median),
            () -> make(null, Drawing.SHUFFLE, Basis.DP, median),
            () -> make(null, Drawing.SHUFFLE, Basis.BATCH, open))) {
      assertThatThrownBy(mistake::run)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("name what it protects");
    }
  }

  private static void make(@Nullable Epsilon target, Drawing drawing, Basis basis, Clip clip) {
    var _ = new PrivacyConfig(Set.of(), target, new Delta(1e-5), drawing, basis, clip);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1})
  void a_delta_of_0_or_1_is_refused(double delta) {
    assertThatThrownBy(() -> config(Set.of(), null, delta, Drawing.SHUFFLE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("delta");
  }

  @Test
  void a_target_that_nothing_or_everything_meets_is_refused() {
    for (Epsilon target : Set.of(Epsilon.ZERO, Epsilon.INFINITE)) {
      assertThatThrownBy(() -> config(Set.of(Channel.RESIDUALS), target, 1e-5, Drawing.POISSON))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("target epsilon");
    }
  }

  @Test
  void the_channels_are_copied_and_described_in_a_fixed_order() {
    Set<Channel> channels =
        new HashSet<>(Set.of(Channel.WEIGHTS, Channel.RESIDUALS, Channel.GRADIENTS));
    PrivacyConfig config = config(channels, new Epsilon(3), 1e-5, Drawing.POISSON);
    channels.clear();
    assertThat(config)
        .hasToString(
            "protect residuals,gradients,weights, target 3.0, delta 1.0E-5, poisson, basis public,"
                + " clip public");
    assertThat(PrivacyConfig.NONE)
        .hasToString("protect none, target none, delta 1.0E-5, shuffle, basis batch, clip median");
  }
}
