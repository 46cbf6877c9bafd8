package asymml.trusted.data;

import org.jspecify.annotations.Nullable;

/// How image files are decoded, and how many decoded images are kept in memory.
///
/// @param limits on what headers declare
/// @param imageSize height and width that images are scaled and cut to, 1 to [#MOST_SIZE]; 0 where
///   all must have one size as they are stored
/// @param cacheBytes the most memory for decoded images, at least 0; images beyond are decoded
///   again each time they are read
/// @param window of samples of 16 bits; null where they use all of their range
public record Decoding(
    DataLimits limits, int imageSize, long cacheBytes, @Nullable SampleWindow window) {
  /// The largest size that images are scaled to.
  public static final int MOST_SIZE = 4096;

  /// All images have one size, and all are kept.
  public static final Decoding DEFAULT = new Decoding(DataLimits.DEFAULT, 0, Long.MAX_VALUE, null);

  /// Checks the ranges.
  public Decoding {
    if (imageSize < 0 || imageSize > MOST_SIZE) {
      throw new IllegalArgumentException(
          "images are scaled to 1 to %s pixels: %s".formatted(MOST_SIZE, imageSize));
    }
    if (cacheBytes < 0) {
      throw new IllegalArgumentException("a cache has at least 0 bytes: " + cacheBytes);
    }
  }

  /// The same with other limits.
  ///
  /// @param other on what headers declare
  /// @return a new record
  public Decoding withLimits(DataLimits other) {
    return new Decoding(other, imageSize, cacheBytes, window);
  }

  /// Whether images are scaled.
  boolean scales() {
    return imageSize > 0;
  }

  /// Whether all decoded images are kept, however many there are.
  boolean keepsAll() {
    return cacheBytes == Long.MAX_VALUE;
  }
}
