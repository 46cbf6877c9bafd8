package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Scattering;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.draw.PoissonDraw;
import asymml.trusted.draw.Shuffle;
import asymml.trusted.draw.SplitMix64;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FeatureCacheTest {
  private static final Shape SHAPE = new Shape(8, 12, 2);
  private static final int FEATURES = 2 * 3 * 2 * 81;
  private static final Normalization NORMALIZATION =
      new Normalization(new float[] {0.5f, 0.25f}, new float[] {0.5f, 2});
  private static final Augmentation FLIPS = new Augmentation(true, 0);

  /// More than one block of the cache.
  private static final ImageSet IMAGES = images(70);

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  private static ImageSet images(int count) {
    SplitMix64 random = new SplitMix64(98);
    byte[] images = new byte[count * SHAPE.size()];
    for (int i = 0; i < images.length; i++) {
      images[i] = (byte) random.nextInt(256);
    }
    int[] labels = IntStream.range(0, count).map(i -> i % 3).toArray();
    return ImageSet.of(SHAPE, List.of("a", "b", "c"), labels, images);
  }

  /// What the network would compute of what the loader serves without a cache.
  private float[] transformed(Tensor images) {
    int n = images.length(0);
    Tensor features = Tensor.allocate(arena, n, 2, 3, 162);
    try (Scattering transform = new Scattering(8, 12, 2)) {
      transform.forward(images, features);
    }
    return features.toArray();
  }

  private static BatchLoader loader(
      int[] order, Augmentation augmentation, long seed, FeatureCache cache) {
    return new BatchLoader(IMAGES, NORMALIZATION, augmentation, order, 9, seed, 0, cache);
  }

  /// Features of the flipped image are the flipped features to rounding; without flips they are the
  /// same values, in half precision to 2^-11.
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void batches_of_features_are_those_of_the_batches_of_images(boolean half) {
    int[] order = Shuffle.order(70, 5);
    order[3] = PoissonDraw.NULL_EXAMPLE;
    order[20] = order[21];
    try (FeatureCache cache = new FeatureCache(IMAGES, NORMALIZATION, half)) {
      for (long epoch = 1; epoch <= 3; epoch++) {
        try (BatchLoader features = loader(order, FLIPS, epoch, cache);
            BatchLoader images =
                new BatchLoader(IMAGES, NORMALIZATION, FLIPS, order, 9, epoch, 0)) {
          while (images.hasNext()) {
            Batch expected = images.next();
            Batch actual = features.next();
            assertThat(actual.indices()).isEqualTo(expected.indices());
            assertThat(actual.labels()).isEqualTo(expected.labels());
            assertThat(actual.images().shape())
                .containsExactly(expected.images().length(0), 2, 3, 162);
            assertClose(actual.images().toArray(), transformed(expected.images()), half);
          }
          assertThat(features.hasNext()).isFalse();
        }
      }
    }
  }

  private static void assertClose(float[] actual, float[] expected, boolean half) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      double tolerance = 1e-5 + (half ? Math.abs(expected[i]) * 0x1p-11 : 0);
      assertThat(actual[i]).isCloseTo(expected[i], within((float) tolerance));
    }
  }

  @Test
  void without_flips_features_are_the_transforms_to_the_bit() {
    int[] order = {4, 69, 4, PoissonDraw.NULL_EXAMPLE};
    try (FeatureCache cache = new FeatureCache(IMAGES, NORMALIZATION, false);
        BatchLoader features = loader(order, Augmentation.none(), 1, cache);
        BatchLoader images =
            new BatchLoader(IMAGES, NORMALIZATION, Augmentation.none(), order, 9, 1, 0)) {
      Batch batch = features.next();
      float[] values = batch.images().toArray();
      assertThat(values).isEqualTo(transformed(images.next().images()));
      assertThat(batch.labels()[3]).isEqualTo(SoftmaxCrossEntropy.NO_LABEL);
      assertThat(Arrays.copyOfRange(values, 3 * FEATURES, 4 * FEATURES)).containsOnly(0);
    }
  }

  @Test
  void features_that_were_not_prepared_are_refused() {
    try (FeatureCache cache = new FeatureCache(IMAGES, NORMALIZATION, false)) {
      Tensor target = Tensor.allocate(arena, 1, 2, 3, 162);
      cache.prepare(new int[] {1});
      cache.copy(1, true, target);
      assertThatThrownBy(() -> cache.copy(2, false, target))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("image 2");
    }
  }

  @Test
  void an_interrupted_thread_prepares_nothing_more() {
    try (FeatureCache cache = new FeatureCache(IMAGES, NORMALIZATION, false)) {
      Thread.currentThread().interrupt();
      cache.prepare(new int[] {1});
      assertThat(Thread.interrupted()).isTrue();
      assertThatThrownBy(() -> cache.copy(1, false, Tensor.allocate(arena, 1, 2, 3, 162)))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void other_images_another_normalization_and_shifts_are_refused() {
    int[] order = {0, 1};
    try (FeatureCache cache = new FeatureCache(IMAGES, NORMALIZATION, false)) {
      assertThat(cache.isOf(IMAGES, NORMALIZATION)).isTrue();
      assertThatThrownBy(
              () -> new BatchLoader(images(70), NORMALIZATION, FLIPS, order, 9, 1, 0, cache))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("other images");
      Normalization other = Normalization.constant(2);
      assertThatThrownBy(() -> new BatchLoader(IMAGES, other, FLIPS, order, 9, 1, 0, cache))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("another normalization");
      assertThatThrownBy(() -> loader(order, new Augmentation(true, 1), 1, cache))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("crop padding 1");
    }
  }

  @Test
  void only_networks_that_begin_with_a_scattering_transform_have_features() {
    Graph scattering = Zoo.build("scatter-cnn", SHAPE, 3, Zoo.Norm.BATCH);
    try (FeatureCache cache = FeatureCache.of(scattering, IMAGES, NORMALIZATION).orElseThrow()) {
      assertThat(cache.shape()).isEqualTo(scattering.shape(0));
    }
    Graph other = Zoo.build("cnn", SHAPE, 3, Zoo.Norm.BATCH);
    assertThat(FeatureCache.of(other, IMAGES, NORMALIZATION)).isEmpty();
  }
}
