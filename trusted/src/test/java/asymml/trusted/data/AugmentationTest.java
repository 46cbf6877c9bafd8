package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.draw.PoissonDraw;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// How often images are varied in which way. Each pixel of a test image tells its own place, so
/// that flip and shift can be read off one batch.
class AugmentationTest {
  /// Bytes as they are: place p has the value p / 255.
  private static final Normalization IDENTITY = new Normalization(new float[] {0}, new float[] {1});

  /// What was done to an image: what stands at `y, x` comes from `y + down`, and from `x + right`
  /// of the image or of its mirror image.
  private record Variation(int down, int right, boolean mirrored) {}

  private static ImageSet copies(int count, int height, int width) {
    byte[] one = new byte[height * width];
    for (int p = 0; p < one.length; p++) {
      one[p] = (byte) (p + 1);
    }
    byte[] all = new byte[count * one.length];
    for (int i = 0; i < count; i++) {
      System.arraycopy(one, 0, all, i * one.length, one.length);
    }
    return ImageSet.of(new Shape(height, width, 1), List.of("a", "b"), new int[count], all);
  }

  private static float[][] vary(ImageSet images, Augmentation augmentation, long seed) {
    int count = images.size();
    Shape shape = images.shape();
    try (Arena arena = Arena.ofConfined()) {
      Tensor out = Tensor.allocate(arena, count, shape.height(), shape.width(), shape.channels());
      out.fill(Float.NaN);
      new BatchAssembler(images, IDENTITY, augmentation, seed)
          .assemble(IntStream.range(0, count).toArray(), out);
      return IntStream.range(0, count)
          .mapToObj(i -> out.examples(i, 1).toArray())
          .toArray(float[][]::new);
    }
  }

  /// Reads a variation off, and checks each pixel against it.
  private static Variation read(float[] values, int height, int width) {
    int first = 0;
    while (values[first] == 0) {
      first++;
    }
    int place = Math.round(values[first] * 255) - 1;
    int y = first / width;
    int x = first % width;
    int row = place / width;
    int column = place % width;
    // The neighbour says which way the columns run; a flip comes after the shift. There is one in
    // all tests that flip.
    boolean mirrored = x + 1 < width && values[first + 1] != 0 && values[first + 1] < values[first];
    Variation found =
        new Variation(row - y, mirrored ? column - (width - 1 - x) : column - x, mirrored);
    for (int p = 0; p < values.length; p++) {
      int fromRow = p / width + found.down;
      int shown = mirrored ? width - 1 - p % width : p % width;
      int fromColumn = shown + found.right;
      boolean inside = fromRow >= 0 && fromRow < height && fromColumn >= 0 && fromColumn < width;
      float expected = inside ? (fromRow * width + fromColumn + 1) / 255f : 0;
      assertThat(values[p]).as("%s at %d", found, p).isEqualTo(expected);
    }
    return found;
  }

  /// Chi-square statistics of 3600 images. The limit is that of 30 degrees of freedom at a false
  /// alarm rate of 10^-6; all counts here have fewer. The seed is fixed.
  private static void assertUniform(int... counts) {
    double expected = Arrays.stream(counts).sum() / (double) counts.length;
    double statistic =
        Arrays.stream(counts).mapToDouble(c -> Math.pow(c - expected, 2) / expected).sum();
    assertThat(statistic).as("%s", Arrays.toString(counts)).isLessThan(83);
  }

  @Test
  void flips_are_half_and_shifts_uniform_and_none_depends_on_another() {
    System.out.println("seed 17");
    int padding = 2;
    int shifts = 2 * padding + 1;
    int[] flips = new int[2];
    int[] downs = new int[shifts];
    int[] rights = new int[shifts];
    int[] pairs = new int[shifts * shifts];
    int[] flipsAndRights = new int[2 * shifts];
    for (float[] image : vary(copies(3600, 6, 7), new Augmentation(true, padding), 17)) {
      Variation found = read(image, 6, 7);
      int down = found.down + padding;
      int right = found.right + padding;
      int flip = found.mirrored ? 1 : 0;
      flips[flip]++;
      downs[down]++;
      rights[right]++;
      pairs[down * shifts + right]++;
      flipsAndRights[flip * shifts + right]++;
    }
    for (int[] counts : List.of(flips, downs, rights, pairs, flipsAndRights)) {
      assertUniform(counts);
    }
  }

  @ParameterizedTest
  @CsvSource({"6, 7, true, 0", "6, 7, false, 3", "3, 9, true, 2", "9, 3, false, 2"})
  void each_part_happens_only_if_it_is_asked_for(int height, int width, boolean flip, int padding) {
    Augmentation augmentation = new Augmentation(flip, padding);
    boolean flipped = false;
    int farthest = 0;
    for (float[] image : vary(copies(400, height, width), augmentation, 18)) {
      Variation found = read(image, height, width);
      flipped |= found.mirrored;
      farthest = Math.max(farthest, Math.max(Math.abs(found.down), Math.abs(found.right)));
    }
    assertThat(flipped).isEqualTo(flip);
    assertThat(farthest).isEqualTo(padding);
  }

