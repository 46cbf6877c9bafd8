package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.plan.Rank.Fixed;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Bases that do not come from the batch they are used on: public ones, and those of clipped and
/// noised second moments.
class SharedRefitTest {
  private static final Refresh ALWAYS = new Refresh(1, 0, 1);

  /// The door adds 2^-10 more noise than is accounted for, for what rounding adds to a sum.
  private static final double ROUNDING = 1 + 0x1p-10;

  private final Arena arena = Arena.ofShared();
  private final SplittableRandom random = Matrices.seeded(22);

  @AfterEach
  void free() {
    arena.close();
  }

  private static SharedDecomposer waiting(int batch, Shape shape, int rank) {
    return new SharedDecomposer(batch, shape, 3, new Fixed(rank), ALWAYS, false);
  }

  private Tensor activations(int n, int h, int w, int c) {
    return Matrices.activations(arena, random, n, h, w, c);
  }

  @Test
  void without_a_basis_of_its_own_nothing_is_fitted_before_one_is_given() {
    Tensor x = activations(3, 4, 4, 12);
    try (SharedDecomposer decomposer = waiting(3, new Shape(4, 4, 12), 3)) {
      assertThat(decomposer.canProject()).isFalse();
      assertThatThrownBy(() -> decomposer.fit(x, 0))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("there is no basis: refit comes before fit");
      assertThat(decomposer.state()).isEmpty();
      decomposer.refit(x);
      assertThat(decomposer.canProject()).isTrue();
      decomposer.fit(x, 0);
      Factors.assertReproduces(decomposer, x);
    }
    try (SharedDecomposer own =
        new SharedDecomposer(3, new Shape(4, 4, 12), 3, new Fixed(3), ALWAYS)) {
      assertThat(own.canProject()).isTrue();
    }
  }

  /// A basis taken from the batch would be a release that nobody accounts for.
  @Test
  void a_batch_is_projected_on_the_given_basis_and_never_changes_it() {
    Tensor open = activations(5, 4, 4, 12);
    try (SharedDecomposer decomposer = waiting(5, new Shape(4, 4, 12), 3)) {
      decomposer.refit(open.examples(0, 4));
      float[] basis = decomposer.directions().toArray();
      float[] offset = decomposer.offset().toArray();
      for (int step = 0; step < 12; step++) {
        Tensor x = activations(5, 4, 4, 12);
        decomposer.fit(x, step);
        assertThat(decomposer.directions().toArray()).isEqualTo(basis);
        assertThat(decomposer.offset().toArray()).isEqualTo(offset);
        assertThat(decomposer.rank()).isEqualTo(3);
        assertProjects(decomposer, x);
      }
    }
  }

  /// `X_U = X - X A A^T - 1 m^T`, in double precision.
  private static void assertProjects(SharedDecomposer decomposer, Tensor x) {
    int channels = x.length(3);
    double[][] rows = Matrices.rows(x, channels);
    double[][] basis = decomposer.basis();
    double[][] inside = Matrices.product(Matrices.product(rows, Matrices.transpose(basis)), basis);
    double[][] expected = Matrices.sum(rows, -1, inside);
    double[] offset = Columns.toDoubles(decomposer.offset());
    for (double[] row : expected) {
      Columns.addScaled(-1, offset, row);
    }
    double[][] error = Matrices.sum(Factors.residual(decomposer, x), -1, expected);
    assertThat(Matrices.energy(error)).isLessThan(1e-11 * Matrices.energy(rows));
  }

  @Test
  void each_example_s_residual_is_a_function_of_that_example_and_the_basis() {
    Tensor open = activations(4, 3, 3, 10);
    Tensor x = activations(4, 3, 3, 10);
    try (SharedDecomposer together = waiting(4, new Shape(3, 3, 10), 3);
        SharedDecomposer alone = waiting(4, new Shape(3, 3, 10), 3)) {
      together.refit(open);
      alone.refit(open);
      together.fit(x, 0);
      alone.fit(x.examples(2, 1), 0);
      double[][] rows = Factors.residual(alone, x.examples(2, 1));
      double[][] same = Arrays.copyOfRange(Factors.residual(together, x), 18, 27);
      assertThat(Matrices.energy(Matrices.sum(rows, -1, same)))
          .isLessThan(1e-12 * Matrices.energy(rows));
    }
  }

