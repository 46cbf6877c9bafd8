package asymml.study.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Zoo;
import asymml.study.bench.BenchSpec.Network;
import asymml.study.bench.BenchSpec.Split;
import asymml.trusted.bench.CostLowerBound;
import asymml.trusted.bench.MachineRates;
import asymml.trusted.bench.StepCost;
import asymml.trusted.bench.Work;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The lower bound of a step and what is derived from costs, against counts by hand: two images of
/// 8x8x3, convolutions of 16, 32 and 64 channels at 8x8, 4x4 and 2x2, ten classes.
class BenchCostsTest {
  private static final int N = 2;
  private static final int IMAGE = N * 8 * 8 * 3;
  private static final int[] INPUTS = {IMAGE, N * 4 * 4 * 16, N * 2 * 2 * 32, N * 64};
  private static final int[] OUTPUTS = {N * 8 * 8 * 16, N * 4 * 4 * 32, N * 2 * 2 * 64, N * 10};
  private static final int[] WEIGHTS = {16 * 27, 32 * 144, 64 * 288, 10 * 64};

  /// Two operations for each multiply-add of a product.
  private static final double[] PRODUCTS = {
    2.0 * N * 64 * WEIGHTS[0], 2.0 * N * 16 * WEIGHTS[1], 2.0 * N * 4 * WEIGHTS[2], 2.0 * N * 640
  };

  private static BenchSpec spec(RankPolicy rank, List<String> trusted, Shield shield) {
    BenchSpec base = BenchSpecTest.spec(Mode.TRUSTED_ONLY, Mode.ASYMML, Mode.UNTRUSTED_ONLY);
    return base.withNetwork(new Network("cnn", Zoo.Norm.BATCH, 8, N))
        .withSplit(
            new Split(base.split().modes(), rank, Decomposition.SHARED, trusted, 0.1, shield));
  }

  private static Work step(BenchSpec spec, Mode mode) {
    BenchPoint point = BenchPoint.of(spec);
    return new CostLowerBound(point.graph(), point.batchSize(), spec.split().shield())
        .step(point.plan(mode));
  }

  /// What is done between the linear layers in any mode, in float32 values read or written: batch
  /// norm eight passes, pooling two over its input and two over its output, the update five over
  /// the parameters: weights, and scale and shift of each channel, and the classifier's bias.
  private static double between() {
    double values = 0;
    for (int i = 0; i < 3; i++) {
      values += 8 * OUTPUTS[i] + 2 * OUTPUTS[i] + 2 * OUTPUTS[i] / 4.0;
    }
    double parameters = 2 * (16 + 32 + 64) + 10;
    for (int weights : WEIGHTS) {
      parameters += weights;
    }
    return values + 5 * parameters;
  }

  private static double trusted(int i) {
    return (i == 0 ? 2 * INPUTS[i] : 3 * INPUTS[i]) + (i == 0 ? 2 : 3) * (OUTPUTS[i] + WEIGHTS[i]);
  }

  @Test
  void without_a_worker_every_product_is_done_here() {
    Work work =
        step(spec(RankPolicy.parse("2"), List.of(), new Shield.Residual()), Mode.TRUSTED_ONLY);
    assertThat(work.flops())
        .isEqualTo(2 * PRODUCTS[0] + 3 * (PRODUCTS[1] + PRODUCTS[2] + PRODUCTS[3]));
    assertThat(work.noiseValues()).isZero();
    double values = between();
    for (int i = 0; i < 4; i++) {
      values += trusted(i);
    }
    assertThat(work.bytes()).isCloseTo(4 * values, within(1e-6));
  }

  @Test
  void all_at_the_worker_leaves_no_product_here() {
    Work work =
        step(spec(RankPolicy.parse("2"), List.of(), new Shield.Residual()), Mode.UNTRUSTED_ONLY);
    assertThat(work.flops()).isZero();
    assertThat(work.noiseValues()).isZero();
    double values = between();
    for (int i = 0; i < 4; i++) {
      // Results read and stored, releases too; weights both ways; the input itself written.
      values += 4 * OUTPUTS[i] + (i == 0 ? 0 : 2 * INPUTS[i]) + 4 * WEIGHTS[i] + 2 * INPUTS[i];
    }
    assertThat(work.bytes()).isCloseTo(4 * values, within(1e-6));
  }

