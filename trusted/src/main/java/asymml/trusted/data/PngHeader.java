package asymml.trusted.data;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32;

/// The header of a PNG file (PNG specification, third edition, 11.2.1).
///
/// @param width in pixels, at least 1
/// @param height in pixels, at least 1
/// @param depth bits of a sample: 1, 2, 4, 8 or 16
/// @param type 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha
/// @param interlaced whether the pixels come in the seven passes of Adam7
record PngHeader(int width, int height, int depth, int type, boolean interlaced) {
  static final int GRAY = 0;
  static final int RGB = 2;
  static final int PALETTE = 3;
  static final int GRAY_ALPHA = 4;
  static final int RGB_ALPHA = 6;

  /// Length, type and CRC-32, four bytes each.
  static final int FRAME_BYTES = 12;

  private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  private static final int HEADER_TYPE = 0x49484452;
  private static final int HEADER_BYTES = 13;

  /// Where the first chunk after the header begins.
  static final int END = SIGNATURE.length + FRAME_BYTES + HEADER_BYTES;

  /// Whether a file wants to be a PNG file: by the first half of the signature, since the second
  /// half is there to show damage.
  static boolean isPng(byte[] file) {
    return file.length >= 4 && Arrays.equals(file, 0, 4, SIGNATURE, 0, 4);
  }

  static PngHeader parse(String name, byte[] file) throws DataException {
    int at = SIGNATURE.length;
    if (file.length < END) {
      throw ImageDecoder.corrupt(name, "the file ends in its header");
    }
    ByteBuffer bytes = ByteBuffer.wrap(file);
    if (!Arrays.equals(file, 0, at, SIGNATURE, 0, at)
        || bytes.getInt(at) != HEADER_BYTES
        || bytes.getInt(at + 4) != HEADER_TYPE
        || !checksumMatches(file, at, HEADER_BYTES)) {
      throw ImageDecoder.corrupt(name, "its header is damaged");
    }
    int width = bytes.getInt(at + 8);
    int height = bytes.getInt(at + 12);
    int depth = bytes.get(at + 16);
    int type = bytes.get(at + 17);
    boolean known = bytes.get(at + 18) == 0 && bytes.get(at + 19) == 0;
    int interlace = bytes.get(at + 20);
    if (width < 1 || height < 1) {
      throw ImageDecoder.corrupt(
          name, "it declares %s x %s pixels".formatted(width & 0xFFFFFFFFL, height & 0xFFFFFFFFL));
    }
    if (!known || interlace < 0 || interlace > 1 || !exists(type, depth)) {
      throw ImageDecoder.unsupported(
          name,
          "is a PNG file of a kind that is not defined (type %s, %s bits)".formatted(type, depth));
    }
    return new PngHeader(width, height, depth, type, interlace == 1);
  }

  private static boolean exists(int type, int depth) {
    return switch (type) {
      case GRAY -> depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
      case PALETTE -> depth == 1 || depth == 2 || depth == 4 || depth == 8;
      case RGB, GRAY_ALPHA, RGB_ALPHA -> depth == 8 || depth == 16;
      default -> false;
    };
  }

  /// Whether the CRC-32 of a chunk's type and data is the one stored after them.
  ///
  /// @param at where the chunk begins
  /// @param length of its data; all of it is in the file
  static boolean checksumMatches(byte[] file, int at, int length) {
    CRC32 checksum = new CRC32();
    checksum.update(file, at + 4, 4 + length);
    return (int) checksum.getValue() == ByteBuffer.wrap(file).getInt(at + 8 + length);
  }

  /// Samples of a pixel as stored.
  int samples() {
    return switch (type) {
      case RGB -> 3;
      case GRAY_ALPHA -> 2;
      case RGB_ALPHA -> 4;
      default -> 1;
    };
  }

  boolean hasAlpha() {
    return type == GRAY_ALPHA || type == RGB_ALPHA;
  }

  /// The bytes of a row of some pixels, without its filter's number.
  int rowBytes(int pixels) {
    return Math.toIntExact(((long) pixels * samples() * depth + 7) / 8);
  }
}
