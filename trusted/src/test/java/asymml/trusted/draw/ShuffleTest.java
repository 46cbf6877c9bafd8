package asymml.trusted.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShuffleTest {
  /// Reference values of the author's C program (prng.di.unimi.it/splitmix64.c), seed 1234567.
  @Test
  void the_generator_is_splitmix64() {
    SplitMix64 random = new SplitMix64(1234567);
    assertThat(
            IntStream.range(0, 5).mapToObj(i -> Long.toUnsignedString(random.nextLong())).toList())
        .containsExactly(
            "6457827717110365317",
            "3203168211198807973",
            "9817491932198370423",
            "4593380528125082431",
            "16408922859458223821");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 13, 207, 10_000})
  void an_order_is_a_permutation(int size) {
    assertThat(Arrays.stream(Shuffle.order(size, 42)).sorted().toArray())
        .isEqualTo(IntStream.range(0, size).toArray());
  }

  /// Pinned: a change would make old runs impossible to repeat.
  @Test
  void an_order_is_fixed_by_its_seed() {
    assertThat(Shuffle.order(10, 1)).containsExactly(8, 3, 7, 6, 5, 9, 1, 0, 4, 2);
    assertThat(Shuffle.order(1000, 1)).isEqualTo(Shuffle.order(1000, 1));
    assertThat(Shuffle.order(1000, 1)).isNotEqualTo(Shuffle.order(1000, 2));
  }

  /// Chi-square with 25 - 5 - 4 = 16 degrees of freedom; 45.9 is passed by chance once in 10,000.
  @Test
  void every_place_is_equally_likely() {
    int size = 5;
    int draws = 20_000;
    int[][] counts = new int[size][size];
    for (int seed = 0; seed < draws; seed++) {
      int[] order = Shuffle.order(size, seed);
      for (int i = 0; i < size; i++) {
        counts[i][order[i]]++;
      }
    }
    double expected = draws / (double) size;
    double chiSquare =
        Arrays.stream(counts)
            .flatMapToInt(Arrays::stream)
            .mapToDouble(n -> (n - expected) * (n - expected) / expected)
            .sum();
    assertThat(chiSquare).isLessThan(45.9);
  }

  @Test
  void bounded_numbers_are_in_range_and_a_negative_size_is_refused() {
    SplitMix64 random = new SplitMix64(3);
    for (int bound : new int[] {1, 2, 13, Integer.MAX_VALUE}) {
      for (int i = 0; i < 1000; i++) {
        assertThat(random.nextInt(bound)).isBetween(0, bound - 1);
      }
    }
    assertThatThrownBy(() -> Shuffle.order(-1, 0)).isInstanceOf(IllegalArgumentException.class);
  }
}
