package asymml.trusted.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Initializer;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Delta;
import asymml.privacy.Sampling;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.draw.PoissonDraw;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.GradientStage;
import asymml.trusted.train.GradientStage.Sums;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PartialGradientsTest {
  private static final Shape SHAPE = new Shape(8, 8, 3);
  private static final ImageSet IMAGES = images(40);
  private static final long SEED = 5;
  private static final double MAX_NORM = 0.5;

  private static ImageSet images(int count) {
    SplittableRandom random = new SplittableRandom(3);
    byte[] pixels = new byte[count * SHAPE.size()];
    random.nextBytes(pixels);
    return ImageSet.of(
        SHAPE, List.of("a", "b", "c"), IntStream.range(0, count).map(i -> i % 3).toArray(), pixels);
  }

  private static TrainConfig config(String model, @Nullable DpSgd dpSgd) {
    return new TrainConfig(
        model,
        Zoo.Norm.GROUP,
        Mode.TRUSTED_ONLY,
        Decomposition.SHARED,
        RankPolicy.parse("1/8"),
        List.of(),
        dpSgd == null ? new NoiseStrength.None() : new NoiseStrength.Multiplier(1),
        new NoiseStrength.None(),
        1,
        8,
        new TrainConfig.Optimizer(0.1f, 0, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), 0.1f),
        0.1f,
        true,
        SEED,
        dpSgd == null ? PrivacyConfig.NONE : PrivacyConfig.of(dpSgd, null, new Delta(1e-4)),
        new Shield.Residual());
  }

  private static DpSgd dpSgd(int views) {
    return new DpSgd(20, MAX_NORM, views, 0, 0.02, null, 1L << 30);
  }

  private static TrainedModel.Description description(TrainConfig config) {
    return TrainedModel.Description.of(
        config.model(), config.norm(), IMAGES, Normalization.of(IMAGES));
  }

  private static PartialGradients open(TrainConfig config, int physicalBatch) {
    DpSgd dpSgd = config.privacy().dpSgd();
    return new PartialGradients(
        config,
        description(config),
        new Augmentation(true, 1).withViews(dpSgd == null ? 1 : dpSgd.views()),
        physicalBatch);
  }

  private static float[] parameters(TrainConfig config) {
    try (Parameters parameters =
        new Parameters(description(config).graph(), new Initializer(9), true)) {
      return parameters.copy();
    }
  }

  private static int[] first(int count) {
    return IntStream.range(0, count).toArray();
  }

  private static double norm(double[] values) {
    return Math.sqrt(DoubleStream.of(values).map(v -> v * v).sum());
  }

  private static double[] minus(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> a[i] - b[i]).toArray();
  }

  /// Batches of 16, 4 and 1: a rest of 1, 3, 5 or 15 examples takes null examples along.
  @ParameterizedTest
  @CsvSource({"cnn, 1", "cnn, 3", "cnn, 16", "cnn, 21", "cnn, 37", "scatter-cnn, 7", "resnet20, 5"})
  void sums_over_parts_are_those_of_the_whole(String model, int split) throws Exception {
    TrainConfig config = config(model, null);
    float[] values = parameters(config);
    try (PartialGradients one = open(config, 40);
        PartialGradients member = open(config, 16)) {
      Sums whole = one.sum(values, IMAGES, first(40), 77);
      Sums left = member.sum(values, IMAGES, first(split), 77);
      Sums right = member.sum(values, IMAGES, IntStream.range(split, 40).toArray(), 77);
      Sums both = left.plus(right);
      assertThat(both.examples()).isEqualTo(40);
      assertThat(both.correct()).isEqualTo(whole.correct());
      assertThat(both.lossSum()).isCloseTo(whole.lossSum(), within(1e-4 * whole.lossSum()));
      assertThat(norm(minus(both.gradients(), whole.gradients())))
          .isLessThan(2e-5 * norm(whole.gradients()));
    }
  }

  @Test
  void an_empty_order_gives_zeros() throws Exception {
    TrainConfig config = config("cnn", null);
    try (PartialGradients member = open(config, 16)) {
      Sums sums = member.sum(parameters(config), IMAGES, new int[0], 1);
      assertThat(sums.gradients()).hasSize(member.values()).containsOnly(0);
      assertThat(sums.examples()).isZero();
    }
  }

  @Test
  void augmentation_follows_the_number_of_an_image_in_the_whole_set() throws Exception {
    TrainConfig config = config("cnn", null);
    float[] values = parameters(config);
    byte[] pixels = new byte[SHAPE.size()];
    IMAGES.pixels(23, pixels);
    ImageSet alone = ImageSet.of(SHAPE, IMAGES.classNames(), new int[] {IMAGES.label(23)}, pixels);
    try (PartialGradients member = open(config, 4)) {
      double[] whole = member.sum(values, IMAGES, new int[] {23}, 6).gradients();
      double[] numbered =
          member.sum(values, alone.numbered(new int[] {23}), new int[] {0}, 6).gradients();
      double[] zero = member.sum(values, alone, new int[] {0}, 6).gradients();
      assertThat(numbered).isEqualTo(whole);
      assertThat(zero).isNotEqualTo(whole);
    }
  }

  /// What noise is calibrated for: one example changes the sum of all by at most 1, in norm.
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void with_dp_sgd_one_example_changes_the_sum_by_at_most_one(int views) throws Exception {
    TrainConfig config = config("cnn", dpSgd(views));
    float[] values = parameters(config);
    try (PartialGradients member = open(config, 8)) {
      int[] order = new int[6 * member.physicalBatch()];
      Arrays.fill(order, PoissonDraw.NULL_EXAMPLE);
      for (int i = 0; i < 20; i++) {
        order[i] = i;
      }
      Sums with = member.sum(values, IMAGES, order, 3);
      assertThat(with.examples()).isEqualTo(20);
      for (int left : new int[] {0, 7, 19}) {
        int[] without = order.clone();
        without[left] = PoissonDraw.NULL_EXAMPLE;
        double change =
            norm(minus(with.gradients(), member.sum(values, IMAGES, without, 3).gradients()));
        assertThat(change).isBetween(0.5, 1 + with.rounding());
      }
    }
  }

  @Test
  void clipped_sums_of_parts_add_up() throws Exception {
    TrainConfig config = config("cnn", dpSgd(1));
    float[] values = parameters(config);
    try (PartialGradients member = open(config, 8)) {
      Sums whole = member.sum(values, IMAGES, first(32), 3);
      Sums parts = Sums.zero(member.values());
      for (int from = 0; from < 32; from += 8) {
        parts =
            parts.plus(member.sum(values, IMAGES, IntStream.range(from, from + 8).toArray(), 3));
      }
      assertThat(parts.rounding()).isEqualTo(whole.rounding());
      assertThat(norm(minus(parts.gradients(), whole.gradients())))
          .isLessThan(1e-9 * norm(whole.gradients()));
    }
  }

  @Test
  void an_example_whose_gradient_is_not_finite_counts_as_none() throws Exception {
    TrainConfig config = config("cnn", dpSgd(1));
    float[] values = parameters(config);
    Arrays.fill(values, Float.NaN);
    try (PartialGradients member = open(config, 8)) {
      Sums sums = member.sum(values, IMAGES, first(8), 3);
      assertThat(sums.examples()).isZero();
      assertThat(sums.gradients()).containsOnly(0);
    }
  }

  @Test
  void outputs_that_are_not_finite_end_a_run_without_clipping() {
    TrainConfig config = config("cnn", null);
    float[] values = parameters(config);
    Arrays.fill(values, Float.NaN);
    try (PartialGradients member = open(config, 8)) {
      assertThatThrownBy(() -> member.sum(values, IMAGES, first(8), 3))
          .isInstanceOf(TrainingException.class)
          .hasMessageStartingWith("training diverged");
    }
  }

  private static GradientStage.Draws draws(int examples, int expected, int steps) {
    Sampling.Poisson sampling = Sampling.Poisson.of(examples, expected, steps, 1e-6);
    return new GradientStage.Draws(examples, expected, sampling.slots(), steps);
  }

  /// 4,000 draws of each of 50 examples at a rate of 1/10: the mean of each is within 6 standard
  /// deviations of it in all but one of 10 million runs, and that of all within 5.
  @Test
  void each_example_of_a_part_is_drawn_at_the_rate_of_the_whole_set() {
    GradientStage.Draws draws = draws(1000, 100, 100);
    PoissonDraw draw = new PoissonDraw(new SecureRandom());
    int[] drawn = new int[50];
    int total = 0;
    int times = 4000;
    try (PartialGradients member = open(config("cnn", dpSgd(1)), 8)) {
      for (int i = 0; i < times; i++) {
        int[] order = member.drawn(draw, draws, 50);
        int[] examples = Arrays.stream(order).filter(e -> e >= 0).toArray();
        assertThat(Arrays.stream(examples).distinct().count()).isEqualTo(examples.length);
        assertThat(order.length % member.physicalBatch()).isZero();
        total += examples.length;
        for (int example : examples) {
          drawn[example]++;
        }
      }
    }
    double deviation = Math.sqrt(times * 0.1 * 0.9);
    for (int count : drawn) {
      assertThat((double) count).isCloseTo(times * 0.1, within(6 * deviation));
    }
    assertThat((double) total).isCloseTo(50 * times * 0.1, within(5 * deviation * Math.sqrt(50)));
  }

  /// At a rate of 1 all examples are drawn, which is more than there would be places for.
  @Test
  void none_is_left_out_however_many_are_drawn() {
    GradientStage.Draws draws = new GradientStage.Draws(1000, 1000, 1000, 10);
    PoissonDraw draw = new PoissonDraw(new SecureRandom());
    try (PartialGradients member = open(config("cnn", dpSgd(1)), 8)) {
      assertThat(Arrays.stream(member.drawn(draw, draws, 37)).filter(i -> i >= 0))
          .containsExactlyInAnyOrder(IntStream.range(0, 37).boxed().toArray(Integer[]::new));
    }
  }

  @Test
  void the_number_of_places_does_not_follow_the_draw() {
    GradientStage.Draws draws = draws(1000, 100, 100);
    PoissonDraw draw = new PoissonDraw(new SecureRandom());
    try (PartialGradients member = open(config("cnn", dpSgd(1)), 8)) {
      assertThat(
              IntStream.range(0, 200)
                  .map(i -> member.drawn(draw, draws, 300).length)
                  .distinct()
                  .toArray())
          .hasSize(1);
      assertThat(member.drawn(draw, draws, 0)).isEmpty();
      assertThat(member.drawn(draw, draws, 1)).hasSize(member.physicalBatch());
    }
  }

  @Test
  void sums_of_another_network_are_refused() {
    assertThatThrownBy(() -> Sums.zero(3).plus(Sums.zero(4)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("sums of 3 and of 4 values");
  }

  @Test
  void its_score_is_that_of_the_values_it_is_given() throws Exception {
    TrainConfig config = config("cnn", null);
    try (PartialGradients member = open(config, 16)) {
      float[] values = parameters(config);
      double before = member.score(values, IMAGES).loss();
      float[] zeros = new float[values.length];
      assertThat(member.score(zeros, IMAGES).loss()).isCloseTo(Math.log(3), within(1e-5));
      assertThat(member.score(values, IMAGES).loss()).isEqualTo(before);
    }
  }
}
