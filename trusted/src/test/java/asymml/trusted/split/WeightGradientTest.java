package asymml.trusted.split;

import static asymml.trusted.split.OracleLayer.difference;
import static asymml.trusted.split.OracleLayer.doubles;
import static asymml.trusted.split.OracleLayer.norm;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.kernels.SampledGradient;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class WeightGradientTest {
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void free() {
    arena.close();
  }

  private Tensor random(long seed, int... axes) {
    SplittableRandom random = new SplittableRandom(seed);
    Tensor tensor = Tensor.allocate(arena, axes);
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(-1, 1));
    }
    return tensor;
  }

  private WeightGradient sampled(ConvShape shape, int samples, long seed) {
    Tensor memory = Tensor.allocate(arena, SampledGradient.floats(shape, samples));
    memory.fill(Float.NaN);
    return new WeightGradient.Sampled(new SampledGradient(shape, samples, memory), seed);
  }

  private double[] gradient(WeightGradient by, ConvShape shape, Tensor x, Tensor dy, long step) {
    Tensor dw = Tensor.allocate(arena, shape.weightAxes());
    dw.fill(Float.NaN);
    by.compute(x, dy, step, dw);
    return doubles(dw);
  }

  @Test
  void a_sample_has_the_share_asked_for_but_two_positions_a_channel_and_no_more_than_all() {
    ConvShape shape = new ConvShape(10, 10, 10, 3, 8, 3, 3, 1, 1);
    assertThat(WeightGradient.samples(shape, 1)).isEqualTo(1000);
    assertThat(WeightGradient.samples(shape, 0.25)).isEqualTo(250);
    assertThat(WeightGradient.samples(shape, 0.2501)).isEqualTo(251);
    assertThat(WeightGradient.samples(shape, 0.001)).isEqualTo(16);
    assertThat(WeightGradient.samples(ConvShape.linear(7, 100, 10), 0.5)).isEqualTo(7);
    assertThat(WeightGradient.samples(ConvShape.linear(21, 100, 10), 0.5)).isEqualTo(20);
  }

  static Stream<ConvShape> shapes() {
    return Stream.of(
        ConvShape.linear(1, 1, 1),
        ConvShape.linear(5, 3, 7),
        new ConvShape(2, 5, 4, 3, 4, 3, 3, 1, 1),
        new ConvShape(3, 7, 3, 2, 3, 4, 2, 3, 1),
        // So many positions that the bounded sum has three blocks, of 4, 4 and 1 examples.
        new ConvShape(9, 64, 64, 1, 2, 1, 1, 1, 0));
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void all_positions_give_the_layer_s_definition_by_every_way(ConvShape shape) {
    Tensor x = random(1, shape.inputAxes());
    Tensor dy = random(2, shape.outputAxes());
    double[] expected = OracleLayer.backwardWeights(shape, doubles(x), doubles(dy));
    int all = SampledGradient.positions(shape);
    // Rounding is in proportion to the products, which may cancel.
    double tolerance = 1e-5 * Math.sqrt(all) * (1 + norm(expected) / Math.sqrt(expected.length));
    try (WeightGradient exact = new WeightGradient.Exact(shape);
        WeightGradient bounded = new WeightGradient.Bounded(shape);
        WeightGradient drawn = sampled(shape, all, 9)) {
      for (WeightGradient way : List.of(exact, bounded, drawn)) {
        double[] actual = gradient(way, shape, x, dy, 3);
        for (int i = 0; i < expected.length; i++) {
          assertThat(Math.abs(actual[i] - expected[i])).as("%s", way).isLessThan(tolerance);
        }
      }
    }
  }

  /// Each sum is a mean over 600 independent draws; a value is further off than 5 of its standard
  /// errors once in 10^6, and 36 values are looked at.
  @Test
  void an_estimate_s_mean_over_steps_is_the_gradient() {
    ConvShape shape = new ConvShape(3, 6, 5, 2, 2, 3, 3, 1, 1);
    Tensor x = random(3, shape.inputAxes());
    Tensor dy = random(4, shape.outputAxes());
    double[] expected = OracleLayer.backwardWeights(shape, doubles(x), doubles(dy));
    int draws = 600;
    double[] sums = new double[expected.length];
    double[] squares = new double[expected.length];
    System.out.println("seed 77");
    try (WeightGradient estimate = sampled(shape, 11, 77)) {
      for (int step = 0; step < draws; step++) {
        double[] one = gradient(estimate, shape, x, dy, step);
        for (int i = 0; i < one.length; i++) {
          sums[i] += one[i];
          squares[i] += one[i] * one[i];
        }
      }
    }
    for (int i = 0; i < expected.length; i++) {
      double mean = sums[i] / draws;
      double error = Math.sqrt((squares[i] / draws - mean * mean) / draws);
      assertThat(error).isPositive();
      assertThat(Math.abs(mean - expected[i])).as("value %d", i).isLessThan(5 * error);
    }
  }

  @Test
  void an_estimate_follows_from_seed_and_step() {
    ConvShape shape = new ConvShape(3, 6, 5, 2, 2, 3, 3, 1, 1);
    Tensor x = random(5, shape.inputAxes());
    Tensor dy = random(6, shape.outputAxes());
    try (WeightGradient estimate = sampled(shape, 8, 1L << 40);
        WeightGradient same = sampled(shape, 8, 1L << 40);
        WeightGradient other = sampled(shape, 8, 1L << 41)) {
      double[] first = gradient(estimate, shape, x, dy, 0);
      double[] second = gradient(estimate, shape, x, dy, 1);
      assertThat(norm(difference(first, second))).isGreaterThan(0.1);
      assertThat(gradient(same, shape, x, dy, 1)).isEqualTo(second);
      assertThat(gradient(same, shape, x, dy, 0)).isEqualTo(first);
      assertThat(gradient(other, shape, x, dy, 0)).isNotEqualTo(first);
    }
  }

  /// What the bounded sum says of its rounding, of an example that is there or not: the others'
  /// parts are the same, so that only its own and the rounding can show.
  @Test
  void one_example_changes_the_bounded_sum_by_its_part_and_no_more_rounding_than_is_said() {
    ConvShape shape = new ConvShape(9, 64, 64, 1, 2, 1, 1, 1, 0);
    Tensor x = random(7, shape.inputAxes());
    Tensor dy = random(8, shape.outputAxes());
    try (WeightGradient bounded = new WeightGradient.Bounded(shape)) {
      double[] all = gradient(bounded, shape, x, dy, 0);
      for (int i = 0; i < 9; i += 4) {
        double[] own = doubles(dy.examples(i, 1));
        double[] part =
            OracleLayer.backwardWeights(shape.withBatch(1), doubles(x.examples(i, 1)), own);
        double bound = norm(own) * norm(doubles(x.examples(i, 1)));
        Tensor without = Tensor.allocate(arena, shape.outputAxes()).copyFrom(dy);
        without.examples(i, 1).fill(0);
        double[] rest = gradient(bounded, shape, x, without, 0);
        double rounding = norm(difference(difference(all, rest), part));
        assertThat(rounding).isLessThan(bounded.rounding() * bound);
      }
      assertThat(bounded.rounding()).isBetween(1e-4, 0x1p-6);
    }
  }

  @Test
  void ways_without_a_bound_on_one_example_say_so_and_all_are_closed_twice() {
    ConvShape shape = ConvShape.linear(4, 3, 2);
    WeightGradient exact = new WeightGradient.Exact(shape);
    WeightGradient drawn = sampled(shape, 4, 0);
    for (WeightGradient way : List.of(exact, drawn)) {
      assertThatThrownBy(way::rounding)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("not bounded");
    }
    WeightGradient bounded = new WeightGradient.Bounded(shape);
    Tensor x = random(9, shape.inputAxes());
    Tensor dy = random(10, shape.outputAxes());
    double[] before = gradient(bounded, shape, x, dy, 0);
    assertThat(norm(before)).isPositive();
    for (WeightGradient way : List.of(exact, drawn, bounded)) {
      way.close();
      way.close();
    }
    assertThatThrownBy(() -> gradient(exact, shape, x, dy, 0))
        .isInstanceOf(IllegalStateException.class);
  }
}
