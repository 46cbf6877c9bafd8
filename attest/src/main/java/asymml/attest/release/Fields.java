package asymml.attest.release;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.security.MessageDigest;

/// Byte strings one after the other, each behind its length, u32 big endian.
final class Fields {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /// Appends bytes without a length.
  Fields raw(byte[] bytes) {
    out.writeBytes(bytes);
    return this;
  }

  /// Appends length and bytes.
  Fields add(byte[] bytes) {
    out.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).array());
    out.writeBytes(bytes);
    return this;
  }

  byte[] bytes() {
    return out.toByteArray();
  }

  byte[] digest(MessageDigest algorithm) {
    return algorithm.digest(out.toByteArray());
  }

  /// Reads the next string, which has `least` to `most` bytes.
  static byte[] read(ByteBuffer in, String name, int least, int most) throws ReleaseException {
    if (in.remaining() < Integer.BYTES) {
      throw new ReleaseException("cut short before the length of " + name);
    }
    int size = in.getInt();
    if (size < least || size > most) {
      throw new ReleaseException(
          "%s has %s bytes, expected %s to %s"
              .formatted(name, Integer.toUnsignedString(size), least, most));
    }
    if (size > in.remaining()) {
      throw new ReleaseException(
          "%s is cut short: %s bytes of %s".formatted(name, in.remaining(), size));
    }
    byte[] bytes = new byte[size];
    in.get(bytes);
    return bytes;
  }
}