  /// A shared basis of r directions and the mean: r + 1 of C channels of two products, the weights
  /// folded and unfolded, and projection and residual of the input, which gets noise.
  @ParameterizedTest
  @CsvSource({"1", "2", "5"})
  void a_split_layer_keeps_its_directions_of_the_products(int rank) {
    BenchSpec spec =
        spec(new RankPolicy.Fixed(rank), List.of("first", "last"), new Shield.Residual());
    Work work = step(spec, Mode.ASYMML);
    double directions = rank + 1;
    double flops = 2 * PRODUCTS[0] + 3 * PRODUCTS[3];
    for (int i = 1; i <= 2; i++) {
      double channels = i == 1 ? 16 : 32;
      flops +=
          2 * PRODUCTS[i] * directions / channels
              + 4.0 * WEIGHTS[i] * directions
              + 4.0 * INPUTS[i] * directions;
    }
    assertThat(work.flops()).isCloseTo(flops, within(1e-6));
    assertThat(work.noiseValues()).isEqualTo(INPUTS[1] + INPUTS[2]);
  }

  @Test
  void noise_alone_has_no_products_of_directions() {
    BenchSpec spec = spec(new RankPolicy.Fixed(0), List.of("first", "last"), new Shield.Residual());
    Work work = step(spec, Mode.ASYMML);
    assertThat(work.flops()).isEqualTo(2 * PRODUCTS[0] + 3 * PRODUCTS[3]);
    assertThat(work.noiseValues()).isEqualTo(INPUTS[1] + INPUTS[2]);
  }

  /// Under masks weight gradients are computed here, and output gradients get masks too.
  @Test
  void masks_leave_the_weight_gradient_here() {
    Work work =
        step(
            spec(new RankPolicy.Fixed(0), List.of("first", "last"), new Shield.Shares(1)),
            Mode.ASYMML);
    assertThat(work.flops())
        .isEqualTo(2 * PRODUCTS[0] + PRODUCTS[1] + PRODUCTS[2] + 3 * PRODUCTS[3]);
    assertThat(work.noiseValues()).isEqualTo(INPUTS[1] + INPUTS[2] + OUTPUTS[1] + OUTPUTS[2]);
  }

  @Test
  void work_takes_the_time_of_each_resource_one_after_the_other() {
    MachineRates rates = new MachineRates(50, 10, 2);
    // 1e8 operations at 50 a nanosecond, 4e7 bytes at 10, 1e6 samples of 2 nanoseconds.
    assertThat(rates.millis(new Work(1e8, 4e7, 1e6))).isCloseTo(2 + 4 + 2, within(1e-12));
    assertThat(rates.millis(new Work(0, 0, 0))).isZero();
  }

  private static ModeCosts costs(BenchPoint point, Mode mode, double cpu, double wait) {
    ModeMeasurement measurement = new ModeMeasurement(point.graph(), point.plan(mode), cpu / 4);
    measurement.add(
        new StepCost(cpu + wait, cpu, 3, 100, 50),
        (node, phase) -> phase == Phase.WAIT && node == 1 ? Math.round(1e6 * wait) : 0,
        1,
        OptionalLong.empty(),
        OptionalLong.empty());
    return measurement.costs();
  }

  /// A trusted side k times as slow: k 100 of trusted-only over k 20 + 30 of asymml.
  @ParameterizedTest
  @CsvSource({"1, 2", "3, 3.3333333333", "10, 4.347826087", "1000, 4.992511233"})
  void a_slower_trusted_side_gains_more_up_to_the_cost_ratio(double slowdown, double ratio) {
    BenchSpec spec = spec(RankPolicy.parse("2"), List.of("first"), new Shield.Residual());
    BenchPoint point = BenchPoint.of(spec);
    Map<Mode, ModeCosts> modes = new LinkedHashMap<>();
    modes.put(Mode.TRUSTED_ONLY, costs(point, Mode.TRUSTED_ONLY, 100, 0));
    modes.put(Mode.ASYMML, costs(point, Mode.ASYMML, 20, 30));
    BenchResult result = new BenchResult(point, modes);
    assertThat(result.projectedRatio(slowdown).orElseThrow()).isCloseTo(ratio, within(1e-8));
    assertThat(result.trustedCostRatio()).hasValue(5);
    assertThat(result.largestTrustedCostRatio()).hasValue(20);
    assertThat(result.of(Mode.ASYMML).overLowerBound()).isEqualTo(4);
  }

  @ParameterizedTest
  @CsvSource({"UNTRUSTED_ONLY, untrusted", "TRUSTED_ONLY, trusted", "ASYMML, 'split, rank 2'"})
  void a_layers_placement_is_that_of_the_mode(Mode mode, String placement) {
    BenchSpec spec = spec(RankPolicy.parse("2"), List.of("first"), new Shield.Residual());
    BenchPoint point = BenchPoint.of(spec);
    BenchResult result = new BenchResult(point, Map.of(mode, costs(point, mode, 1, 1)));
    assertThat(result.placement(mode, "conv2")).isEqualTo(placement);
  }
}
