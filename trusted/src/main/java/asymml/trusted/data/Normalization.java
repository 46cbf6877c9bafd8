package asymml.trusted.data;

import asymml.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// Turns unsigned bytes into network inputs: `(byte / 255 - mean) / standardDeviation`, per
/// channel.
///
/// @param mean per channel, on the scale of 0 to 1; copied
/// @param standardDeviation per channel, above 0; copied
@SuppressWarnings("ArrayRecordComponent") // Copied on the way in and out; equality is redefined.
public record Normalization(float[] mean, float[] standardDeviation) {
  private static final int LEVELS = 256;
  private static final double WHITE = 255;

  /// Checks the lengths and ranges.
  public Normalization {
    if (mean.length == 0 || mean.length != standardDeviation.length) {
      throw new IllegalArgumentException(
          mean.length + " means and " + standardDeviation.length + " standard deviations");
    }
    mean = mean.clone();
    standardDeviation = standardDeviation.clone();
    for (int c = 0; c < mean.length; c++) {
      if (!Float.isFinite(mean[c])
          || !(standardDeviation[c] > 0 && standardDeviation[c] < Float.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "channel " + c + " needs a finite mean and a positive finite standard deviation");
      }
    }
  }

  /// The statistics of an image set. They are statistics of private data.
  ///
  /// @param images the training split
  /// @return its mean and population standard deviation per channel; a constant channel, which has
  ///   nothing to scale, gets the standard deviation 1
  public static Normalization of(ImageSet images) {
    return of(sums(images), (long) images.size() * images.shape().pixels());
  }

  /// What the statistics follow from; those of the parts of a set add up to that of the set.
  /// Statistics of private data.
  ///
  /// @param images any
  /// @return `[channels, 2]`, the sum of all values and that of their squares
  public static long[][] sums(ImageSet images) {
    int channels = images.shape().channels();
    // Whole numbers: the result does not depend on the order of the images.
    long[][] sums = new long[channels][2];
    for (int i = 0; i < images.size(); i++) {
      Pixels.Sums image = images.sums(i);
      for (int c = 0; c < channels; c++) {
        sums[c][0] += image.values()[c];
        sums[c][1] += image.squares()[c];
      }
    }
    return sums;
  }

  /// The statistics of images with such sums.
  ///
  /// @param sums `[channels, 2]`, see [#sums]
  /// @param count values of each channel, at least 1
  /// @return as of [#of(ImageSet)]
  public static Normalization of(long[][] sums, long count) {
    int channels = sums.length;
    float[] mean = new float[channels];
    float[] deviation = new float[channels];
    for (int c = 0; c < channels; c++) {
      double m = sums[c][0] / (WHITE * count);
      // Bytes that vary at all have a deviation far above this; below is rounding.
      double variance = sums[c][1] / (WHITE * WHITE * count) - m * m;
      mean[c] = (float) m;
      deviation[c] = variance > 1e-12 ? (float) Math.sqrt(variance) : 1f;
    }
    return new Normalization(mean, deviation);
  }

  /// Constants that no data went into: pixels end between -2 and 2.
  ///
  /// @param channels at least 1
  /// @return mean 1/2 and standard deviation 1/4 in each channel
  public static Normalization constant(int channels) {
    float[] mean = new float[channels];
    float[] deviation = new float[channels];
    Arrays.fill(mean, 0.5f);
    Arrays.fill(deviation, 0.25f);
    return new Normalization(mean, deviation);
  }

  /// The number of channels.
  ///
  /// @return at least 1
  public int channels() {
    return mean.length;
  }

  /// The means.
  ///
  /// @return a copy, one per channel
  @Override
  public float[] mean() {
    return mean.clone();
  }

  /// The standard deviations.
  ///
  /// @return a copy, one per channel
  @Override
  public float[] standardDeviation() {
    return standardDeviation.clone();
  }

  /// Normalises one image, without augmentation.
  ///
  /// @param pixels unsigned bytes `[H, W, C]`
  /// @param out `[1, H, W, C]` float32, overwritten
  /// @throws IllegalArgumentException if the sizes or channels disagree
  public void apply(byte[] pixels, Tensor out) {
    if (out.size() != pixels.length || out.length(out.shape().length - 1) != mean.length) {
      throw new IllegalArgumentException(
          pixels.length + " bytes of " + mean.length + " channels do not fill " + out);
    }
    float[] table = table();
    float[] values = new float[pixels.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = table[i % mean.length * LEVELS + (pixels[i] & 0xFF)];
    }
    MemorySegment.copy(values, 0, out.segment(), ValueLayout.JAVA_FLOAT, 0, values.length);
  }

  /// The normalised value of byte b in channel c at `[c * 256 + b]`.
  float[] table() {
    float[] table = new float[mean.length * LEVELS];
    for (int i = 0; i < table.length; i++) {
      int c = i / LEVELS;
      table[i] = (i % LEVELS / 255f - mean[c]) / standardDeviation[c];
    }
    return table;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Normalization that
        && Arrays.equals(mean, that.mean)
        && Arrays.equals(standardDeviation, that.standardDeviation);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(mean) + Arrays.hashCode(standardDeviation);
  }

  /// A description without the statistics, which are private.
  @Override
  public String toString() {
    return "Normalization[" + mean.length + " channels]";
  }
}