  @Test
  void a_restored_basis_serves_until_the_next_one() {
    Tensor x = activations(3, 4, 4, 12);
    try (SharedDecomposer original = waiting(3, new Shape(4, 4, 12), 3);
        SharedDecomposer resumed = waiting(3, new Shape(4, 4, 12), 3)) {
      original.refit(x, 1e9, _ -> false, _ -> {});
      resumed.restore(original.state());
      assertThat(resumed.canProject()).isTrue();
      original.fit(x, 7);
      resumed.fit(x, 7);
      assertThat(Factors.residual(resumed, x)).isEqualTo(Factors.residual(original, x));
    }
  }

  @Test
  void a_batch_of_another_size_is_refused() {
    try (SharedDecomposer decomposer = waiting(3, new Shape(4, 4, 12), 3)) {
      for (Tensor bad : new Tensor[] {activations(4, 4, 4, 12), activations(3, 4, 5, 12)}) {
        assertThatThrownBy(() -> decomposer.refit(bad))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> decomposer.refit(bad, 1, _ -> false, _ -> {}))
            .isInstanceOf(IllegalArgumentException.class);
      }
      assertThat(decomposer.canProject()).isFalse();
    }
  }

  /// `n P` rows in the span of a few random directions, and a thousandth of noise.
  private Tensor planted(double[][] directions, int n, int h, int w, double size) {
    int c = directions[0].length;
    double[][] rows =
        Matrices.product(Matrices.gaussian(random, n * h * w, directions.length), directions);
    double[][] noise = Matrices.gaussian(random, n * h * w, c);
    Tensor x = Tensor.allocate(arena, n, h, w, c);
    for (int i = 0; i < x.size(); i++) {
      x.set(i, (float) (size * (rows[i / c][i % c] + 1e-3 * noise[i / c][i % c])));
    }
    return x;
  }

  private double[][] directions(int rank, int channels) {
    double[][] directions = Matrices.gaussian(random, rank, channels);
    Columns.orthonormalize(directions, new SplittableRandom(1));
    return directions;
  }

  private static void assertSpans(SharedDecomposer decomposer, double[][] directions) {
    double[][] basis = decomposer.basis();
    assertThat(Matrices.skew(basis)).isLessThan(1e-6);
    for (double[] direction : directions) {
      double inside =
          Arrays.stream(basis).mapToDouble(a -> Math.pow(Columns.dot(a, direction), 2)).sum();
      assertThat(inside).isGreaterThan(1 - 1e-4);
    }
  }

  @ParameterizedTest
  @CsvSource({"3, 5, 5, 16, 1", "6, 4, 4, 24, 5", "40, 1, 1, 64, 8", "2, 9, 1, 13, 6"})
  void second_moments_without_noise_find_the_span_of_planted_data(
      int n, int h, int w, int c, int rank) {
    double[][] directions = directions(rank, c);
    Tensor x = planted(directions, n, h, w, 1);
    try (SharedDecomposer decomposer = waiting(n, new Shape(h, w, c), rank)) {
      decomposer.refit(x, 1e9, _ -> false, _ -> {});
      assertSpans(decomposer, directions);
      assertThat(decomposer.offset().toArray()).containsOnly(0);
      decomposer.fit(x, 1);
      assertProjects(decomposer, x);
    }
  }

  /// Every example at the bound: the large ones, of another span, count no more than the rest.
  @Test
  void a_few_large_examples_do_not_take_the_basis_over() {
    double[][] many = directions(2, 16);
    Tensor x = planted(many, 30, 3, 3, 1);
    Tensor large = planted(directions(2, 16), 2, 3, 3, 1e4);
    x.examples(7, 2).copyFrom(large);
    try (SharedDecomposer decomposer = waiting(30, new Shape(3, 3, 16), 2)) {
      decomposer.refit(x, 1e-3, _ -> false, _ -> {});
      double[][] basis = decomposer.basis();
      for (double[] direction : many) {
        double inside =
            Arrays.stream(basis).mapToDouble(a -> Math.pow(Columns.dot(a, direction), 2)).sum();
        assertThat(inside).isGreaterThan(0.9);
      }
    }
  }

  private float[] triangle(SharedDecomposer decomposer, Tensor x, double clip, IntPredicate nulls) {
    float[][] seen = new float[1][];
    decomposer.refit(x, clip, nulls, sums -> seen[0] = sums.toArray());
    return seen[0];
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.pow((double) a[i] - b[i], 2);
    }
    return Math.sqrt(sum);
  }

  @Test
  void null_places_do_not_count_whatever_stands_there() {
    int c = 10;
    Tensor x = activations(6, 3, 3, c);
    Tensor without = Tensor.allocate(arena, 4, 3, 3, c);
    without.examples(0, 1).copyFrom(x.examples(0, 1));
    without.examples(1, 3).copyFrom(x.examples(2, 3));
    x.examples(1, 1).fill(1e6f);
    x.examples(5, 1).fill(Float.NaN);
    try (SharedDecomposer decomposer = waiting(6, new Shape(3, 3, c), 3);
        SharedDecomposer other = waiting(6, new Shape(3, 3, c), 3)) {
      float[] sums = triangle(decomposer, x, 20, place -> place == 1 || place == 5);
      assertThat(sums).hasSize(55);
      assertThat(sums).isEqualTo(triangle(other, without, 20, _ -> false));
      assertThat(decomposer.directions().toArray()).isEqualTo(other.directions().toArray());
    }
  }

  @Test
  void the_basis_is_a_function_of_what_the_noise_leaves_alone() {
    Shape shape = new Shape(3, 3, 10);
    float[] released = new float[55];
    for (int i = 0; i < released.length; i++) {
      released[i] = (float) random.nextGaussian();
    }
    try (SharedDecomposer one = waiting(6, shape, 3);
        SharedDecomposer another = waiting(6, shape, 3)) {
      one.refit(activations(6, 3, 3, 10), 5, _ -> false, sums -> sums.copyFrom(released));
      another.refit(activations(4, 3, 3, 10), 9, i -> i == 2, sums -> sums.copyFrom(released));
      assertThat(one.directions().toArray()).isEqualTo(another.directions().toArray());
    }
  }

  /// Neighbours: the same batch with one example zeroed, and with it missing.
  @Test
  void one_example_changes_the_moments_by_at_most_the_clip_bound() {
    double closest = 0;
    for (int trial = 0; trial < 150; trial++) {
      int n = random.nextInt(1, 7);
      Shape shape = new Shape(random.nextInt(1, 5), random.nextInt(1, 5), random.nextInt(1, 14));
      double clip = Math.pow(10, random.nextDouble(-3, 5));
      Tensor x = Tensor.allocate(arena, n, shape.height(), shape.width(), shape.channels());
      for (int i = 0; i < n; i++) {
        fill(x.examples(i, 1), shape, clip);
      }
      int which = random.nextInt(n);
      try (SharedDecomposer decomposer = waiting(n, shape, 1)) {
        float[] with = triangle(decomposer, x, clip, _ -> false);
        float[] absent = triangle(decomposer, x, clip, place -> place == which);
        x.examples(which, 1).fill(0);
        float[] zeroed = triangle(decomposer, x, clip, _ -> false);
        assertThat(zeroed).isEqualTo(absent);
        double distance = distance(with, zeroed) / clip;
        assertThat(distance).as("trial %d, clip %s", trial, clip).isLessThanOrEqualTo(ROUNDING);
        closest = Math.max(closest, distance);
      }
    }
    // An example of rank 1 along an axis comes up to the bound: no smaller one would do.
    assertThat(closest).isGreaterThan(0.999);
  }

  /// Small, around the bound, or far above it; of full rank, or along one channel.
  private void fill(Tensor example, Shape shape, double clip) {
    double size = Math.sqrt(clip) * Math.pow(10, random.nextDouble(-2, 4));
    boolean axis = random.nextInt(3) == 0;
    int channel = random.nextInt(shape.channels());
    for (int i = 0; i < example.size(); i++) {
      boolean on = !axis || i % shape.channels() == channel;
      example.set(i, on ? (float) (size * random.nextGaussian()) : 0);
    }
  }

  /// The scale of such an example is a subnormal float, whose steps are as large as itself.
  @ParameterizedTest
  @ValueSource(doubles = {1e-7, 1.1e-7, 2.2e-7, 3.4e-7, 5e-7, 1e-6, 3e-5, 1e3})
  void an_example_at_the_edge_of_float32_stays_within_the_bound_too(double clip) {
    Tensor x = Tensor.allocate(arena, 1, 1, 1, 3);
    x.set(1, 1e19f);
    try (SharedDecomposer decomposer = waiting(1, new Shape(1, 1, 3), 1)) {
      float[] sums = triangle(decomposer, x, clip, _ -> false);
      assertThat(distance(sums, new float[6])).isLessThanOrEqualTo(clip * ROUNDING);
    }
  }
}
