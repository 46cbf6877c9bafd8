package asymml.study.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.study.bench.BenchSpec.Network;
import asymml.study.bench.BenchSpec.Processes;
import asymml.study.bench.BenchSpec.Rounds;
import asymml.study.bench.BenchSpec.Split;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import java.util.List;
import org.junit.jupiter.api.Test;

class BenchSpecTest {
  static BenchSpec spec(Mode... modes) {
    return new BenchSpec(
        new Network("cnn", Zoo.Norm.BATCH, 32, 4),
        new Split(
            List.of(modes),
            RankPolicy.parse("1/8"),
            Decomposition.SHARED,
            List.of("first", "last"),
            0.1,
            new Shield.Residual()),
        new Rounds(2, 1, 2),
        new Processes(1, "cpu", 1));
  }

  private static BenchSpec withNoise(double ratio, Shield shield) {
    Split split = spec(Mode.ASYMML).split();
    return spec(Mode.ASYMML)
        .withSplit(
            new Split(
                split.modes(),
                split.rank(),
                split.decomposition(),
                split.trustedLayers(),
                ratio,
                shield));
  }

  @Test
  void counts_are_at_least_1() {
    assertThatThrownBy(() -> new Network("cnn", Zoo.Norm.BATCH, 0, 4))
        .hasMessage("image size must be at least 1: 0");
    assertThatThrownBy(() -> new Network("cnn", Zoo.Norm.BATCH, 32, 0))
        .hasMessage("batch size must be at least 1: 0");
    assertThatThrownBy(() -> new Rounds(0, 0, 1)).hasMessage("steps must be at least 1: 0");
    assertThatThrownBy(() -> new Rounds(1, 0, 0)).hasMessage("rounds must be at least 1: 0");
    assertThatThrownBy(() -> new Rounds(1, -1, 1))
        .hasMessage("warm-up must be at least 0 steps: -1");
    assertThatThrownBy(() -> new Processes(0, "cpu", 1))
        .hasMessage("threads must be at least 1: 0");
    assertThatThrownBy(() -> new Processes(1, "cpu", 0)).hasMessage("chunks must be 1 to 16: 0");
  }

  @Test
  void two_processes_share_the_processors() {
    assertThat(Processes.sharedThreads())
        .isEqualTo(Math.max(1, Runtime.getRuntime().availableProcessors() / 2));
  }

  @Test
  void nothing_is_accounted_for_with_one_worker() {
    assertThat(withNoise(0.1, new Shield.Residual()).terms())
        .isEqualTo(new ReleaseTerms.Unaccounted(new NoiseStrength.Ratio(0.1), "a benchmark"));
    assertThat(withNoise(0, new Shield.Residual()).terms())
        .isEqualTo(new ReleaseTerms.Unaccounted(new NoiseStrength.None(), "a benchmark"));
  }

  @Test
  void masks_hide_residuals_and_gradients() {
    assertThat(withNoise(1000, new Shield.Shares(1)).terms())
        .isInstanceOfSatisfying(
            ReleaseTerms.Accounted.class,
            terms -> {
              assertThat(terms.channels())
                  .containsExactlyInAnyOrder(Channel.RESIDUALS, Channel.GRADIENTS);
              assertThat(terms.shield()).isEqualTo(new Shield.Shares(1));
            });
  }

  @Test
  void noise_out_of_range_is_refused() {
    assertThatThrownBy(() -> withNoise(-1, new Shield.Residual()).terms())
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_point_has_a_plan_for_each_mode_in_their_order() {
    BenchPoint point = BenchPoint.of(spec(Mode.ASYMML, Mode.TRUSTED_ONLY));
    assertThat(point.plans().keySet()).containsExactly(Mode.ASYMML, Mode.TRUSTED_ONLY);
    assertThat(point.plan(Mode.TRUSTED_ONLY).needsWorker()).isFalse();
    assertThat(point.plan(Mode.ASYMML).placement("conv1")).isInstanceOf(Placement.Trusted.class);
    assertThat(point.plan(Mode.ASYMML).placement("conv2")).isInstanceOf(Placement.Split.class);
    assertThat(point.title()).isEqualTo("cnn, batch 4 of 32x32x3");
    assertThatThrownBy(() -> point.plan(Mode.DP_ONLY)).hasMessage("dp-only is not planned");
  }

  @Test
  void a_layer_that_is_not_there_is_refused() {
    BenchSpec spec = spec(Mode.ASYMML);
    Split split = spec.split();
    BenchSpec other =
        spec.withSplit(
            new Split(
                split.modes(),
                split.rank(),
                split.decomposition(),
                List.of("conv9"),
                0.1,
                split.shield()));
    assertThatThrownBy(() -> BenchPoint.of(other)).hasMessageContaining("conv9");
  }
}