  /// The first view is what there is where there is but one.
  @Test
  void every_second_view_of_an_image_is_mirrored_and_shifts_differ() {
    int count = 60;
    Augmentation one = new Augmentation(true, 2);
    float[][] single = vary(copies(count, 6, 7), one, 22);
    ImageSet images = copies(count, 6, 7);
    int[] order = IntStream.range(0, count).toArray();
    int different = 0;
    try (BatchLoader loader =
        new BatchLoader(images, IDENTITY, one.withViews(3), order, count, 22, 0)) {
      Batch batch = loader.next();
      assertThat(batch.labels()).hasSize(3 * count);
      for (int n = 0; n < count; n++) {
        Variation[] views = new Variation[3];
        for (int k = 0; k < 3; k++) {
          assertThat(batch.indices()[3 * n + k]).isEqualTo(n);
          assertThat(batch.labels()[3 * n + k]).isEqualTo(images.label(n));
          views[k] = read(batch.images().examples(3 * n + k, 1).toArray(), 6, 7);
        }
        assertThat(views[0]).isEqualTo(read(single[n], 6, 7));
        assertThat(views[1].mirrored).isNotEqualTo(views[0].mirrored);
        assertThat(views[2].mirrored).isEqualTo(views[0].mirrored);
        different += views[2].equals(views[0]) ? 0 : 1;
      }
      assertThat(loader.hasNext()).isFalse();
    }
    // Of 25 shifts, two are the same in one image of 25.
    assertThat(different).isGreaterThan(count / 2);
  }

  @Test
  void without_variation_images_are_what_they_are_whatever_the_seed() {
    for (long seed : new long[] {0, -1, Long.MIN_VALUE}) {
      for (float[] image : vary(copies(5, 4, 4), Augmentation.none(), seed)) {
        assertThat(read(image, 4, 4)).isEqualTo(new Variation(0, 0, false));
      }
    }
    // A single pixel has nowhere to go.
    assertThat(vary(copies(1, 1, 1), new Augmentation(true, 0), 3)[0]).containsExactly(1 / 255f);
  }

  @Test
  void what_a_shift_uncovers_is_the_mean_and_not_black() {
    ImageSet images = copies(200, 3, 3);
    Normalization bright = new Normalization(new float[] {0.75f}, new float[] {0.5f});
    try (Arena arena = Arena.ofConfined()) {
      Tensor out = Tensor.allocate(arena, 200, 3, 3, 1);
      new BatchAssembler(images, bright, new Augmentation(false, 2), 19)
          .assemble(IntStream.range(0, 200).toArray(), out);
      int uncovered = 0;
      for (float value : out.toArray()) {
        // All pixels are far darker than the mean.
        assertThat(value == 0 || value < -1.4f).as("%s", value).isTrue();
        uncovered += value == 0 ? 1 : 0;
      }
      // Of an axis of 3, shifts of 0, 1 and 2 leave 3, 2 and 1: 9 of 15 on average.
      assertThat(uncovered / 1800.0).isBetween(0.5, 0.75);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void a_shift_may_leave_one_row_or_column_but_not_none(int size) {
    ImageSet images = copies(1, size, size + 2);
    if (size > 1) {
      for (float[] image : vary(images, new Augmentation(false, size - 1), 20)) {
        assertThat(image).isNotEqualTo(new float[image.length]);
      }
    }
    assertThatThrownBy(() -> vary(images, new Augmentation(false, size), 20))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("crop padding " + size + " would shift images of")
        .hasMessageContaining("out of sight");
  }

  @Test
  void the_remaining_values_of_an_assembler_are_zeroed_and_do_not_come_back() {
    ImageSet images = copies(3, 4, 4);
    try (Arena arena = Arena.ofConfined()) {
      Tensor out = Tensor.allocate(arena, 3, 4, 4, 1);
      BatchAssembler assembler =
          new BatchAssembler(images, IDENTITY, new Augmentation(true, 3), 21);
      assembler.assemble(new int[] {0, PoissonDraw.NULL_EXAMPLE, 2}, out);
      float[] before = out.toArray();
      assertThat(Arrays.copyOfRange(before, 16, 32)).containsOnly(0);
      assembler.clear();
      out.fill(Float.NaN);
      // What is uncovered or null is written, not left over: the same order gives the same batch.
      assembler.assemble(new int[] {0, PoissonDraw.NULL_EXAMPLE, 2}, out);
      assertThat(out.toArray()).isEqualTo(before);
    }
  }
}
