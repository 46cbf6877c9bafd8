package asymml.trusted.data.format;

/// Reads Parquet's hybrid of runs and packed bits (Parquet format, `Encodings.md`, "RLE").
final class RunLengths {
  private RunLengths() {}

  /// Reads numbers.
  ///
  /// @param bytes where they are
  /// @param from their first byte
  /// @param end behind their last byte
  /// @param width bits of each, 0 to 32
  /// @param count how many there must be
  static int[] read(byte[] bytes, int from, int end, int width, int count) throws FormatException {
    int[] values = new int[count];
    int at = from;
    int done = 0;
    while (done < count) {
      long header = 0;
      int shift = 0;
      int each;
      do {
        if (at >= end || shift > 28) {
          throw damaged();
        }
        each = bytes[at++];
        header |= (long) (each & 0x7F) << shift;
        shift += 7;
      } while (each < 0);
      if ((header & 1) == 0) {
        long run = Math.min(header >> 1, (long) count - done);
        int wide = (width + 7) / 8;
        if (wide > end - at || run == 0) {
          throw damaged();
        }
        int value = 0;
        for (int i = 0; i < wide; i++) {
          value |= (bytes[at++] & 0xFF) << (8 * i);
        }
        for (int i = 0; i < run; i++) {
          values[done++] = value;
        }
      } else {
        long packed = (header >> 1) * width;
        if ((header >> 1) == 0) {
          throw damaged();
        }
        int take = (int) Math.min((header >> 1) * 8, (long) count - done);
        // The last group may be cut where its values end.
        if (((long) take * width + 7) / 8 > end - at) {
          throw damaged();
        }
        for (int i = 0; i < take; i++) {
          values[done++] = bits(bytes, at, (long) i * width, width);
        }
        at = (int) Math.min(end, at + packed);
      }
    }
    return values;
  }

  private static int bits(byte[] bytes, int from, long bit, int width) {
    long value = 0;
    int first = from + (int) (bit >> 3);
    int shift = (int) (bit & 7);
    for (int i = 0; i * 8 < shift + width; i++) {
      value |= (bytes[first + i] & 0xFFL) << (8 * i);
    }
    return (int) ((value >>> shift) & ((1L << width) - 1));
  }

  private static FormatException damaged() {
    return new FormatException("is a damaged Parquet file (a page's numbers are cut); replace it");
  }
}
