package asymml.trusted.data;

import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.draw.PoissonDraw;
import asymml.trusted.draw.SplitMix64;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Normalises, shifts and mirrors images into a batch tensor, or gathers their features. Used by
/// one thread at a time.
final class BatchAssembler {
  private static final int LEVELS = 256;

  private final ImageSet images;
  private final Augmentation augmentation;
  private final long seed;
  private final Shape shape;
  private final @Nullable FeatureCache features;
  private final float[] table;
  private final byte[] pixels;
  private final float[] values;

  BatchAssembler(
      ImageSet images, Normalization normalization, Augmentation augmentation, long seed) {
    this(images, normalization, augmentation, seed, null);
  }

  /// Plans batches of features.
  BatchAssembler(
      ImageSet images,
      Normalization normalization,
      Augmentation augmentation,
      long seed,
      @Nullable FeatureCache features) {
    this.images = images;
    this.features = features;
    if (features != null && !features.isOf(images, normalization)) {
      throw new IllegalArgumentException(
          "these are features of other images, or under another normalization");
    }
    if (features != null && augmentation.cropPadding() > 0) {
      throw new IllegalArgumentException(
          "features of shifted images are not cached: crop padding " + augmentation.cropPadding());
    }
    if (augmentation.randomCrop() && (features != null || !images.cutsAtRandom())) {
      throw new IllegalArgumentException(
          "random parts are cut out of images that were opened for it, and no features are cached"
              + " of them");
    }
    this.augmentation = augmentation;
    this.seed = seed;
    shape = images.shape();
    if (normalization.channels() != shape.channels()) {
      throw new IllegalArgumentException(
          "a normalization of " + normalization.channels() + " channels for images of " + shape);
    }
    if (augmentation.cropPadding() >= Math.min(shape.height(), shape.width())
        && augmentation.cropPadding() > 0) {
      throw new IllegalArgumentException(
          "crop padding "
              + augmentation.cropPadding()
              + " would shift images of "
              + shape
              + " out of sight");
    }
    table = normalization.table();
    pixels = new byte[shape.size()];
    values = new float[shape.size()];
  }

  /// The shape of what an example is turned into.
  Shape shape() {
    return features == null ? shape : features.shape();
  }

  /// Fills `target [n, H, W, C]` with the examples of n indices, each as often in a row as there
  /// are views; returns early on interruption, when the batch will not be read.
  ///
  /// @param indices of images; those that are lost become null examples
  void assemble(int[] indices, Tensor target) {
    if (features != null) {
      features.prepare(indices);
    }
    byte @Nullable [][] decoded = features == null ? decodeAll(indices) : null;
    // Only now: if one view of an image is lost, all of them are null examples.
    for (int n = 0; n < indices.length; n++) {
      if (indices[n] != PoissonDraw.NULL_EXAMPLE && images.isLost(indices[n])) {
        indices[n] = PoissonDraw.NULL_EXAMPLE;
      }
    }
    for (int n = 0; n < indices.length && !Thread.currentThread().isInterrupted(); n++) {
      if (indices[n] == PoissonDraw.NULL_EXAMPLE) {
        target.examples(n, 1).fill(0);
        continue;
      }
      SplitMix64 random = SplitMix64.of(seed, images.number(indices[n]));
      int padding = augmentation.cropPadding();
      int down = random.nextInt(2 * padding + 1) - padding;
      int right = random.nextInt(2 * padding + 1) - padding;
      boolean mirrored = augmentation.flip() && random.nextBoolean();
      int view = n % augmentation.views();
      for (int i = 0; i < view; i++) {
        down = random.nextInt(2 * padding + 1) - padding;
        right = random.nextInt(2 * padding + 1) - padding;
        mirrored ^= augmentation.flip();
      }
      if (features != null) {
        features.copy(indices[n], mirrored, target.examples(n, 1));
        continue;
      }
      if (decoded != null && decoded[n] != null) {
        System.arraycopy(decoded[n], 0, pixels, 0, pixels.length);
      } else {
        images.pixels(indices[n], pixels);
      }
      fill(down, right, mirrored);
      MemorySegment.copy(
          values,
          0,
          target.segment(),
          ValueLayout.JAVA_FLOAT,
          (long) n * values.length * Float.BYTES,
          values.length);
    }
  }

  /// Decodes what is not in memory, or is to be cut, on all cores.
  ///
  /// @return null where all is; an image for each index that is not
  private byte @Nullable [][] decodeAll(int[] indices) {
    int[] missing =
        IntStream.range(0, indices.length)
            .filter(n ->
                indices[n] != PoissonDraw.NULL_EXAMPLE
                    && !images.isLost(indices[n])
                    && (augmentation.randomCrop() || images.isReadFromFile(indices[n])))
            .toArray();
    if (missing.length == 0) {
      return null;
    }
    byte[][] decoded = new byte[indices.length][];
    Arrays.stream(missing)
        .parallel()
        .forEach(n -> {
          try {
            decoded[n] = augmentation.randomCrop() ? cut(indices[n], n) : whole(indices[n]);
          } catch (ImageLostException e) {
            images.lose(indices[n], e);
          }
        });
    return decoded;
  }

  private byte[] whole(int index) {
    byte[] image = new byte[shape.size()];
    images.pixels(index, image);
    return image;
  }

  /// A part that depends on seed, image and view alone.
  private byte[] cut(int index, int place) {
    long first = SplitMix64.of(seed, index).nextLong();
    return images.cut(index, SplitMix64.of(first, place % augmentation.views()));
  }

  /// Row y, column x of the window shows row `y + down`, column `x + right` of the image, or 0, the
  /// mean, where the image has none; then the window is mirrored.
  private void fill(int down, int right, boolean mirrored) {
    int width = shape.width();
    int channels = shape.channels();
    int rowValues = width * channels;
    // The columns of the window that show the image.
    int first = Math.max(0, -right);
    int end = Math.min(width, width - right);
    for (int y = 0; y < shape.height(); y++) {
      int row = y * rowValues;
      int source = y + down;
      if (source < 0 || source >= shape.height()) {
        Arrays.fill(values, row, row + rowValues, 0f);
        continue;
      }
      if (end - first < width) {
        Arrays.fill(values, row, row + rowValues, 0f);
      }
      int from = (source * width + first + right) * channels;
      int to = row + (mirrored ? width - 1 - first : first) * channels;
      int step = mirrored ? -channels : channels;
      for (int x = first; x < end; x++, from += channels, to += step) {
        for (int c = 0; c < channels; c++) {
          values[to + c] = table[c * LEVELS + (pixels[from + c] & 0xFF)];
        }
      }
    }
  }

  /// Zeroes the remaining private values.
  void clear() {
    Arrays.fill(pixels, (byte) 0);
    Arrays.fill(values, 0);
  }
}
