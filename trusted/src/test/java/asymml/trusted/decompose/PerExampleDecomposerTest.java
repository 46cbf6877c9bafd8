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
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PerExampleDecomposerTest {
  private static final Refresh ALWAYS = new Refresh(1, 0, 1);
  private static final int ROUNDS = 2;

  private final Arena arena = Arena.ofShared();
  private final SplittableRandom random = Matrices.seeded(21);

  @AfterEach
  void free() {
    arena.close();
  }

  private Tensor activations(int n, int h, int w, int c) {
    return Matrices.activations(arena, random, n, h, w, c);
  }

  private static PerExampleDecomposer decomposer(Tensor x, RankPolicy policy, Refresh refresh) {
    return decomposer(x, policy.resolve(3, x.length(3)), refresh);
  }

  private static PerExampleDecomposer decomposer(Tensor x, Rank rank, Refresh refresh) {
    Shape shape = new Shape(x.length(1), x.length(2), x.length(3));
    return new PerExampleDecomposer(x.length(0), shape, rank, refresh, ROUNDS);
  }

  private static double share(PerExampleDecomposer decomposer, Tensor x) {
    return Matrices.energy(Factors.residual(decomposer, x))
        / Matrices.energy(Matrices.rows(x, x.length(3)));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 1",
    "1, 1, 1, 13, 1",
    "3, 5, 7, 3, 2",
    "2, 4, 4, 13, 13",
    "13, 1, 1, 207, 1",
    "4, 6, 6, 64, 8",
    "2, 13, 1, 16, 1",
    "1, 2, 2, 40, 4"
  })
  void factors_and_residual_reproduce_the_input(int n, int h, int w, int c, int rank) {
    Tensor x = activations(n, h, w, c);
    try (PerExampleDecomposer decomposer = decomposer(x, new Fixed(rank), Refresh.DEFAULT)) {
      decomposer.fit(x, 0);
      assertThat(decomposer.rank()).isEqualTo(rank);
      Factors.assertReproduces(decomposer, x);
      Tensor other = activations(n, h, w, c);
      decomposer.fit(other, 1); // new factors at every step, whatever the schedule
      Factors.assertReproduces(decomposer, other);
    }
  }

  @Test
  void the_rank_never_exceeds_the_pixels() {
    Tensor x = activations(2, 2, 3, 64);
    try (PerExampleDecomposer decomposer = decomposer(x, new Fixed(32), ALWAYS)) {
      assertThat(decomposer.rank()).isEqualTo(6);
      assertThat(decomposer.largestRank()).isEqualTo(6);
      decomposer.fit(x, 0);
      Factors.assertReproduces(decomposer, x);
    }
  }

  @Test
  void each_example_is_decomposed_by_itself() {
    Tensor x = activations(4, 5, 5, 12);
    try (PerExampleDecomposer all = decomposer(x, new Fixed(3), ALWAYS);
        PerExampleDecomposer alone = decomposer(x.examples(2, 1), new Fixed(3), ALWAYS)) {
      all.fit(x, 0);
      alone.fit(x.examples(2, 1), 0);
      assertThat(all.left(2).toArray()).isEqualTo(alone.left(0).toArray());
      assertThat(all.right(2).toArray()).isEqualTo(alone.right(0).toArray());
    }
  }

  @Test
  void zero_and_constant_examples_among_others_are_no_trouble() {
    Tensor x = activations(4, 5, 5, 13);
    x.examples(1, 1).fill(0);
    x.examples(2, 1).fill(0.1f);
    try (PerExampleDecomposer decomposer = decomposer(x, new Fixed(5), ALWAYS)) {
      decomposer.fit(x, 0);
      Factors.assertReproduces(decomposer, x);
      double[][] residual = Factors.residual(decomposer, x);
      for (int p = 25; p < 50; p++) {
        assertThat(residual[p]).containsOnly(0);
      }
      for (int p = 50; p < 75; p++) {
        assertThat(Columns.dot(residual[p], residual[p])).isLessThan(1e-12);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.3, 0.1, 0.03, 0.01})
  void an_energy_policy_keeps_the_fewest_directions_that_honour_its_share(double tau) {
    Tensor x = activations(5, 6, 6, 24);
    try (PerExampleDecomposer decomposer =
        decomposer(x, new Energy(tau, new Fraction(1, 1)), ALWAYS)) {
      decomposer.fit(x, 0);
      int rank = decomposer.rank();
      System.out.printf("tau %.2f: rank %d, share %.4f%n", tau, rank, share(decomposer, x));
      assertThat(share(decomposer, x)).isLessThanOrEqualTo(tau * (1 + 1e-5));
      Factors.assertReproduces(decomposer, x);
      if (rank > RankPolicy.MIN_RANK) {
        try (PerExampleDecomposer fewer = decomposer(x, new Fixed(rank - 1), ALWAYS)) {
          fewer.fit(x, 0);
          assertThat(share(fewer, x)).isGreaterThan(tau);
        }
      }
    }
  }

  @Test
  void an_energy_policy_stops_at_its_cap_keeps_its_minimum_and_chooses_when_it_is_due() {
    Tensor rich = activations(4, 6, 6, 32);
    Tensor poor = Tensor.allocate(arena, 4, 6, 6, 32);
    poor.fill(1);
    try (PerExampleDecomposer decomposer =
        decomposer(rich, new Energy(0.001, new Fraction(1, 8)), new Refresh(3, 0, 3))) {
      decomposer.fit(rich, 0);
      assertThat(decomposer.rank()).isEqualTo(4);
      decomposer.fit(poor, 2);
      assertThat(decomposer.rank()).isEqualTo(4);
      Factors.assertReproduces(decomposer, poor);
      decomposer.fit(poor, 3);
      assertThat(decomposer.rank()).isEqualTo(RankPolicy.MIN_RANK);
      Factors.assertReproduces(decomposer, poor);
      decomposer.fit(rich, 6);
      assertThat(decomposer.rank()).isEqualTo(4);
      Factors.assertReproduces(decomposer, rich);
    }
  }

  @Test
  void a_restored_rank_gives_the_same_bytes_until_the_next_choice_and_after() {
    Tensor first = activations(3, 4, 4, 16);
    Energy policy = new Energy(0.1, new Fraction(1, 1));
    Refresh refresh = new Refresh(4, 0, 4);
    try (PerExampleDecomposer original = decomposer(first, policy, refresh);
        PerExampleDecomposer resumed = decomposer(first, policy, refresh)) {
      assertThat(original.state()).isEmpty();
      original.fit(first, 0);
      resumed.restore(original.state());
      for (int step = 1; step < 6; step++) {
        Tensor x = activations(3, 4, 4, 16);
        original.fit(x, step);
        resumed.fit(x, step);
        assertThat(resumed.rank()).isEqualTo(original.rank());
        assertThat(Factors.residual(resumed, x)).isEqualTo(Factors.residual(original, x));
      }
    }
    try (PerExampleDecomposer fixed = decomposer(first, new Fixed(4), ALWAYS)) {
      fixed.fit(first, 0);
      assertThat(fixed.state()).isEmpty();
      for (float[] bad : new float[][] {{0}, {5}, {Float.NaN}, {}}) {
        assertThatThrownBy(() -> fixed.restore(Map.of("rank", bad)))
            .isInstanceOf(IllegalArgumentException.class);
      }
      assertThatThrownBy(() -> fixed.restore(Map.of()))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void a_smaller_batch_than_planned_is_decomposed_and_a_larger_or_another_one_refused() {
    Tensor planned = activations(5, 4, 4, 12);
    try (PerExampleDecomposer decomposer = decomposer(planned, new Fixed(3), ALWAYS)) {
      Tensor last = activations(2, 4, 4, 12);
      decomposer.fit(last, 0);
      assertThat(decomposer.batch()).isEqualTo(2);
      Factors.assertReproduces(decomposer, last);
      for (Tensor bad : List.of(activations(6, 4, 4, 12), activations(5, 4, 5, 12))) {
        assertThatThrownBy(() -> decomposer.fit(bad, 1))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("up to 5 examples of 16 pixels and 12 channels");
      }
    }
    assertThatThrownBy(() -> decomposer(planned, new Fixed(0), ALWAYS))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () -> new PerExampleDecomposer(1, new Shape(2, 2, 2), new Fixed(1), ALWAYS, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void the_residual_of_a_part_is_that_part_of_the_residual() {
    Tensor x = activations(5, 4, 4, 12);
    try (PerExampleDecomposer decomposer = decomposer(x, new Fixed(3), ALWAYS)) {
      decomposer.fit(x, 0);
      double[][] whole = Factors.residual(decomposer, x);
      Tensor part = Tensor.allocate(arena, 2, 4, 4, 12);
      decomposer.residual(x, 3, 2, part);
      double[][] rows = Matrices.rows(part, 12);
      for (int p = 0; p < rows.length; p++) {
        assertThat(rows[p]).isEqualTo(whole[48 + p]);
      }
    }
  }

  @Test
  void close_is_idempotent_and_use_after_it_throws() {
    Tensor x = activations(2, 3, 3, 4);
    PerExampleDecomposer decomposer = decomposer(x, new Fixed(2), ALWAYS);
    decomposer.fit(x, 0);
    decomposer.close();
    decomposer.close();
    assertThatThrownBy(() -> decomposer.fit(x, 1)).isInstanceOf(IllegalStateException.class);
  }
}
