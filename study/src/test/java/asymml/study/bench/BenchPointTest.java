package asymml.study.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Zoo;
import asymml.study.bench.BenchSpec.Network;
import asymml.trusted.check.Verification;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BenchPointTest {
  private static BenchSpec spec(String model, int imageSize, Mode... modes) {
    return BenchSpecTest.spec(modes).withNetwork(new Network(model, Zoo.Norm.GROUP, imageSize, 3));
  }

  private static int rank(Plan plan, String layer) {
    return plan.placement(layer) instanceof Split split ? split.rank().most() : -1;
  }

  @Test
  void a_point_is_the_network_on_square_colour_images_of_ten_classes() {
    BenchPoint point = BenchPoint.of(spec("resnet20", 16, Mode.ASYMML));
    assertThat(point.graph().input()).hasToString("16x16x3");
    assertThat(point.graph().classes()).isEqualTo(10);
    assertThat(point.batchSize()).isEqualTo(3);
    assertThat(point.title()).isEqualTo("resnet20, batch 3 of 16x16x3");
  }

  /// An eighth of 16 and of 32 channels; without directions in `dp-only`.
  @Test
  void each_mode_has_a_plan_of_its_own() {
    BenchPoint point =
        BenchPoint.of(
            spec("cnn", 8, Mode.DP_ONLY, Mode.UNTRUSTED_ONLY, Mode.TRUSTED_ONLY, Mode.ASYMML));
    assertThat(point.plans().keySet())
        .containsExactly(Mode.DP_ONLY, Mode.UNTRUSTED_ONLY, Mode.TRUSTED_ONLY, Mode.ASYMML);
    assertThat(rank(point.plan(Mode.ASYMML), "conv2")).isEqualTo(2);
    assertThat(rank(point.plan(Mode.ASYMML), "conv3")).isEqualTo(4);
    assertThat(rank(point.plan(Mode.DP_ONLY), "conv3")).isZero();
    assertThat(rank(point.plan(Mode.DP_ONLY), "conv1")).isEqualTo(-1);
    assertThat(point.plan(Mode.UNTRUSTED_ONLY).layers().values())
        .allMatch(Placement.Untrusted.class::isInstance);
    assertThat(point.plan(Mode.TRUSTED_ONLY).needsWorker()).isFalse();
  }

  @Test
  void a_mode_that_is_not_planned_is_named() {
    BenchPoint point = BenchPoint.of(spec("cnn", 8, Mode.ASYMML));
    assertThatThrownBy(() -> point.plan(Mode.TRUSTED_ONLY))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("trusted-only is not planned");
  }

  @ParameterizedTest
  @CsvSource({
    "perceptron, 32, no model is called 'perceptron'; there are cnn",
    "cnn, 4, pool3",
  })
  void what_cannot_be_built_is_refused_in_a_line(String model, int imageSize, String why) {
    assertThatThrownBy(() -> BenchPoint.of(spec(model, imageSize, Mode.ASYMML)))
        .isInstanceOf(IllegalArgumentException.class)
        .message()
        .contains(why.trim())
        .doesNotContain("\n");
  }

  @Test
  void plans_cannot_be_changed_afterwards() {
    BenchPoint built = BenchPoint.of(spec("cnn", 8, Mode.ASYMML));
    Map<Mode, Plan> plans = new LinkedHashMap<>(built.plans());
    BenchPoint point =
        new BenchPoint(built.graph(), 3, new RankPolicy.Fixed(1), Verification.OFF, plans);
    plans.clear();
    assertThat(point.plans().keySet()).containsExactly(Mode.ASYMML);
    assertThatThrownBy(() -> point.plans().clear())
        .isInstanceOf(UnsupportedOperationException.class);
  }
}
