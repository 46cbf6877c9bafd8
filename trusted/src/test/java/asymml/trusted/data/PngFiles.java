package asymml.trusted.data;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/// A small PNG encoder for tests: every colour type, depth, filter and interlacing.
final class PngFiles {
  private static final int[][] ADAM7 = {
    {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}
  };

  /// A sample as stored.
  interface Samples {
    int at(int x, int y, int sample);
  }

  private PngFiles() {}

  static int samples(int type) {
    return switch (type) {
      case 2 -> 3;
      case 4 -> 2;
      case 6 -> 4;
      default -> 1;
    };
  }

  /// Encodes an image; chunks such as palettes come before the pixels. Row y has the filter y % 5.
  static byte[] encode(
      int width,
      int height,
      int type,
      int depth,
      boolean interlaced,
      Samples samples,
      byte[]... chunks) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'});
    out.writeBytes(header(width, height, depth, type, interlaced ? 1 : 0));
    for (byte[] chunk : chunks) {
      out.writeBytes(chunk);
    }
    ByteArrayOutputStream rows = new ByteArrayOutputStream();
    for (int[] pass : interlaced ? ADAM7 : new int[][] {{0, 0, 1, 1}}) {
      rows.writeBytes(pass(width, height, type, depth, pass, samples));
    }
    byte[] packed = deflate(rows.toByteArray());
    // In several pieces, one of them empty.
    int half = packed.length / 2;
    out.writeBytes(chunk("IDAT", Arrays.copyOf(packed, half)));
    out.writeBytes(chunk("IDAT"));
    out.writeBytes(chunk("IDAT", Arrays.copyOfRange(packed, half, packed.length)));
    out.writeBytes(chunk("IEND"));
    return out.toByteArray();
  }

  static byte[] header(int width, int height, int depth, int type, int interlace) {
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(data)) {
      out.writeInt(width);
      out.writeInt(height);
      out.write(new byte[] {(byte) depth, (byte) type, 0, 0, (byte) interlace});
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return chunk("IHDR", data.toByteArray());
  }

  static byte[] chunk(String type, byte... data) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    CRC32 checksum = new CRC32();
    checksum.update(name);
    checksum.update(data);
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeInt(data.length);
      out.write(name);
      out.write(data);
      out.writeInt((int) checksum.getValue());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  static byte[] deflate(byte[] data) {
    Deflater deflater = new Deflater();
    deflater.setInput(data);
    deflater.finish();
    byte[] packed = new byte[data.length + 100];
    int length = deflater.deflate(packed);
    deflater.end();
    return Arrays.copyOf(packed, length);
  }

  private static byte[] pass(
      int width, int height, int type, int depth, int[] pass, Samples samples) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int across = Math.ceilDiv(width - pass[0], pass[2]);
    int count = samples(type);
    int rowBytes = Math.ceilDiv(Math.max(0, across) * count * depth, 8);
    int lead = Math.max(1, count * depth / 8);
    byte[] above = new byte[rowBytes];
    int number = 0;
    for (int y = pass[1]; across > 0 && y < height; y += pass[3]) {
      byte[] row = new byte[rowBytes];
      for (int i = 0; i < across * count; i++) {
        int value = samples.at(pass[0] + i / count * pass[2], y, i % count);
        for (int b = 0; b < depth; b++) {
          int bit = value >> (depth - 1 - b) & 1;
          int at = i * depth + b;
          row[at / 8] |= (byte) (bit << (7 - at % 8));
        }
      }
      int filter = number % 5;
      out.write(filter);
      for (int i = 0; i < rowBytes; i++) {
        int left = i < lead ? 0 : row[i - lead] & 0xFF;
        int up = above[i] & 0xFF;
        int corner = i < lead ? 0 : above[i - lead] & 0xFF;
        out.write(row[i] - predicted(filter, left, up, corner));
      }
      above = row;
      number++;
    }
    return out.toByteArray();
  }

  private static int predicted(int filter, int left, int up, int corner) {
    return switch (filter) {
      case 0 -> 0;
      case 1 -> left;
      case 2 -> up;
      case 3 -> (left + up) / 2;
      default -> {
        int p = left + up - corner;
        int toLeft = Math.abs(p - left);
        int toUp = Math.abs(p - up);
        int toCorner = Math.abs(p - corner);
        yield toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
      }
    };
  }
}
