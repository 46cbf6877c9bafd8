package asymml.trusted.data.format;

/// How the pixels of a photograph lie, as cameras write it (Exif 3.0, tag 0x0112 of TIFF 6.0).
public enum ExifOrientation {
  /// The first row is the top, the first column the left side.
  UPRIGHT,
  /// Mirrored from left to right.
  MIRRORED,
  /// Turned by half.
  HALF_TURNED,
  /// Mirrored from top to bottom.
  FLIPPED,
  /// The first row is the left side, the first column the top.
  TRANSPOSED,
  /// The first row is the right side: to be turned clockwise.
  QUARTER_TURNED,
  /// The first row is the right side, the first column the bottom.
  TRANSVERSED,
  /// The first row is the left side: to be turned anticlockwise.
  THREE_QUARTERS_TURNED;

  private static final int TAG = 0x0112;
  private static final int SHORT = 3;
  private static final int HEADER_BYTES = 8;
  private static final int ENTRY_BYTES = 12;

  /// Whether height and width change places.
  ///
  /// @return true for a quarter turn, and for what is mirrored about a diagonal
  public boolean swapsSides() {
    return switch (this) {
      case UPRIGHT, MIRRORED, HALF_TURNED, FLIPPED -> false;
      case TRANSPOSED, QUARTER_TURNED, TRANSVERSED, THREE_QUARTERS_TURNED -> true;
    };
  }

  /// Where a pixel of the upright image lies in the stored one.
  ///
  /// @param y row of the upright image
  /// @param x column of the upright image
  /// @param height of the stored image
  /// @param width of the stored image
  /// @return row times width plus column
  public int stored(int y, int x, int height, int width) {
    return switch (this) {
      case UPRIGHT -> y * width + x;
      case MIRRORED -> y * width + width - 1 - x;
      case HALF_TURNED -> (height - 1 - y) * width + width - 1 - x;
      case FLIPPED -> (height - 1 - y) * width + x;
      case TRANSPOSED -> x * width + y;
      case QUARTER_TURNED -> (height - 1 - x) * width + y;
      case TRANSVERSED -> (height - 1 - x) * width + width - 1 - y;
      case THREE_QUARTERS_TURNED -> x * width + width - 1 - y;
    };
  }

  /// Reads it from a TIFF directory. Damaged metadata are no damage of the image.
  ///
  /// @param bytes hold the directory
  /// @param from where it begins, with its mark of the order of bytes
  /// @param end behind it
  /// @return [#UPRIGHT] where none is said, or none that is defined
  public static ExifOrientation of(byte[] bytes, int from, int end) {
    if (end - from < HEADER_BYTES) {
      return UPRIGHT;
    }
    boolean little = bytes[from] == 'I' && bytes[from + 1] == 'I';
    boolean big = bytes[from] == 'M' && bytes[from + 1] == 'M';
    if (!(little || big) || number(bytes, from + 2, 2, little) != 42) {
      return UPRIGHT;
    }
    long directory = from + number(bytes, from + 4, 4, little);
    if (directory > end - 2) {
      return UPRIGHT;
    }
    int at = (int) directory;
    long count = number(bytes, at, 2, little);
    at += 2;
    for (long i = 0; i < count && at <= end - ENTRY_BYTES; i++, at += ENTRY_BYTES) {
      if (number(bytes, at, 2, little) == TAG
          && number(bytes, at + 2, 2, little) == SHORT
          && number(bytes, at + 4, 4, little) == 1) {
        long value = number(bytes, at + 8, 2, little);
        return value >= 1 && value <= values().length ? values()[(int) value - 1] : UPRIGHT;
      }
    }
    return UPRIGHT;
  }

  private static long number(byte[] bytes, int from, int length, boolean little) {
    long value = 0;
    for (int i = 0; i < length; i++) {
      value = (value << 8) | (bytes[little ? from + length - 1 - i : from + i] & 0xFF);
    }
    return value;
  }
}
