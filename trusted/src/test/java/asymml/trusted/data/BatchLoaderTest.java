package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.draw.PoissonDraw;
import asymml.trusted.draw.Shuffle;
import asymml.trusted.draw.SplitMix64;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BatchLoaderTest {
  private static final Shape SHAPE = new Shape(5, 6, 2);
  private static final Normalization NORMALIZATION =
      new Normalization(new float[] {0.5f, 0.25f}, new float[] {0.5f, 2});
  private static final Augmentation BOTH = new Augmentation(true, 2);

  @SuppressWarnings("ArrayRecordComponent") // Compared recursively.
  private record Copy(int[] indices, int[] labels, float[] values) {}

  private static ImageSet images(int count) {
    SplitMix64 random = new SplitMix64(99);
    byte[] images = new byte[count * SHAPE.size()];
    for (int i = 0; i < images.length; i++) {
      images[i] = (byte) random.nextInt(256);
    }
    int[] labels = IntStream.range(0, count).map(i -> i % 3).toArray();
    return ImageSet.of(SHAPE, List.of("a", "b", "c"), labels, images);
  }

  private static List<Copy> all(
      ImageSet images, Augmentation augmentation, int[] order, int size, long seed, int first) {
    List<Copy> copies = new ArrayList<>();
    try (BatchLoader loader =
        new BatchLoader(images, NORMALIZATION, augmentation, order, size, seed, first)) {
      while (loader.hasNext()) {
        Batch batch = loader.next();
        assertThat(batch.images().shape()).containsExactly(batch.size(), 5, 6, 2);
        copies.add(new Copy(batch.indices(), batch.labels(), batch.images().toArray()));
      }
    }
    return copies;
  }

  private static float normalised(byte[] pixels, int y, int x, int c) {
    float value = (pixels[(y * 6 + x) * 2 + c] & 0xFF) / 255f;
    return (value - NORMALIZATION.mean()[c]) / NORMALIZATION.standardDeviation()[c];
  }

  /// Straight from the definition.
  private static float[] varied(byte[] pixels, int down, int right, boolean mirrored) {
    float[] out = new float[SHAPE.size()];
    for (int y = 0; y < 5; y++) {
      for (int x = 0; x < 6; x++) {
        int sourceY = y + down;
        int sourceX = (mirrored ? 5 - x : x) + right;
        for (int c = 0; c < 2; c++) {
          boolean inside = sourceY >= 0 && sourceY < 5 && sourceX >= 0 && sourceX < 6;
          out[(y * 6 + x) * 2 + c] = inside ? normalised(pixels, sourceY, sourceX, c) : 0;
        }
      }
    }
    return out;
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "13, 4", "12, 4", "3, 8", "207, 16"})
  void batches_serve_the_order_with_labels_and_a_partial_last_one(int count, int size) {
    ImageSet images = images(count);
    int[] order = Shuffle.order(count, 4);
    List<Copy> batches = all(images, Augmentation.none(), order, size, 0, 0);
    assertThat(batches).hasSize(Math.ceilDiv(count, size));
    int next = 0;
    for (Copy batch : batches) {
      for (int n = 0; n < batch.indices().length; n++, next++) {
        int index = order[next];
        assertThat(batch.indices()[n]).isEqualTo(index);
        assertThat(batch.labels()[n]).isEqualTo(images.label(index));
        float[] values =
            Arrays.copyOfRange(batch.values(), n * SHAPE.size(), (n + 1) * SHAPE.size());
        assertThat(values).isEqualTo(varied(SampleFiles.pixels(images, index), 0, 0, false));
      }
    }
    assertThat(next).isEqualTo(count);
  }

  @Test
  void an_augmented_image_is_a_shifted_and_mirrored_copy_padded_with_the_mean() {
    ImageSet images = images(1);
    byte[] pixels = SampleFiles.pixels(images, 0);
    Set<String> seen = new HashSet<>();
    for (int seed = 0; seed < 1000; seed++) {
      float[] values = all(images, BOTH, new int[] {0}, 1, seed, 0).getFirst().values();
      seen.add(which(pixels, values));
    }
    // 5 x 5 shifts, mirrored or not: by chance one is missing once in 10^7 runs.
    assertThat(seen).hasSize(50);
  }

  private static String which(byte[] pixels, float[] values) {
    for (int down = -2; down <= 2; down++) {
      for (int right = -2; right <= 2; right++) {
        for (boolean mirrored : new boolean[] {false, true}) {
          if (Arrays.equals(values, varied(pixels, down, right, mirrored))) {
            return down + " " + right + " " + mirrored;
          }
        }
      }
    }
    throw new AssertionError("neither a shifted nor a mirrored copy");
  }

  @Test
  void an_examples_augmentation_depends_on_seed_and_index_only() {
    ImageSet images = images(20);
    int[] forth = IntStream.range(0, 20).toArray();
    int[] back = IntStream.range(0, 20).map(i -> 19 - i).toArray();
    float[] first = all(images, BOTH, forth, 20, 7, 0).getFirst().values();
    List<Copy> second = all(images, BOTH, back, 1, 7, 0);
    for (int i = 0; i < 20; i++) {
      assertThat(second.get(19 - i).values())
          .isEqualTo(Arrays.copyOfRange(first, i * SHAPE.size(), (i + 1) * SHAPE.size()));
    }
    assertThat(all(images, BOTH, forth, 20, 8, 0).getFirst().values()).isNotEqualTo(first);
  }

  @ParameterizedTest
  @CsvSource({"0", "1", "3", "6", "7"})
  void a_resumed_pass_gives_the_batches_of_an_uninterrupted_one(int firstBatch) {
    ImageSet images = images(27);
    int[] order = Shuffle.order(27, 1);
    List<Copy> whole = all(images, BOTH, order, 4, 3, 0);
    List<Copy> rest = all(images, BOTH, order, 4, 3, firstBatch);
    assertThat(rest).usingRecursiveComparison().isEqualTo(whole.subList(firstBatch, whole.size()));
  }

  @Test
  void a_batch_stands_until_the_next_is_asked_for() {
    Set<Thread> others = batchThreads();
    try (BatchLoader loader =
        new BatchLoader(images(40), NORMALIZATION, BOTH, Shuffle.order(40, 1), 4, 3, 0)) {
      Set<Thread> assembling = batchThreads();
      assembling.removeAll(others);
      assertThat(assembling).hasSize(1);
      while (loader.hasNext()) {
        Batch batch = loader.next();
        float[] before = batch.images().toArray();
        awaitIdle(assembling.iterator().next());
        assertThat(batch.images().toArray()).isEqualTo(before);
      }
    }
  }

  @Test
  void closing_ends_the_thread_and_frees_the_memory() {
    Set<Thread> before = batchThreads();
    BatchLoader loader =
        new BatchLoader(images(40), NORMALIZATION, BOTH, Shuffle.order(40, 1), 4, 3, 0);
    Tensor images = loader.next().images();
    Set<Thread> during = batchThreads();
    during.removeAll(before);
    assertThat(during).hasSize(1);
    loader.close();
    loader.close();
    assertThat(during).noneMatch(Thread::isAlive);
    assertThatThrownBy(() -> images.get(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(loader::next).isInstanceOf(IllegalStateException.class);
  }

  /// Until a thread has nothing left to do.
  private static void awaitIdle(Thread thread) {
    while (thread.getState() != Thread.State.WAITING) {
      assertThat(thread.isAlive()).isTrue();
      Thread.onSpinWait();
    }
  }

  private static Set<Thread> batchThreads() {
    Set<Thread> threads = new HashSet<>(Thread.getAllStackTraces().keySet());
    threads.removeIf(thread -> !thread.getName().equals("asymml-batches"));
    return threads;
  }

  @Test
  void an_interrupted_wait_says_so_and_loses_no_batch() {
    ImageSet images = images(8);
    int[] order = Shuffle.order(8, 1);
    try (BatchLoader loader =
        new BatchLoader(images, NORMALIZATION, Augmentation.none(), order, 4, 3, 0)) {
      Thread.currentThread().interrupt();
      assertThatThrownBy(loader::next)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("interrupted");
      assertThat(Thread.interrupted()).isTrue();
      assertThat(loader.next().indices()).isEqualTo(Arrays.copyOf(order, 4));
    }
  }

  /// The buffers are used in turn: a null example stands where a real one stood three batches ago.
  @Test
  void a_null_example_is_an_image_of_zeros_without_a_label_and_leaves_the_others_alone() {
    ImageSet images = images(9);
    SplitMix64 random = new SplitMix64(12);
    int[] order = new int[60];
    Arrays.setAll(
        order, _ -> random.nextInt(3) == 0 ? PoissonDraw.NULL_EXAMPLE : random.nextInt(9));
    int[] real = Arrays.stream(order).map(i -> Math.max(0, i)).toArray();
    List<Copy> batches = all(images, BOTH, order, 4, 3, 0);
    List<Copy> without = all(images, BOTH, real, 4, 3, 0);
    assertThat(batches).hasSize(15);
    int nulls = 0;
    for (int b = 0; b < batches.size(); b++) {
      Copy batch = batches.get(b);
      for (int n = 0; n < 4; n++) {
        int at = n * SHAPE.size();
        float[] values = Arrays.copyOfRange(batch.values(), at, at + SHAPE.size());
        if (order[4 * b + n] == PoissonDraw.NULL_EXAMPLE) {
          nulls++;
          assertThat(batch.indices()[n]).isEqualTo(PoissonDraw.NULL_EXAMPLE);
          assertThat(batch.labels()[n]).isEqualTo(SoftmaxCrossEntropy.NO_LABEL);
          assertThat(values).isEqualTo(new float[SHAPE.size()]);
        } else {
          assertThat(batch.labels()[n]).isEqualTo(images.label(order[4 * b + n]));
          assertThat(values)
              .isEqualTo(Arrays.copyOfRange(without.get(b).values(), at, at + SHAPE.size()));
        }
      }
    }
    assertThat(nulls).isBetween(5, 40);
  }

  @Test
  void a_batch_of_null_examples_alone_is_served_like_any_other() {
    int[] order = new int[8];
    Arrays.fill(order, PoissonDraw.NULL_EXAMPLE);
    for (Copy batch : all(images(3), BOTH, order, 4, 3, 0)) {
      assertThat(batch.values()).containsOnly(0);
      assertThat(batch.labels()).containsOnly(SoftmaxCrossEntropy.NO_LABEL);
    }
  }

  @Test
  void asking_beyond_the_end_is_refused() {
    try (BatchLoader loader =
        new BatchLoader(images(4), NORMALIZATION, BOTH, new int[0], 4, 3, 0)) {
      assertThat(loader.hasNext()).isFalse();
      assertThatThrownBy(loader::next).isInstanceOf(NoSuchElementException.class);
    }
  }

  @Test
  void bad_arguments_are_refused() {
    ImageSet images = images(4);
    int[] order = {0, 1};
    assertThatThrownBy(() -> new BatchLoader(images, NORMALIZATION, BOTH, order, 0, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new BatchLoader(images, NORMALIZATION, BOTH, new int[] {4}, 1, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new BatchLoader(images, NORMALIZATION, BOTH, new int[] {-2}, 1, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new BatchLoader(images, NORMALIZATION, BOTH, order, 1, 0, 3))
        .isInstanceOf(IllegalArgumentException.class);
    Augmentation tooFar = new Augmentation(false, 5);
    assertThatThrownBy(() -> new BatchLoader(images, NORMALIZATION, tooFar, order, 1, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    Normalization gray = new Normalization(new float[] {0}, new float[] {1});
    assertThatThrownBy(() -> new BatchLoader(images, gray, BOTH, order, 1, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Augmentation(true, -1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
