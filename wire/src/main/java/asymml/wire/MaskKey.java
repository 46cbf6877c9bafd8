package asymml.wire;

import java.nio.ByteBuffer;

/// A key of 256 bits that masks follow from. Whoever holds it can take the masks off: it never goes
/// where the masked values go, and is not shown.
///
/// @param first its first 64 bits
/// @param second the next
/// @param third the next
/// @param fourth the last
public record MaskKey(long first, long second, long third, long fourth) {
  /// Its size.
  public static final int BYTES = 32;

  /// Reads a key.
  ///
  /// @param bytes [#BYTES] of them
  /// @return the key
  public static MaskKey of(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    return new MaskKey(in.getLong(), in.getLong(), in.getLong(), in.getLong());
  }

  /// What [#of] reads.
  ///
  /// @return [#BYTES] of them
  public byte[] bytes() {
    return ByteBuffer.allocate(BYTES)
        .putLong(first)
        .putLong(second)
        .putLong(third)
        .putLong(fourth)
        .array();
  }

  @Override
  public String toString() {
    return "MaskKey";
  }
}
