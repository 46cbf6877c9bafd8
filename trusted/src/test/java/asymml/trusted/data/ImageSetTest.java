package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class ImageSetTest {
  private static final Shape SHAPE = new Shape(1, 2, 1);
  private static final List<String> CLASSES = List.of("a", "b", "c");

  private static ImageSet set(int size, IntUnaryOperator pixel) {
    byte[] images = new byte[size * 2];
    for (int i = 0; i < images.length; i++) {
      images[i] = (byte) pixel.applyAsInt(i);
    }
    return ImageSet.of(SHAPE, CLASSES, IntStream.range(0, size).map(i -> i % 3).toArray(), images);
  }

  @Test
  void images_and_labels_come_back_as_put_in() {
    ImageSet set = set(5, i -> 200 + i);
    assertThat(set.size()).isEqualTo(5);
    assertThat(set.shape()).isEqualTo(SHAPE);
    assertThat(set.classNames()).isEqualTo(CLASSES);
    assertThat(set.label(4)).isEqualTo(1);
    assertThat(SampleFiles.pixels(set, 3)).containsExactly(206, 207);
  }

  @Test
  void a_subset_keeps_each_image_with_its_label() {
    ImageSet set = set(100, i -> i / 2);
    ImageSet part = set.subset(30, 5).subset(20, 6);
    assertThat(part.size()).isEqualTo(20);
    for (int i = 0; i < part.size(); i++) {
      assertThat(part.label(i)).isEqualTo(SampleFiles.pixels(part, i)[0] % 3);
    }
  }

  @Test
  void a_smaller_subset_is_the_beginning_of_a_larger_one() {
    ImageSet set = set(100, i -> i / 2);
    ImageSet small = set.subset(10, 5);
    ImageSet large = set.subset(50, 5);
    for (int i = 0; i < small.size(); i++) {
      assertThat(SampleFiles.pixels(small, i)).isEqualTo(SampleFiles.pixels(large, i));
    }
    assertThat(set.subset(50, 6).digest()).isNotEqualTo(large.digest());
    assertThat(set.subset(100, 5)).isSameAs(set);
    assertThatThrownBy(() -> set.subset(0, 5)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void the_digest_tells_apart_pixels_labels_names_and_shapes() {
    int[] labels = {0, 1};
    byte[] images = {1, 2, 3, 4};
    ImageSet set = ImageSet.of(SHAPE, CLASSES, labels, images);
    assertThat(set.digest())
        .hasSize(64)
        .isEqualTo(ImageSet.of(SHAPE, CLASSES, labels, images).digest());
    List<ImageSet> others =
        List.of(
            ImageSet.of(SHAPE, CLASSES, labels, new byte[] {1, 2, 3, 5}),
            ImageSet.of(SHAPE, CLASSES, new int[] {1, 0}, images),
            ImageSet.of(SHAPE, List.of("a", "bc", ""), labels, images),
            ImageSet.of(SHAPE, List.of("ab", "c", ""), labels, images),
            ImageSet.of(new Shape(2, 1, 1), CLASSES, labels, images));
    assertThat(others.stream().map(ImageSet::digest).distinct())
        .hasSize(5)
        .doesNotContain(set.digest());
  }

  @Test
  void inconsistent_parts_are_refused() {
    assertThatThrownBy(() -> ImageSet.of(SHAPE, CLASSES, new int[] {0}, new byte[3]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> ImageSet.of(SHAPE, CLASSES, new int[] {3}, new byte[2]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> ImageSet.of(SHAPE, CLASSES, new int[0], new byte[0]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void the_set_is_a_copy_and_its_description_shows_no_values() {
    int[] labels = {0, 1};
    byte[] images = {1, 2, 3, 4};
    ImageSet set = ImageSet.of(SHAPE, CLASSES, labels, images);
    labels[0] = 2;
    images[0] = 99;
    assertThat(set.label(0)).isZero();
    assertThat(SampleFiles.pixels(set, 0)).containsExactly(1, 2);
    assertThat(set).hasToString("ImageSet[2 of 1x2x1, 3 classes]");
  }

  @Test
  void images_are_stored_across_chunks() {
    int bytes = 5 << 20;
    Pixels pixels = new Pixels(7, new Shape(5 << 10, 1 << 10, 1));
    byte[] image = new byte[bytes];
    for (int i = 0; i < 7; i++) {
      image[bytes - 1] = (byte) i;
      pixels.put(i, image);
    }
    for (int i = 0; i < 7; i++) {
      pixels.get(i, image);
      assertThat(image[bytes - 1]).isEqualTo((byte) i);
    }
  }

  @Test
  void what_does_not_fit_says_how_much_it_needs() {
    assertThatThrownBy(
            () -> Pixels.requireMemory("big.zip", 1000, new Shape(1024, 1024, 1), 1L << 30))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("big.zip")
        .hasMessageContaining("1000 images of 1024x1024x1 need 1000 MiB")
        .hasMessageContaining("raise -Xmx to at least 1250m");
    assertThatThrownBy(
            () -> Pixels.requireMemory("huge", Integer.MAX_VALUE, new Shape(1 << 15, 1 << 15, 3)))
        .isInstanceOf(DataException.class);
  }

  @Test
  void shared_images_are_found_by_their_pixels_whatever_their_place_and_label() {
    ImageSet own = set(50, i -> i); // pairs (0, 1), (2, 3), ...
    assertThat(own.sharedWith(own)).isEqualTo(50);
    assertThat(own.sharedWith(own.subset(1, 3))).isEqualTo(1);
    assertThat(own.subset(7, 3).sharedWith(own)).isEqualTo(7);
    assertThat(own.sharedWith(set(9, i -> 200 + i), set(2, i -> i + 96))).isEqualTo(2);
    assertThat(own.sharedWith(set(50, i -> i + 1))).isZero();
    assertThat(own.sharedWith()).isZero();
    // Twice the same image is two public images too many.
    assertThat(set(3, _ -> 7).sharedWith(set(2, _ -> 7), set(2, _ -> 7))).isEqualTo(3);
    // The same bytes in another shape are another image.
    ImageSet upright = ImageSet.of(new Shape(2, 1, 1), CLASSES, new int[1], new byte[] {0, 1});
    assertThat(own.sharedWith(upright)).isZero();
  }

  @Test
  void of_images_with_the_same_pixels_the_first_counts() {
    ImageSet all = set(50, i -> i); // pairs (0, 1), (2, 3), ...
    assertThat(all.distinct()).isSameAs(all);
    ImageSet thrice = set(6, i -> i / 2 % 2 == 0 ? 7 : i);
    ImageSet once = thrice.distinct();
    assertThat(once.size()).isEqualTo(4);
    assertThat(once.label(0)).isEqualTo(thrice.label(0));
    assertThat(once.label(2)).isEqualTo(thrice.label(3));
    assertThat(SampleFiles.pixels(once, 3)).isEqualTo(SampleFiles.pixels(thrice, 5));
    assertThat(once.distinct()).isSameAs(once);
    // The augmentation of the others does not follow from copies.
    assertThat(IntStream.range(0, 4).map(once::number)).containsExactly(0, 1, 3, 5);
  }

  @Test
  void the_digest_of_a_set_follows_from_what_identifies_its_images() {
    ImageSet set = set(5, i -> i);
    assertThat(set.identities()).hasSize(5 * ImageSet.IDENTITY_BYTES);
    assertThat(ImageSet.digest(SHAPE, CLASSES, set.identities())).isEqualTo(set.digest());
    assertThat(ImageSet.digest(SHAPE, CLASSES, set(5, i -> i + 1).identities()))
        .isNotEqualTo(set.digest());
  }

  @Test
  void images_that_lie_elsewhere_have_all_but_pixels_and_labels() {
    String digest = set(7, i -> i).digest();
    ImageSet elsewhere = ImageSet.elsewhere(SHAPE, CLASSES, 7, digest);
    assertThat(elsewhere.isElsewhere()).isTrue();
    assertThat(elsewhere.size()).isEqualTo(7);
    assertThat(elsewhere.shape()).isEqualTo(SHAPE);
    assertThat(elsewhere.classNames()).isEqualTo(CLASSES);
    assertThat(elsewhere.digest()).isEqualTo(digest);
    assertThat(elsewhere.readFromFiles()).isZero();
    assertElsewhere(() -> elsewhere.label(0));
    assertElsewhere(() -> elsewhere.pixels(0, new byte[2]));
    assertElsewhere(() -> elsewhere.subset(3, 1));
    assertElsewhere(elsewhere::distinct);
    assertElsewhere(elsewhere::identities);
    assertElsewhere(() -> elsewhere.sharedWith(elsewhere));
    assertThat(set(7, i -> i).isElsewhere()).isFalse();
    assertThatThrownBy(() -> ImageSet.elsewhere(SHAPE, CLASSES, 0, digest))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static void assertElsewhere(ThrowingCallable use) {
    assertThatThrownBy(use)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("the images lie elsewhere");
  }

  @Test
  void a_part_keeps_the_numbers_of_the_whole() {
    ImageSet part = set(3, i -> i).numbered(new int[] {9, 0, 4});
    assertThat(part.number(0)).isEqualTo(9);
    assertThat(part.number(2)).isEqualTo(4);
    assertThat(set(3, i -> i).number(2)).isEqualTo(2);
    assertThat(SampleFiles.pixels(part, 1)).containsExactly(2, 3);
    assertThat(part.digest()).isEqualTo(set(3, i -> i).digest());
    assertThatThrownBy(() -> part.numbered(new int[2]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("2 numbers for");
  }

  @Test
  void sums_over_parts_add_up_to_the_statistics_of_the_whole() {
    ImageSet whole = set(100, i -> 7 * i);
    long[][] sum = Normalization.sums(set(40, i -> 7 * i));
    long[][] rest = Normalization.sums(set(60, i -> 7 * (i + 80)));
    for (int level = 0; level < 2; level++) {
      sum[0][level] += rest[0][level];
    }
    Normalization both = Normalization.of(sum, 200);
    assertThat(both.mean()).isEqualTo(Normalization.of(whole).mean());
    assertThat(both.standardDeviation()).isEqualTo(Normalization.of(whole).standardDeviation());
  }
}
