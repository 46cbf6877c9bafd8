package asymml.trusted.data;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import javax.imageio.plugins.jpeg.JPEGHuffmanTable;

/// A small JPEG encoder for tests, by ITU-T T.81 alone: any components, ids, sampling factors and
/// markers; baseline, or progressive by spectral selection. Quantisation steps are 1, so that
/// samples come back within one level.
final class JpegFiles {
  private static final int[] ZIGZAG = {
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63
  };

  /// Of multiples of a sixteenth of pi.
  private static final double[] COSINES =
      IntStream.range(0, 106).mapToDouble(i -> Math.cos(i * Math.PI / 16)).toArray();

  /// The value of a component at a place in pixels, 0 to 255.
  interface Plane {
    double at(double x, double y);
  }

  /// A component.
  record Component(int id, int horizontal, int vertical, Plane plane) {}

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final int width;
  private final int height;
  private final List<Component> components;
  private final int mostHorizontal;
  private final int mostVertical;
  private final int[][][] coefficients;
  private final int[][] dcCodes = codes(JPEGHuffmanTable.StdDCLuminance);
  private final int[][] acCodes = codes(JPEGHuffmanTable.StdACLuminance);
  private int bits;
  private int bitCount;

  private JpegFiles(int width, int height, List<Component> components) {
    this.width = width;
    this.height = height;
    this.components = components;
    mostHorizontal = components.stream().mapToInt(Component::horizontal).max().orElseThrow();
    mostVertical = components.stream().mapToInt(Component::vertical).max().orElseThrow();
    coefficients = new int[components.size()][][];
    for (int c = 0; c < coefficients.length; c++) {
      coefficients[c] = blocks(components.get(c));
    }
  }

  /// Encodes an image; segments such as [#jfif()] follow the start mark.
  static byte[] encode(
      int width, int height, List<Component> components, boolean progressive, byte[]... segments) {
    JpegFiles file = new JpegFiles(width, height, components);
    file.write(0xFF, 0xD8);
    for (byte[] segment : segments) {
      file.out.writeBytes(segment);
    }
    file.tables();
    file.frame(progressive ? 0xC2 : 0xC0);
    file.scans(progressive);
    file.write(0xFF, 0xD9);
    return file.out.toByteArray();
  }

  static byte[] jfif() {
    return segment(0xE0, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0);
  }

  static byte[] adobe(int transform) {
    return segment(0xEE, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, transform);
  }

  /// A TIFF directory with one entry, the orientation.
  static byte[] exif(int orientation) {
    return segment(
        0xE1,
        'E',
        'x',
        'i',
        'f',
        0,
        0,
        'M',
        'M',
        0,
        42,
        0,
        0,
        0,
        8,
        0,
        1,
        1,
        0x12,
        0,
        3,
        0,
        0,
        0,
        1,
        0,
        orientation,
        0,
        0,
        0,
        0,
        0,
        0);
  }

  static byte[] segment(int marker, int... data) {
    byte[] bytes = new byte[4 + data.length];
    bytes[0] = (byte) 0xFF;
    bytes[1] = (byte) marker;
    bytes[2] = (byte) ((data.length + 2) >> 8);
    bytes[3] = (byte) (data.length + 2);
    for (int i = 0; i < data.length; i++) {
      bytes[4 + i] = (byte) data[i];
    }
    return bytes;
  }

  private void write(int... bytes) {
    for (int b : bytes) {
      out.write(b);
    }
  }

  private void tables() {
    int[] quantisation = new int[65];
    Arrays.fill(quantisation, 1, 65, 1);
    out.writeBytes(segment(0xDB, quantisation));
    huffman(0, JPEGHuffmanTable.StdDCLuminance);
    huffman(0x10, JPEGHuffmanTable.StdACLuminance);
  }

  private void huffman(int selector, JPEGHuffmanTable table) {
    int[] data = new int[17 + table.getValues().length];
    data[0] = selector;
    for (int i = 0; i < table.getLengths().length; i++) {
      data[1 + i] = table.getLengths()[i];
    }
    for (int i = 0; i < table.getValues().length; i++) {
      data[17 + i] = table.getValues()[i];
    }
    out.writeBytes(segment(0xC4, data));
  }

  private void frame(int marker) {
    int[] data = new int[6 + 3 * components.size()];
    data[0] = 8;
    data[1] = height >> 8;
    data[2] = height & 0xFF;
    data[3] = width >> 8;
    data[4] = width & 0xFF;
    data[5] = components.size();
    for (int c = 0; c < components.size(); c++) {
      data[6 + 3 * c] = components.get(c).id();
      data[7 + 3 * c] = components.get(c).horizontal() << 4 | components.get(c).vertical();
    }
    out.writeBytes(segment(marker, data));
  }

  private void scans(boolean progressive) {
    int[] all = new int[components.size()];
    Arrays.setAll(all, c -> c);
    if (!progressive) {
      scan(0, 63, all);
      return;
    }
    scan(0, 0, all);
    for (int c : all) {
      scan(1, 63, c);
    }
  }

