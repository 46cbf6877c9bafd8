package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.plan.Rank;
import asymml.trusted.plan.Rank.Fixed;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.RankPolicy.Energy;
import asymml.trusted.plan.RankPolicy.Fraction;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SharedDecomposerTest {
  private static final Refresh ALWAYS = new Refresh(1, 0, 1);
  private static final Refresh NEVER_AGAIN = new Refresh(1 << 30, 0, 1 << 30);

  private final Arena arena = Arena.ofShared();
  private final SplittableRandom random = Matrices.seeded(20);

  @AfterEach
  void free() {
    arena.close();
  }

  private Tensor activations(int n, int h, int w, int c) {
    return Matrices.activations(arena, random, n, h, w, c);
  }

  private static SharedDecomposer decomposer(Tensor x, RankPolicy policy, Refresh refresh) {
    return decomposer(x, policy.resolve(3, x.length(3)), refresh);
  }

  private static SharedDecomposer decomposer(Tensor x, Rank rank, Refresh refresh) {
    Shape shape = new Shape(x.length(1), x.length(2), x.length(3));
    return new SharedDecomposer(x.length(0), shape, 3, rank, refresh);
  }

  private static double share(SharedDecomposer decomposer, Tensor x) {
    return Matrices.energy(Factors.residual(decomposer, x))
        / Matrices.energy(Matrices.rows(x, x.length(3)));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 1",
    "1, 1, 1, 13, 4",
    "3, 5, 7, 3, 2",
    "2, 4, 4, 13, 13",
    "13, 1, 1, 207, 26",
    "4, 6, 6, 64, 8",
    "2, 13, 1, 16, 1"
  })
  void factors_and_residual_reproduce_the_input_with_a_fresh_and_with_a_stale_basis(
      int n, int h, int w, int c, int rank) {
    Tensor x = activations(n, h, w, c);
    try (SharedDecomposer decomposer = decomposer(x, new Fixed(rank), NEVER_AGAIN)) {
      decomposer.fit(x, 0);
      assertThat(decomposer.rank()).isEqualTo(rank);
      assertThat(decomposer.largestRank()).isEqualTo(rank);
      Factors.assertReproduces(decomposer, x);
      Tensor other = activations(n, h, w, c);
      decomposer.fit(other, 1);
      Factors.assertReproduces(decomposer, other);
    }
  }

  @Test
  void the_basis_is_orthonormal_and_the_residual_orthogonal_to_it_and_without_mean() {
    Tensor x = activations(6, 5, 5, 24);
    try (SharedDecomposer decomposer = decomposer(x, new Fixed(5), ALWAYS)) {
      decomposer.fit(x, 0);
      double[][] basis = decomposer.basis();
      assertThat(Matrices.skew(basis)).isLessThan(1e-6);
      double[][] residual = Factors.residual(decomposer, x);
      double norm = Math.sqrt(Matrices.energy(Matrices.rows(x, 24)));
      double[][] inside = Matrices.product(residual, Matrices.transpose(basis));
      assertThat(Math.sqrt(Matrices.energy(inside))).isLessThan(1e-6 * norm);
      double[] mean = Matrices.mean(residual);
      assertThat(Math.sqrt(Columns.dot(mean, mean))).isLessThan(1e-7 * norm);
      assertThat(
              Arrays.stream(basis)
                  .mapToDouble(a -> Columns.dot(a, Columns.toDoubles(decomposer.offset()))))
          .allMatch(inner -> Math.abs(inner) < 1e-6);
    }
  }

  @ParameterizedTest
  @CsvSource({"16, 2", "32, 4", "64, 8", "13, 6"})
  void a_first_basis_is_within_2_percent_of_the_optimum_and_warm_ones_converge(int c, int rank) {
    Tensor x = activations(8, 6, 6, c);
    double optimum =
        ExactSvd.of(Matrices.centred(Matrices.rows(x, c))).energyBeyond(rank)
            / Matrices.energy(Matrices.rows(x, c));
    try (SharedDecomposer decomposer = decomposer(x, new Fixed(rank), ALWAYS)) {
      decomposer.fit(x, 0);
      System.out.printf(
          "C %d r %d: share left %.5f, optimum %.5f%n", c, rank, share(decomposer, x), optimum);
      assertThat(share(decomposer, x)).isBetween(optimum * (1 - 1e-5), optimum * 1.02);
      for (int step = 1; step <= 30; step++) {
        decomposer.fit(x, step);
      }
      assertThat(share(decomposer, x)).isBetween(optimum * (1 - 1e-5), optimum * 1.001);
    }
  }

  @Test
  void the_columns_are_ordered_by_the_energy_they_hold() {
    Tensor x = activations(6, 5, 5, 24);
    try (SharedDecomposer decomposer = decomposer(x, new Fixed(6), ALWAYS)) {
      decomposer.fit(x, 0);
      double[][] held =
          Matrices.product(
              decomposer.basis(), Matrices.transpose(Matrices.centred(Matrices.rows(x, 24))));
      double[] energies = Arrays.stream(held).mapToDouble(a -> Columns.dot(a, a)).toArray();
      double[] falling = energies.clone();
      Arrays.sort(falling);
      for (int j = 0; j < energies.length; j++) {
        assertThat(energies[j]).isEqualTo(falling[energies.length - 1 - j]);
      }
    }
  }

  @Test
  void a_map_without_variance_is_all_mean() {
    Tensor x = Tensor.allocate(arena, 3, 4, 4, 13);
    for (int i = 0; i < x.size(); i++) {
      x.set(i, i % 13 == 5 ? 0 : 1 + i % 13);
    }
    try (SharedDecomposer decomposer = decomposer(x, new Fixed(2), ALWAYS)) {
      decomposer.fit(x, 0);
      Factors.assertReproduces(decomposer, x);
      assertThat(share(decomposer, x)).isLessThan(1e-12);
    }
  }

  @Test
  void a_dead_channel_stays_dead_and_a_constant_one_leaves_nothing() {
    Tensor x = activations(4, 5, 5, 7);
    for (int i = 0; i < x.size(); i += 7) {
      x.set(i, 0);
      x.set(i + 3, 50);
    }
    try (SharedDecomposer decomposer = decomposer(x, new Fixed(2), ALWAYS)) {
      decomposer.fit(x, 0);
      Factors.assertReproduces(decomposer, x);
      double[][] channels = Matrices.transpose(Factors.residual(decomposer, x));
      assertThat(Math.sqrt(Columns.dot(channels[0], channels[0]))).isLessThan(1e-3);
      assertThat(Math.sqrt(Columns.dot(channels[3], channels[3]))).isLessThan(1e-2);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"2", "1/8", "energy:0.1"})
  void a_zero_input_leaves_zeros_and_the_next_batch_is_decomposed(String policy) {
    Tensor x = Tensor.allocate(arena, 2, 3, 3, 16);
    try (SharedDecomposer decomposer = decomposer(x, RankPolicy.parse(policy), ALWAYS)) {
      decomposer.fit(x, 0);
      for (double[] row : Factors.residual(decomposer, x)) {
        assertThat(row).containsOnly(0);
      }
      Tensor next = activations(2, 3, 3, 16);
      decomposer.fit(next, 1);
      Factors.assertReproduces(decomposer, next);
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "3", "13", "64"})
  void a_full_rank_leaves_only_rounding(int c) {
    Tensor x = activations(3, 5, 5, c);
    try (SharedDecomposer decomposer = decomposer(x, new Fixed(c), ALWAYS)) {
      decomposer.fit(x, 0);
      Factors.assertReproduces(decomposer, x);
      assertThat(share(decomposer, x)).isLessThan(1e-11);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.3, 0.1, 0.03, 0.01})
  void an_energy_policy_keeps_the_fewest_directions_that_honour_its_share(double tau) {
    Tensor x = activations(6, 6, 6, 32);
    Energy policy = new Energy(tau, new Fraction(1, 1));
    try (SharedDecomposer decomposer = decomposer(x, policy, ALWAYS)) {
      decomposer.fit(x, 0);
      int rank = decomposer.rank();
      assertThat(share(decomposer, x)).isLessThanOrEqualTo(tau * (1 + 1e-6));
      Factors.assertReproduces(decomposer, x);
      // Without its last column the share would be broken.
      double[][] b = Matrices.centred(Matrices.rows(decomposer.coefficients(), rank + 1));
      double last = Arrays.stream(b).mapToDouble(row -> row[rank - 1] * row[rank - 1]).sum();
      double without = share(decomposer, x) + last / Matrices.energy(Matrices.rows(x, 32));
      System.out.printf("tau %.2f: rank %d, share %.4f%n", tau, rank, share(decomposer, x));
      assertThat(rank == RankPolicy.MIN_RANK || without > tau).isTrue();
    }
  }

  @Test
  void an_energy_policy_stops_at_its_cap_and_keeps_its_minimum() {
    Tensor x = activations(4, 6, 6, 32);
    try (SharedDecomposer capped = decomposer(x, new Energy(1e-6, new Fraction(1, 8)), ALWAYS);
        SharedDecomposer easy = decomposer(x, new Energy(0.999, new Fraction(1, 8)), ALWAYS);
        SharedDecomposer narrow =
            decomposer(activations(2, 2, 2, 1), new Energy(0.5, new Fraction(1, 8)), ALWAYS)) {
      capped.fit(x, 0);
      assertThat(capped.rank()).isEqualTo(4);
      assertThat(share(capped, x)).isGreaterThan(1e-6);
      easy.fit(x, 0);
      assertThat(easy.rank()).isEqualTo(RankPolicy.MIN_RANK);
      assertThat(narrow.rank()).isEqualTo(1);
    }
  }

  @Test
  void the_basis_changes_at_the_steps_of_the_schedule_alone() {
    Tensor x = activations(3, 4, 4, 12);
    try (SharedDecomposer decomposer =
        decomposer(x, new Energy(0.05, new Fraction(1, 1)), new Refresh(2, 4, 3))) {
      decomposer.fit(x, 1); // the first fit finds a basis, due or not
      float[] before = decomposer.directions().toArray();
      boolean[] due = {true, false, true, false, false, false, true, false, false, true};
      for (int step = 0; step < due.length; step++) {
        decomposer.fit(activations(3, 4, 4, 12), step);
        float[] now = decomposer.directions().toArray();
        assertThat(!Arrays.equals(now, before)).as("step %d", step).isEqualTo(due[step]);
        before = now;
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"3", "1/4", "energy:0.2", "energy:0.01:1/1"})
  void a_restored_decomposer_goes_on_to_the_same_bytes(String policy) {
    Tensor first = activations(3, 4, 4, 16);
    Refresh refresh = new Refresh(4, 0, 4);
    try (SharedDecomposer original = decomposer(first, RankPolicy.parse(policy), refresh);
        SharedDecomposer resumed = decomposer(first, RankPolicy.parse(policy), refresh)) {
      assertThat(original.state()).isEmpty();
      original.fit(first, 0);
      original.fit(activations(3, 4, 4, 16), 1);
      resumed.restore(original.state());
      for (int step = 2; step < 10; step++) {
        Tensor x = activations(3, 4, 4, 16);
        original.fit(x, step);
        resumed.fit(x, step);
        assertThat(resumed.rank()).isEqualTo(original.rank());
        assertThat(resumed.directions().toArray()).isEqualTo(original.directions().toArray());
        assertThat(resumed.offset().toArray()).isEqualTo(original.offset().toArray());
        assertThat(resumed.coefficients().toArray()).isEqualTo(original.coefficients().toArray());
        assertThat(Factors.residual(resumed, x)).isEqualTo(Factors.residual(original, x));
      }
    }
  }

  @Test
  void a_state_of_something_else_is_refused_whole() {
    Tensor x = activations(2, 3, 3, 8);
    try (SharedDecomposer decomposer = decomposer(x, new Fixed(4), NEVER_AGAIN)) {
      decomposer.fit(x, 0);
      Map<String, float[]> good = decomposer.state();
      for (Map<String, float[]> bad :
          List.of(
              Map.<String, float[]>of(),
              Map.of("rank", good.get("rank")),
              Map.of("basis", new float[31], "offset", new float[8], "rank", new float[] {4}),
              Map.of("basis", new float[32], "offset", new float[7], "rank", new float[] {4}),
              Map.of("basis", new float[32], "offset", new float[8], "rank", new float[] {0}),
              Map.of("basis", new float[32], "offset", new float[8], "rank", new float[] {5}),
              Map.of("basis", new float[32], "offset", new float[8], "rank", new float[0]),
              Map.of(
                  "basis",
                  new float[32],
                  "offset",
                  new float[8],
                  "rank",
                  new float[] {Float.NaN}))) {
        assertThatThrownBy(() -> decomposer.restore(bad))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("the saved decomposition is not a shared basis of 8 channels and rank 4");
      }
      assertThat(decomposer.state().get("basis")).isEqualTo(good.get("basis"));
      Factors.assertReproduces(decomposer, x);
    }
  }

  @Test
  void a_smaller_batch_than_planned_is_decomposed_and_a_larger_or_another_one_refused() {
    Tensor planned = activations(5, 4, 4, 12);
    try (SharedDecomposer decomposer = decomposer(planned, new Fixed(3), ALWAYS)) {
      Tensor last = activations(2, 4, 4, 12);
      decomposer.fit(last, 0);
      Factors.assertReproduces(decomposer, last);
      assertThat(decomposer.coefficients().shape()).containsExactly(32, 4);
      for (Tensor bad : new Tensor[] {activations(6, 4, 4, 12), activations(5, 4, 5, 12)}) {
        assertThatThrownBy(() -> decomposer.fit(bad, 1))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("up to 5 examples of 16 pixels and 12 channels");
      }
    }
    assertThatThrownBy(() -> decomposer(planned, new Fixed(0), ALWAYS))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void the_residual_of_a_part_is_that_part_of_the_residual() {
    Tensor x = activations(5, 4, 4, 12);
    try (SharedDecomposer decomposer = decomposer(x, new Fixed(3), ALWAYS)) {
      decomposer.fit(x, 0);
      double[][] whole = Factors.residual(decomposer, x);
      Tensor part = Tensor.allocate(arena, 2, 4, 4, 12);
      decomposer.residual(x, 3, 2, part);
      double[][] expected = Arrays.copyOfRange(whole, 48, 80);
      double[][] error = Matrices.sum(Matrices.rows(part, 12), -1, expected);
      assertThat(Matrices.energy(error)).isLessThan(1e-12 * Matrices.energy(expected));
    }
  }

  @Test
  void close_is_idempotent_and_use_after_it_throws() {
    Tensor x = activations(2, 3, 3, 4);
    SharedDecomposer decomposer = decomposer(x, new Fixed(2), ALWAYS);
    decomposer.fit(x, 0);
    decomposer.close();
    decomposer.close();
    assertThatThrownBy(() -> decomposer.fit(x, 1)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(decomposer::state).isInstanceOf(IllegalStateException.class);
  }
}
