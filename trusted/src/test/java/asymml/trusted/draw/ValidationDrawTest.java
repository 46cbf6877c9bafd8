package asymml.trusted.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ValidationDrawTest {
  private static int[] labels(int... counts) {
    return IntStream.range(0, counts.length)
        .flatMap(c -> IntStream.generate(() -> c).limit(counts[c]))
        .toArray();
  }

  private static int[] counts(int[] labels, int[] places, int classes) {
    int[] counts = new int[classes];
    Arrays.stream(places).forEach(place -> counts[labels[place]]++);
    return counts;
  }

  @ParameterizedTest
  @CsvSource({"100, 0.1, 10", "100, 0.999, 99", "7, 0.01, 1", "2, 0.5, 1", "15, 0.5, 8"})
  void as_many_are_set_aside_as_the_share_says_but_at_least_one_and_never_all(
      int size, double share, int expected) {
    int[] places = ValidationDraw.ofPlaces(size, share, 5);
    assertThat(places).hasSize(expected).doesNotHaveDuplicates().isSorted();
    assertThat(Arrays.stream(places)).allMatch(place -> place >= 0 && place < size);
  }

  @Test
  void each_class_gives_the_same_share_as_nearly_as_whole_images_allow() {
    int[] labels = labels(50, 30, 20);
    assertThat(counts(labels, ValidationDraw.ofClasses(labels, 0.1, 3), 3))
        .containsExactly(5, 3, 2);
    int[] few = labels(5, 5, 5, 5);
    int[] places = ValidationDraw.ofClasses(few, 0.3, 3);
    assertThat(places).hasSize(6).isSorted().doesNotHaveDuplicates();
    assertThat(counts(few, places, 4)).containsExactly(2, 2, 1, 1);
  }

  @Test
  void no_class_is_set_aside_as_a_whole() {
    int[] labels = labels(1, 2, 40);
    int[] counts = counts(labels, ValidationDraw.ofClasses(labels, 0.9, 3), 3);
    assertThat(counts[0]).isZero();
    assertThat(counts[1]).isEqualTo(1);
    assertThat(counts[2]).isBetween(36, 39);
  }

  @Test
  void the_seed_decides_and_nothing_else() {
    int[] labels = new SplittableRandom(4).ints(200, 0, 7).toArray();
    int[] first = ValidationDraw.ofClasses(labels, 0.2, 9);
    assertThat(ValidationDraw.ofClasses(labels.clone(), 0.2, 9)).isEqualTo(first);
    assertThat(ValidationDraw.ofClasses(labels, 0.2, 10)).isNotEqualTo(first);
    assertThat(ValidationDraw.ofPlaces(200, 0.2, 9))
        .isEqualTo(ValidationDraw.ofPlaces(200, 0.2, 9));
    assertThat(ValidationDraw.ofPlaces(200, 0.2, 8))
        .isNotEqualTo(ValidationDraw.ofPlaces(200, 0.2, 9));
  }

  /// Each place is as likely as any other: of 2000 draws of 10 of 50 each place is in 400, with a
  /// standard deviation of 18; that one of 50 is off by 90 has a probability below 1e-4.
  @Test
  void all_places_are_equally_likely() {
    int[] times = new int[50];
    for (int seed = 0; seed < 2000; seed++) {
      Arrays.stream(ValidationDraw.ofPlaces(50, 0.2, seed)).forEach(place -> times[place]++);
    }
    assertThat(Arrays.stream(times)).allMatch(count -> Math.abs(count - 400) < 90);
  }

  /// 40 patients with 1 to 9 images of three classes.
  @Test
  void groups_stay_whole_and_classes_come_near_the_share() {
    SplittableRandom random = new SplittableRandom(6);
    long[] groups =
        LongStream.range(0, 40)
            .map(i -> i * 7_919 - 5)
            .flatMap(group -> LongStream.generate(() -> group).limit(random.nextInt(1, 10)))
            .toArray();
    int[] labels = random.ints(groups.length, 0, 3).toArray();
    int[] places = ValidationDraw.ofGroups(labels, groups, 0.2, 4);
    assertWhole(places, groups);
    assertThat(places).isSorted().isEqualTo(ValidationDraw.ofGroups(labels, groups, 0.2, 4));
    assertThat(places).isNotEqualTo(ValidationDraw.ofGroups(labels, groups, 0.2, 5));
    int[] all = counts(labels, IntStream.range(0, labels.length).toArray(), 3);
    int[] aside = counts(labels, places, 3);
    for (int c = 0; c < 3; c++) {
      assertThat((double) aside[c] / all[c]).isBetween(0.1, 0.3);
    }
    int[] alone = ValidationDraw.ofGroups(groups, 0.2, 4);
    assertWhole(alone, groups);
    assertThat(alone).isSorted().isNotEmpty();
  }

  private static void assertWhole(int[] places, long[] groups) {
    Set<Long> aside = Arrays.stream(places).mapToObj(i -> groups[i]).collect(Collectors.toSet());
    long members = Arrays.stream(groups).filter(aside::contains).count();
    assertThat(places).hasSize(Math.toIntExact(members));
  }

  @Test
  void whether_a_group_is_set_aside_by_itself_follows_from_no_other_one() {
    long[] groups = LongStream.range(0, 100).toArray();
    int[] all = ValidationDraw.ofGroups(groups, 0.3, 8);
    int[] half = ValidationDraw.ofGroups(Arrays.copyOf(groups, 50), 0.3, 8);
    assertThat(Arrays.stream(all).filter(i -> i < 50).toArray()).isEqualTo(half);
  }

  @Test
  void large_groups_are_taken_if_there_are_no_others_and_never_all_of_a_class() {
    int[] labels = labels(6, 6);
    long[] two = {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2};
    assertThat(ValidationDraw.ofGroups(labels, two, 0.01, 3)).hasSize(6);
    long[] byClass = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2};
    assertThatThrownBy(() -> ValidationDraw.ofGroups(labels, byClass, 0.5, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("each group has all images of a class");
    assertThatThrownBy(() -> ValidationDraw.ofGroups(new long[] {4, 4, 4}, 0.5, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("of the groups are set aside");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1, -0.1, 1.5, Double.NaN})
  void a_share_that_is_none_is_refused(double share) {
    assertThatThrownBy(() -> ValidationDraw.ofPlaces(10, share, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("share of validation images must be above 0 and below 1: " + share);
  }

  @Test
  void too_few_images_are_refused() {
    assertThatThrownBy(() -> ValidationDraw.ofPlaces(1, 0.5, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("there are 1");
    assertThatThrownBy(() -> ValidationDraw.ofClasses(labels(1, 1, 1), 0.5, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("every class has a single image");
  }
}