  private void scan(int first, int last, int... chosen) {
    int[] data = new int[4 + 2 * chosen.length];
    data[0] = chosen.length;
    for (int i = 0; i < chosen.length; i++) {
      data[1 + 2 * i] = components.get(chosen[i]).id();
    }
    data[data.length - 3] = first;
    data[data.length - 2] = last;
    out.writeBytes(segment(0xDA, data));
    int[] before = new int[components.size()];
    if (chosen.length == 1) {
      Component only = components.get(chosen[0]);
      int across = Math.ceilDiv(Math.ceilDiv(width * only.horizontal(), mostHorizontal), 8);
      int down = Math.ceilDiv(Math.ceilDiv(height * only.vertical(), mostVertical), 8);
      for (int b = 0; b < across * down; b++) {
        block(chosen[0], b % across, b / across, first, last, before);
      }
    } else {
      for (int m = 0; m < unitsAcross() * unitsDown(); m++) {
        for (int c : chosen) {
          Component component = components.get(c);
          for (int b = 0; b < component.horizontal() * component.vertical(); b++) {
            block(
                c,
                m % unitsAcross() * component.horizontal() + b % component.horizontal(),
                m / unitsAcross() * component.vertical() + b / component.horizontal(),
                first,
                last,
                before);
          }
        }
      }
    }
    while (bitCount > 0) {
      put(1, 1);
    }
  }

  private int unitsAcross() {
    return Math.ceilDiv(width, 8 * mostHorizontal);
  }

  private int unitsDown() {
    return Math.ceilDiv(height, 8 * mostVertical);
  }

  /// Quantised coefficients in zigzag order of all blocks of whole units.
  private int[][] blocks(Component component) {
    int across = unitsAcross() * component.horizontal();
    int down = unitsDown() * component.vertical();
    double stepX = (double) mostHorizontal / component.horizontal();
    double stepY = (double) mostVertical / component.vertical();
    int[][] blocks = new int[across * down][64];
    for (int b = 0; b < blocks.length; b++) {
      double[] samples = new double[64];
      for (int i = 0; i < 64; i++) {
        // Beyond the edge, as encoders do, the last row and column again.
        double x = Math.min((b % across * 8 + i % 8 + 0.5) * stepX, width - 0.5);
        double y = Math.min((b / across * 8 + i / 8 + 0.5) * stepY, height - 0.5);
        samples[i] = Math.rint(component.plane().at(x, y)) - 128;
      }
      for (int k = 0; k < 64; k++) {
        blocks[b][k] = (int) Math.rint(cosine(samples, ZIGZAG[k] % 8, ZIGZAG[k] / 8));
      }
    }
    return blocks;
  }

  /// T.81, A.3.3.
  private static double cosine(double[] samples, int u, int v) {
    double sum = 0;
    for (int i = 0; i < 64; i++) {
      sum += samples[i] * COSINES[(2 * (i % 8) + 1) * u] * COSINES[(2 * (i / 8) + 1) * v];
    }
    return sum / 4 * (u == 0 ? Math.sqrt(0.5) : 1) * (v == 0 ? Math.sqrt(0.5) : 1);
  }

  private void block(int c, int column, int row, int first, int last, int[] before) {
    int[] block = coefficients[c][row * unitsAcross() * components.get(c).horizontal() + column];
    if (first == 0) {
      value(dcCodes, 0, block[0] - before[c]);
      before[c] = block[0];
    }
    int run = 0;
    for (int k = Math.max(1, first); k <= last; k++) {
      if (block[k] == 0) {
        run++;
      } else {
        for (; run > 15; run -= 16) {
          put(acCodes[0xF0][0], acCodes[0xF0][1]);
        }
        value(acCodes, run << 4, block[k]);
        run = 0;
      }
    }
    if (run > 0 && last > 0) {
      put(acCodes[0][0], acCodes[0][1]);
    }
  }

  private void value(int[][] codes, int run, int value) {
    int category = 32 - Integer.numberOfLeadingZeros(Math.abs(value));
    int[] code = codes[run | category];
    put(code[0], code[1]);
    put(value < 0 ? value + (1 << category) - 1 : value, category);
  }

  private void put(int value, int count) {
    for (int i = count - 1; i >= 0; i--) {
      bits = bits << 1 | (value >> i & 1);
      bitCount++;
      if (bitCount == 8) {
        write(bits);
        if (bits == 0xFF) {
          write(0);
        }
        bits = 0;
        bitCount = 0;
      }
    }
  }

  /// Code and length of each symbol (T.81, annex C).
  private static int[][] codes(JPEGHuffmanTable table) {
    int[][] codes = new int[256][2];
    int code = 0;
    int next = 0;
    for (int length = 1; length <= table.getLengths().length; length++) {
      for (int i = 0; i < table.getLengths()[length - 1]; i++) {
        codes[table.getValues()[next]] = new int[] {code, length};
        next++;
        code++;
      }
      code <<= 1;
    }
    return codes;
  }
}
