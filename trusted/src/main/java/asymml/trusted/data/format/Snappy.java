package asymml.trusted.data.format;

/// Unpacks Snappy's raw format (Google, `format_description.txt`), in which most Parquet files are
/// packed.
final class Snappy {
  private Snappy() {}

  /// Unpacks.
  ///
  /// @param packed all of it
  /// @param from where it begins
  /// @param size the size it must unpack to
  /// @throws FormatException if it unpacks to another size, or is damaged
  static byte[] unpack(byte[] packed, int from, int size) throws FormatException {
    int at = from;
    long declared = 0;
    int shift = 0;
    do {
      if (at >= packed.length || shift > 28) {
        throw damaged();
      }
      declared |= (long) (packed[at] & 0x7F) << shift;
      shift += 7;
    } while (packed[at++] < 0);
    if (declared != size) {
      throw damaged();
    }
    byte[] out = new byte[size];
    int to = 0;
    while (at < packed.length) {
      int tag = packed[at++] & 0xFF;
      int length = (tag >> 2) + 1;
      int kind = tag & 3;
      if (kind == 0) {
        if (length > 60) {
          int extra = length - 60;
          length = number(packed, at, extra) + 1;
          at += extra;
        }
        if (length < 1 || length > packed.length - at || length > size - to) {
          throw damaged();
        }
        System.arraycopy(packed, at, out, to, length);
        at += length;
        to += length;
        continue;
      }
      int bytes = kind == 3 ? 4 : kind;
      int offset = number(packed, at, bytes);
      at += bytes;
      if (kind == 1) {
        length = ((tag >> 2) & 7) + 4;
        offset |= (tag >> 5) << 8;
      }
      if (offset < 1 || offset > to || length > size - to) {
        throw damaged();
      }
      // What is copied may be what was just written.
      for (int end = to + length; to < end; to++) {
        out[to] = out[to - offset];
      }
    }
    if (to != size) {
      throw damaged();
    }
    return out;
  }

  private static int number(byte[] bytes, int at, int length) throws FormatException {
    if (length > bytes.length - at) {
      throw damaged();
    }
    int value = 0;
    for (int i = 0; i < length; i++) {
      value |= (bytes[at + i] & 0xFF) << (8 * i);
    }
    return value;
  }

  private static FormatException damaged() {
    return new FormatException(
        "is a damaged Parquet file (its Snappy data are corrupt); replace it");
  }
}
