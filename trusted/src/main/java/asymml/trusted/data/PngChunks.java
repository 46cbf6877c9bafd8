package asymml.trusted.data;

import asymml.trusted.data.format.ExifOrientation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// The chunks of a PNG file that make its pixels. Checksums of these are compared; a damaged chunk
/// of metadata is none of our business.
///
/// @param palette red, green and blue of each entry; empty if there is none
/// @param transparency the data of tRNS; empty if there is none
/// @param data where compressed pixels are in the file
@SuppressWarnings("ArrayRecordComponent") // Handed on at once, never compared.
record PngChunks(byte[] palette, byte[] transparency, List<Range> data) {
  private static final int PALETTE = 0x504C5445;
  private static final int TRANSPARENCY = 0x74524E53;
  private static final int DATA = 0x49444154;
  private static final int END = 0x49454E44;
  private static final int EXIF = 0x65584966;

  /// Set in the types of chunks that a decoder may pass over.
  private static final int ANCILLARY = 0x20000000;

  /// Part of the file.
  ///
  /// @param from its first byte
  /// @param length in bytes
  record Range(int from, int length) {}

  /// Walks the chunks (length, type, data, CRC-32 of type and data) up to the end mark.
  static PngChunks parse(String name, byte[] file) throws DataException {
    ByteBuffer bytes = ByteBuffer.wrap(file);
    byte[] palette = {};
    byte[] transparency = {};
    List<Range> data = new ArrayList<>();
    int at = PngHeader.END;
    while (file.length - at >= PngHeader.FRAME_BYTES) {
      int length = bytes.getInt(at);
      int type = bytes.getInt(at + 4);
      if (length < 0 || length > file.length - at - PngHeader.FRAME_BYTES) {
        break;
      }
      boolean used = type == TRANSPARENCY || (type & ANCILLARY) == 0;
      if (used && !PngHeader.checksumMatches(file, at, length)) {
        throw ImageDecoder.corrupt(name, "a checksum does not match");
      }
      int from = at + 8;
      switch (type) {
        case PALETTE -> palette = Arrays.copyOfRange(file, from, from + length);
        case TRANSPARENCY -> transparency = Arrays.copyOfRange(file, from, from + length);
        case DATA -> data.add(new Range(from, length));
        case END -> {
          return new PngChunks(palette, transparency, List.copyOf(data));
        }
        default -> {
          if (used) {
            throw ImageDecoder.unsupported(
                name, "is a PNG file with an essential part of an unknown kind");
          }
        }
      }
      at += PngHeader.FRAME_BYTES + length;
    }
    throw ImageDecoder.corrupt(name, "the file ends before its end mark");
  }

  /// How the pixels of a file lie: by its chunk eXIf, if that is whole.
  static ExifOrientation orientation(byte[] file) {
    ByteBuffer bytes = ByteBuffer.wrap(file);
    int at = PngHeader.END;
    while (file.length - at >= PngHeader.FRAME_BYTES) {
      int length = bytes.getInt(at);
      int type = bytes.getInt(at + 4);
      if (length < 0 || length > file.length - at - PngHeader.FRAME_BYTES || type == END) {
        break;
      }
      if (type == EXIF) {
        return PngHeader.checksumMatches(file, at, length)
            ? ExifOrientation.of(file, at + 8, at + 8 + length)
            : ExifOrientation.UPRIGHT;
      }
      at += PngHeader.FRAME_BYTES + length;
    }
    return ExifOrientation.UPRIGHT;
  }
}
