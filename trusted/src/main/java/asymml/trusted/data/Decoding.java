package asymml.trusted.data;

import asymml.trusted.draw.Shuffle;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// How image files are found in tables and decoded, which ones, and how many decoded images are
/// kept in memory.
///
/// @param limits on what headers declare
/// @param imageSize height and width that images are scaled and cut to, 1 to [#MOST_SIZE]; 0 where
///   all must have one size as they are stored
/// @param cacheBytes the most memory for decoded images, at least 0; images beyond are decoded
///   again each time they are read
/// @param window of samples of 16 bits; null where they use all of their range
/// @param columns of tables, where their names do not tell
/// @param randomCrop whether training images are varied by random parts, for which they are decoded
///   anew each time; needs a size
/// @param onBadImage what happens to an image that is damaged
/// @param part which images are decoded
public record Decoding(
    DataLimits limits,
    int imageSize,
    long cacheBytes,
    @Nullable Window window,
    Columns columns,
    boolean randomCrop,
    OnBadImage onBadImage,
    Part part) {
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
    if (randomCrop && imageSize == 0) {
      throw new IllegalArgumentException(
          "random parts of images are scaled to one size, which is to be given (image-size)");
    }
  }

  /// Decoding of images whose columns are found by their names.
  ///
  /// @param limits on what headers declare
  /// @param imageSize height and width that images are scaled and cut to, or 0
  /// @param cacheBytes the most memory for decoded images, at least 0
  /// @param window of samples of 16 bits; null where they use all of their range
  public Decoding(DataLimits limits, int imageSize, long cacheBytes, @Nullable Window window) {
    this(limits, imageSize, cacheBytes, window, Columns.NONE, false, OnBadImage.FAIL, Part.ALL);
  }

  /// The same with other limits.
  ///
  /// @param other on what headers declare
  /// @return a new record
  public Decoding withLimits(DataLimits other) {
    return new Decoding(
        other, imageSize, cacheBytes, window, columns, randomCrop, onBadImage, part);
  }

  /// The same with other columns.
  ///
  /// @param other names of columns
  /// @return a new record
  public Decoding withColumns(Columns other) {
    return new Decoding(limits, imageSize, cacheBytes, window, other, randomCrop, onBadImage, part);
  }

  /// The same with or without random parts.
  ///
  /// @param crop whether training images are varied by them
  /// @return a new record
  public Decoding withRandomCrop(boolean crop) {
    return new Decoding(limits, imageSize, cacheBytes, window, columns, crop, onBadImage, part);
  }

  /// The same with another treatment of damaged images.
  ///
  /// @param other what happens to them
  /// @return a new record
  public Decoding withOnBadImage(OnBadImage other) {
    return new Decoding(limits, imageSize, cacheBytes, window, columns, randomCrop, other, part);
  }

  /// The same of other images.
  ///
  /// @param other which are decoded
  /// @return a new record
  public Decoding withPart(Part other) {
    return new Decoding(
        limits, imageSize, cacheBytes, window, columns, randomCrop, onBadImage, other);
  }

  /// The images of a split that are decoded. Where damaged ones are left out all are, since only
  /// then it is known of which a part is chosen.
  ///
  /// @param limit how many at most
  /// @return these
  <T> List<T> chosen(List<T> split, int limit) {
    return limit >= split.size() || onBadImage == OnBadImage.SKIP
        ? split
        : Arrays.stream(Shuffle.order(split.size(), part.seed))
            .limit(limit)
            .mapToObj(split::get)
            .toList();
  }

  /// A random part of each split of image files, chosen as by [ImageSet#subset].
  ///
  /// @param train the most training images, at least 1
  /// @param test the most test images, at least 1
  /// @param seed of the choice
  public record Part(int train, int test, long seed) {
    /// All images.
    public static final Part ALL = new Part(Integer.MAX_VALUE, Integer.MAX_VALUE, 0);

    /// Checks the ranges.
    public Part {
      if (train < 1 || test < 1) {
        throw new IllegalArgumentException(
            "a part has at least one image: %s, %s".formatted(train, test));
      }
    }
  }

  /// What happens to an image that is damaged, of a kind that is not read, or not there any more.
  public enum OnBadImage {
    /// The data set is refused, or the run ends, with the image's name.
    FAIL,
    /// It is left out, counted and named; more than one in ten of a split are not
    /// ([ImageSet#MOST_LEFT_OUT]).
    SKIP;

    /// What settings call it.
    ///
    /// @return `fail` or `skip`
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /// Whether images are scaled.
  boolean scales() {
    return imageSize > 0;
  }

  /// Whether all decoded images are kept, however many there are.
  boolean keepsAll() {
    return cacheBytes == Long.MAX_VALUE;
  }

  /// Columns of tables and Parquet files, and keys of WebDataset's JSON, in any case.
  ///
  /// @param label with the class of each image; null if its name tells
  /// @param group with what several images have in common, such as a patient: a group is in one
  ///   split; null if there are no groups
  public record Columns(@Nullable String label, @Nullable String group) {
    /// Columns are found by their names, and there are no groups.
    public static final Columns NONE = new Columns(null, null);

    /// Checks that the names are not blank.
    public Columns {
      if ((label != null && label.isBlank()) || (group != null && group.isBlank())) {
        throw new IllegalArgumentException("a column's name is not blank");
      }
    }

    /// The names that a column with classes may have, in lower case.
    Set<String> labels() {
      return label == null ? ListedImages.LABELS : Set.of(label.strip().toLowerCase(Locale.ROOT));
    }

    /// The name of the column with groups, in lower case.
    Set<String> groups() {
      return group == null ? Set.of() : Set.of(group.strip().toLowerCase(Locale.ROOT));
    }

    boolean isNone() {
      return label == null && group == null;
    }
  }

  /// The range of samples of 16 bits that becomes 0 to 255: what lies below is black, what lies
  /// above is white. Scanners store 10 to 14 bits in 16.
  ///
  /// @param low what becomes 0, at least 0
  /// @param high what becomes 255, above `low` and at most 65535
  public record Window(int low, int high) {
    private static final int MOST = 65535;

    /// Checks the range.
    public Window {
      if (low < 0 || high <= low || high > MOST) {
        throw new IllegalArgumentException(
            "a window is LOW:HIGH with 0 <= LOW < HIGH <= 65535: %s:%s".formatted(low, high));
      }
    }

    /// Reads `LOW:HIGH`.
    ///
    /// @param text two whole numbers
    /// @return the window
    /// @throws IllegalArgumentException if it is another text, or out of range
    public static Window parse(String text) {
      String[] parts = text.strip().split(":", -1);
      try {
        if (parts.length == 2) {
          return new Window(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
        }
      } catch (NumberFormatException _) {
        // Said below.
      }
      throw new IllegalArgumentException("a window is LOW:HIGH, such as 0:4095: " + text);
    }

    /// A sample in 8 bits, rounded to nearest.
    ///
    /// @param window null for all of the range
    static int scaled(@Nullable Window window, int sample) {
      int low = window == null ? 0 : window.low;
      int range = window == null ? MOST : window.high - window.low;
      int inside = Math.clamp((long) sample - low, 0, range);
      return (inside * 255 + range / 2) / range;
    }

    @Override
    public String toString() {
      return low + ":" + high;
    }
  }
}
