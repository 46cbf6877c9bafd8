package asymml.trusted.boundary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.GaussianNoise;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NoiseLanesTest {
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void free() {
    arena.close();
  }

  private static NoiseLanes lanes(long seed, int threads) {
    return new NoiseLanes(new SeededSecureRandom(seed), threads);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "1, 7", "3, 1", "3, 2", "3, 7", "4, 64", "7, 13"})
  void every_example_is_one_threads_work_exactly_once(int threads, int count) {
    AtomicIntegerArray times = new AtomicIntegerArray(count + 5);
    Set<NoiseLanes.Lane> used = Collections.synchronizedSet(new HashSet<>());
    List<Integer> sizes = Collections.synchronizedList(new ArrayList<>());
    try (NoiseLanes lanes = lanes(71, threads)) {
      lanes.share(
          5,
          count,
          (lane, from, to) -> {
            used.add(lane);
            sizes.add(to - from);
            for (int i = from; i < to; i++) {
              times.incrementAndGet(i);
            }
          });
    }
    for (int i = 0; i < times.length(); i++) {
      assertThat(times.get(i)).as("example %d", i).isEqualTo(i < 5 ? 0 : 1);
    }
    assertThat(used).hasSize(Math.min(threads, count)); // two tasks on one stream would race
    assertThat(sizes).hasSameSizeAs(used).allMatch(size -> size >= count / sizes.size());
    assertThat(Collections.max(sizes) - Collections.min(sizes)).isLessThanOrEqualTo(1);
  }

  @Test
  void work_on_one_example_at_a_time_sees_each_with_the_lane_of_its_share() {
    List<String> seen = Collections.synchronizedList(new ArrayList<>());
    List<NoiseLanes.Lane> owners = Collections.synchronizedList(new ArrayList<>());
    try (NoiseLanes lanes = lanes(72, 2)) {
      lanes.each(
          3,
          4,
          (lane, i) -> {
            synchronized (owners) {
              if (!owners.contains(lane)) {
                owners.add(lane);
              }
              seen.add(i + " of " + (i < 5 ? "first" : "second"));
            }
          });
    }
    assertThat(seen)
        .containsExactlyInAnyOrder("3 of first", "4 of first", "5 of second", "6 of second");
    assertThat(owners).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1})
  void noise_needs_a_thread(int threads) {
    assertThatThrownBy(() -> lanes(73, threads))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("noise needs at least one thread: " + threads);
  }

  private static double[] perturbed(NoiseLanes lanes, Tensor sum, double sigma) {
    float[] before = sum.toArray();
    lanes.perturb(sum, sigma, NoiseLattice.BITS);
    double[] noise = new double[before.length];
    for (int i = 0; i < noise.length; i++) {
      noise[i] = (double) sum.get(i) - before[i];
    }
    return noise;
  }

  /// Sizes around those of blocks and vectors. The noise of n values has mean 0 within 6 sigma /
  /// sqrt(n) and variance sigma^2 within 6 sigma^2 sqrt(2 / n): false alarms below 1e-8 each, and
  /// the seed is fixed. Small vectors are checked for values at all.
  @ParameterizedTest
  @CsvSource({"1, 1", "13, 3", "1023, 2", "1024, 4", "1025, 4", "20000, 3", "20000, 1"})
  void a_vector_gets_noise_of_the_deviation_in_all_of_its_values(int size, int threads) {
    double sigma = 0.37;
    try (NoiseLanes lanes = lanes(74, threads)) {
      double[] noise = perturbed(lanes, Tensor.allocate(arena, size), sigma);
      double zeros = Arrays.stream(noise).filter(v -> v == 0).count();
      // A value is rounded to 0 with probability 4e-4.
      assertThat(zeros).isLessThanOrEqualTo(2 + size * 2e-3);
      double mean = Arrays.stream(noise).average().orElseThrow();
      double variance = Arrays.stream(noise).map(v -> v * v).average().orElseThrow();
      assertThat(Math.abs(mean)).isLessThan(6 * sigma / Math.sqrt(size));
      if (size > 1000) {
        assertThat(Math.abs(variance / (sigma * sigma) - 1)).isLessThan(6 * Math.sqrt(2.0 / size));
      }
      for (double value : noise) {
        // 2^(exponent(0.37) - 10) = 2^-12
        assertThat(value * 0x1p12).isEqualTo(Math.rint(value * 0x1p12));
      }
    }
  }

  /// Equal noise in two lanes, or again in the next call, would cancel in a difference.
  @Test
  void no_noise_is_used_twice() {
    int size = 4 * GaussianNoise.BLOCK;
    try (NoiseLanes lanes = lanes(75, 4)) {
      double[] first = perturbed(lanes, Tensor.allocate(arena, size), 1);
      double[] second = perturbed(lanes, Tensor.allocate(arena, size), 1);
      List<double[]> parts = new ArrayList<>();
      for (double[] noise : List.of(first, second)) {
        for (int from = 0; from < size; from += GaussianNoise.BLOCK) {
          parts.add(Arrays.copyOfRange(noise, from, from + GaussianNoise.BLOCK));
        }
      }
      for (int i = 0; i < parts.size(); i++) {
        for (int j = 0; j < i; j++) {
          // A correlation of 1024 pairs beyond 6 / sqrt(1024) has probability 2e-9.
          assertThat(Math.abs(correlation(parts.get(i), parts.get(j)))).isLessThan(0.19);
        }
      }
    }
  }

  private static double correlation(double[] a, double[] b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    return ab / Math.sqrt(aa * bb);
  }

  @Test
  void the_same_keys_and_threads_make_the_same_noise_and_other_keys_other_noise() {
    double[][] noise = new double[3][];
    for (int run = 0; run < 3; run++) {
      try (NoiseLanes lanes = lanes(run < 2 ? 76 : 77, 3)) {
        noise[run] = perturbed(lanes, Tensor.allocate(arena, 5000), 1);
      }
    }
    assertThat(noise[1]).isEqualTo(noise[0]);
    assertThat(correlation(noise[2], noise[0])).isBetween(-0.085, 0.085); // 6 / sqrt(5000)
  }

  @Test
  void a_lane_lends_a_source_private_memory_for_one_example() {
    Tensor own = Tensor.allocate(arena, 3);
    try (NoiseLanes lanes = lanes(78, 1)) {
      lanes.each(
          0,
          3,
          (lane, i) -> {
            int dim = i == 1 ? 1000 : 7;
            Tensor values =
                lane.values(
                    (example, scratch) -> {
                      assertThat(example).isEqualTo(i);
                      assertThat(scratch.shape()).containsExactly(dim);
                      scratch.fill(i + 1);
                      return scratch;
                    },
                    i,
                    dim);
            assertThat(values.toArray()).hasSize(dim).containsOnly(i + 1);
            // A source that has the values elsewhere need not copy them.
            assertThat(lane.values((_, _) -> own, i, 3)).isSameAs(own);
          });
    }
  }

  @Test
  void private_values_are_zeroed_when_the_memory_grows_and_in_the_end() {
    List<Tensor> lent = new ArrayList<>();
    NoiseLanes lanes = lanes(79, 1);
    lanes.each(
        0,
        2,
        (lane, i) -> {
          Tensor values =
              lane.values(
                  (_, scratch) -> {
                    scratch.fill(5);
                    return scratch;
                  },
                  i,
                  i == 0 ? 10 : 100);
          lent.add(values);
        });
    assertThat(lent.getFirst().toArray()).containsOnly(0);
    assertThat(lent.getLast().toArray()).containsOnly(5);
    lanes.close();
    assertThat(lent.getLast().toArray()).containsOnly(0);
  }

  @Test
  void closed_lanes_have_no_noise_left() {
    Tensor sum = Tensor.allocate(arena, 5);
    NoiseLanes lanes = lanes(80, 1);
    lanes.close();
    lanes.close();
    assertThatThrownBy(() -> lanes.perturb(sum, 1, NoiseLattice.BITS))
        .isInstanceOf(IllegalStateException.class);
    assertThat(sum.toArray()).containsOnly(0);
  }

  @Test
  void the_time_of_sources_is_told_apart_from_that_of_the_door() {
    try (NoiseLanes lanes = lanes(81, 1)) {
      assertThat(lanes.busyNanos()).isZero();
      assertThat(lanes.sourceNanos()).isZero();
      Tensor values = Tensor.allocate(arena, 4);
      Tensor large = Tensor.allocate(arena, 1 << 20);
      lanes.each(
          0,
          2,
          (lane, i) ->
              lane.values(
                  (_, _) -> {
                    // Takes long enough for any clock to move.
                    large.fill(1);
                    return values;
                  },
                  i,
                  4));
      long source = lanes.sourceNanos();
      assertThat(source).isPositive();
      long busy = lanes.busyNanos();
      assertThat(busy).isNotNegative();
      lanes.timed(() -> {});
      assertThat(lanes.busyNanos()).isGreaterThanOrEqualTo(busy);
      assertThat(lanes.sourceNanos()).isEqualTo(source);
    }
  }
}
