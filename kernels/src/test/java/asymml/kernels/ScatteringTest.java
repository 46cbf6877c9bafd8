package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScatteringTest {
  private static final int PATHS = Scattering.PATHS;

  private static Tensor transform(Arena arena, Tensor images) {
    try (Scattering scattering =
        new Scattering(images.length(1), images.length(2), images.length(3))) {
      Tensor features =
          Randoms.unset(
              arena,
              images.length(0),
              images.length(1) / 4,
              images.length(2) / 4,
              PATHS * images.length(3));
      scattering.transform(images, features, false);
      return features;
    }
  }

  /// Values of magnitude 1 pass three transforms of some thousand values each: errors of a few
  /// roundings of the largest, here 5e-6.
  @ParameterizedTest
  @CsvSource({
    "4, 4, 1, 12, 12",
    "8, 12, 2, 16, 20",
    "20, 4, 3, 32, 12",
    "28, 28, 1, 36, 36",
    "32, 32, 1, 40, 40",
    "40, 16, 1, 48, 24"
  })
  void features_equal_their_definition(int height, int width, int channels, int rows, int columns) {
    try (Arena arena = Arena.ofShared()) {
      Tensor images = new Randoms(31).tensor(arena, 1, height, width, channels);
      float[] features = transform(arena, images).toArray();
      ScatteringOracle oracle = new ScatteringOracle(height, width, rows, columns);
      for (int c = 0; c < channels; c++) {
        double[] colour = new double[height * width];
        for (int i = 0; i < colour.length; i++) {
          colour[i] = images.get((long) i * channels + c);
        }
        double[][] paths = oracle.paths(colour);
        for (int path = 0; path < PATHS; path++) {
          for (int i = 0; i < paths[path].length; i++) {
            assertThat((double) features[(i * channels + c) * PATHS + path])
                .as("colour %d, path %d, pixel %d", c, path, i)
                .isCloseTo(paths[path][i], within(5e-6));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"32, 32, 3", "8, 20, 1"})
  void a_mirrored_image_has_mirrored_features(int height, int width, int channels) {
    try (Arena arena = Arena.ofShared()) {
      Tensor images = new Randoms(32).tensor(arena, 1, height, width, channels);
      Tensor flipped = Tensor.allocate(arena, 1, height, width, channels);
      for (int i = 0; i < height * width; i++) {
        int to = i - i % width + width - 1 - i % width;
        for (int c = 0; c < channels; c++) {
          flipped.set((long) to * channels + c, images.get((long) i * channels + c));
        }
      }
      float[] features = transform(arena, images).toArray();
      float[] mirrored = new float[features.length];
      Scattering.mirror(features, width / 4, channels, mirrored);
      double[] expected = new double[mirrored.length];
      Arrays.setAll(expected, i -> mirrored[i]);
      Expect.close("features of the flipped image", transform(arena, flipped), expected, 4e-6);
      float[] again = new float[features.length];
      Scattering.mirror(mirrored, width / 4, channels, again);
      assertThat(again).isEqualTo(features);
    }
  }

  private static Tensor normalized(Arena arena, Tensor images) {
    int height = images.length(1);
    int width = images.length(2);
    int channels = images.length(3);
    try (Scattering scattering = new Scattering(height, width, channels)) {
      Tensor features =
          Randoms.unset(arena, images.length(0), height / 4, width / 4, PATHS * channels);
      scattering.forward(images, features);
      return features;
    }
  }

  /// The group of a channel: path 0 of all colours is one.
  private static int group(int channel) {
    int path = channel % PATHS;
    return path == 0 ? 0 : 1 + channel / PATHS * 10 + (path - 1) / 8;
  }

  @ParameterizedTest
  @CsvSource({"8, 12, 3", "32, 32, 1", "4, 4, 2"})
  void features_are_normalised_over_paths_of_one_kind(int height, int width, int channels) {
    try (Arena arena = Arena.ofShared()) {
      Tensor images = new Randoms(35).tensor(arena, 1, height, width, channels);
      float[] raw = transform(arena, images).toArray();
      double[] count = new double[1 + 10 * channels];
      double[] mean = new double[count.length];
      double[] variance = new double[count.length];
      for (int i = 0; i < raw.length; i++) {
        int group = group(i % (PATHS * channels));
        count[group]++;
        mean[group] += raw[i];
      }
      Arrays.setAll(mean, group -> mean[group] / count[group]);
      for (int i = 0; i < raw.length; i++) {
        int group = group(i % (PATHS * channels));
        variance[group] += Math.pow(raw[i] - mean[group], 2) / count[group];
      }
      double[] expected = new double[raw.length];
      Arrays.setAll(
          expected,
          i -> {
            int group = group(i % (PATHS * channels));
            return (raw[i] - mean[group]) / Math.sqrt(variance[group] + 1e-5);
          });
      Expect.close("normalised", normalized(arena, images), expected, 1e-6);
    }
  }

  @Test
  void a_constant_image_is_normalised_to_zeros() {
    try (Arena arena = Arena.ofShared()) {
      Tensor images = Tensor.allocate(arena, 1, 8, 8, 1);
      images.fill(3);
      Tensor features = normalized(arena, images);
      for (long i = 0; i < features.size(); i++) {
        assertThat(features.get(i)).isCloseTo(0, within(1e-2f));
      }
    }
  }

  @Test
  void the_oracle_is_symmetric_to_double_precision() {
    double[] image = new double[12 * 16];
    double[] flipped = new double[image.length];
    SplittableRandom random = new SplittableRandom(33);
    for (int i = 0; i < image.length; i++) {
      image[i] = random.nextDouble(-1, 1);
      flipped[i - i % 16 + 15 - i % 16] = image[i];
    }
    ScatteringOracle oracle = new ScatteringOracle(12, 16, 20, 24);
    double[][] paths = oracle.paths(image);
    double[][] mirrored = oracle.paths(flipped);
    for (int path = 0; path < PATHS; path++) {
      double[] other = mirrored[Scattering.mirrored(path)];
      for (int i = 0; i < other.length; i++) {
        assertThat(other[i - i % 4 + 3 - i % 4]).isCloseTo(paths[path][i], within(1e-13));
      }
    }
  }

  @Test
  void mirroring_paths_twice_changes_nothing() {
    for (int path = 0; path < PATHS; path++) {
      assertThat(Scattering.mirrored(Scattering.mirrored(path))).isEqualTo(path);
    }
    assertThat(Scattering.mirrored(1 + 3)).isEqualTo(1 + 5);
    assertThat(Scattering.mirrored(9)).isEqualTo(9);
    assertThat(Scattering.mirrored(17 + 8 * 2 + 7)).isEqualTo(17 + 8 * 6 + 1);
  }

  @Test
  void constant_images_have_only_their_mean() {
    try (Arena arena = Arena.ofShared()) {
      Tensor images = Tensor.allocate(arena, 2, 8, 8, 1);
      images.examples(0, 1).fill(3);
      Tensor features = transform(arena, images);
      for (int i = 0; i < features.size(); i++) {
        boolean mean = i % PATHS == 0 && i < features.size() / 2;
        assertThat(features.get(i)).isCloseTo(mean ? 3f : 0f, within(1e-5f));
      }
    }
  }

  @Test
  void features_depend_neither_on_the_batch_nor_on_the_threads() {
    int threads = Kernels.threads();
    try (Arena arena = Arena.ofShared()) {
      Tensor images = new Randoms(34).tensor(arena, 7, 12, 8, 3);
      Kernels.setThreads(1);
      float[] alone = transform(arena, images.examples(5, 1)).toArray();
      Kernels.setThreads(3);
      Tensor together = transform(arena, images);
      assertThat(together.examples(5, 1).toArray()).isEqualTo(alone);
    } finally {
      Kernels.setThreads(threads);
    }
  }

  @Test
  void wrong_sizes_and_closed_transforms_are_refused() {
    assertThatThrownBy(() -> new Scattering(30, 32, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("multiples of 4: 30 x 32");
    try (Arena arena = Arena.ofShared()) {
      Tensor images = Tensor.allocate(arena, 1, 8, 8, 1);
      Tensor features = Tensor.allocate(arena, 1, 2, 2, PATHS);
      Scattering scattering = new Scattering(8, 8, 1);
      assertThatThrownBy(() -> scattering.forward(images, images))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("features must have shape [1, 2, 2, 81]");
      scattering.close();
      scattering.close();
      assertThatThrownBy(() -> scattering.forward(images, features))
          .isInstanceOf(IllegalStateException.class);
    }
  }
}
