package asymml.attest.crypto;

/// Integers in fixed places of byte arrays.
public final class LittleEndian {
  private LittleEndian() {}

  /// An unsigned integer.
  ///
  /// @param bytes where it stands
  /// @param offset of its lowest byte
  /// @param size 1 to 8 bytes; with 8 the sign bit is the highest of the integer
  /// @return its value
  public static long read(byte[] bytes, int offset, int size) {
    long value = 0;
    for (int i = size - 1; i >= 0; i--) {
      value = value << 8 | (bytes[offset + i] & 0xff);
    }
    return value;
  }
}
