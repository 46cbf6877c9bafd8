package asymml.trusted.data;

import asymml.model.Shape;
import java.util.Iterator;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/// Decodes one PNG file (PNG specification, third edition), all colour types and depths. Memory is
/// that of the result and two rows, whatever the file claims.
///
/// - Samples of 1, 2 and 4 bits are scaled to 8 by `255 / (2^bits - 1)`, which is exact; samples of
///   16 bits by `255 / 65535`, or from a [Decoding.Window], rounded to nearest. Without a window,
///   an image of 16 bits that uses less than a quarter of them is refused: it would be almost
///   black.
/// - A palette whose entries are all gray gives a gray image.
/// - Transparency that has no effect is dropped; a pixel that is not opaque is refused, since what
///   lies behind it is unknown.
/// - Gamma and colour profiles are not applied.
final class PngDecoder {
  /// Column and row of the first pixel, and the steps, of each pass of Adam7.
  private static final int[][] ADAM7 = {
    {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}
  };

  private static final int[][] WHOLE = {{0, 0, 1, 1}};
  private static final int OPAQUE = 255;
  private static final int MOST_ENTRIES = 256;

  /// Samples of 16 bits that all lie below this have fewer bits.
  private static final int FULL_RANGE_FROM = 1 << 14;

  /// Fewer pixels may just be dark.
  private static final int TELLING_PIXELS = 64;

  private final String name;
  private final byte[] file;
  private final PngHeader header;
  private final Decoding.@Nullable Window window;
  private final PngChunks chunks;
  private final Inflater inflater = new Inflater();
  private final Iterator<PngChunks.Range> data;
  private final int channels;
  private final byte[] pixels;

  /// The colour that tRNS declares transparent, as stored; empty if there is none.
  private final int[] transparent;

  /// The largest sample of colour, as stored.
  private int largest;

  /// @param window of samples of 16 bits; null where they use all of their range
  PngDecoder(String name, byte[] file, PngHeader header, Decoding.@Nullable Window window)
      throws DataException {
    this.window = window;
    this.name = name;
    this.file = file;
    this.header = header;
    chunks = PngChunks.parse(name, file);
    data = chunks.data().iterator();
    boolean palette = header.type() == PngHeader.PALETTE;
    if (palette) {
      requirePalette();
    }
    boolean gray = palette ? isGray(chunks.palette()) : header.samples() <= 2;
    channels = gray ? 1 : 3;
    transparent = palette || header.hasAlpha() ? new int[0] : transparent();
    pixels = new byte[Math.multiplyExact(header.height() * header.width(), channels)];
  }

  private void requirePalette() throws DataException {
    int length = chunks.palette().length;
    if (length == 0 || length % 3 != 0 || length > 3 * MOST_ENTRIES) {
      throw ImageDecoder.corrupt(name, "its palette has " + length + " bytes");
    }
  }

  private static boolean isGray(byte[] palette) {
    for (int i = 0; i < palette.length; i += 3) {
      if (palette[i] != palette[i + 1] || palette[i] != palette[i + 2]) {
        return false;
      }
    }
    return true;
  }

  private int[] transparent() throws DataException {
    byte[] stored = chunks.transparency();
    if (stored.length == 0) {
      return new int[0];
    }
    if (stored.length != 2 * header.samples()) {
      throw ImageDecoder.corrupt(name, "its transparent colour has " + stored.length + " bytes");
    }
    int[] samples = new int[header.samples()];
    for (int s = 0; s < samples.length; s++) {
      samples[s] = (stored[2 * s] & 0xFF) << 8 | (stored[2 * s + 1] & 0xFF);
    }
    return samples;
  }

  DecodedImage decode() throws DataException {
    try {
      for (int[] pass : header.interlaced() ? ADAM7 : WHOLE) {
        decodePass(pass[0], pass[1], pass[2], pass[3]);
      }
      requireChecksum();
      requireRange();
    } catch (DataFormatException e) {
      throw ImageDecoder.corrupt(name, "its compressed pixels are damaged");
    } finally {
      inflater.end();
    }
    return new DecodedImage(new Shape(header.height(), header.width(), channels), pixels);
  }

  private void decodePass(int column, int row, int columnStep, int rowStep)
      throws DataException, DataFormatException {
    int width = Math.ceilDiv(header.width() - column, columnStep);
    if (width < 1) {
      return;
    }
    int bytes = header.rowBytes(width);
    // In front of each row, as many zeros as a pixel has bytes: the left neighbour of its first.
    int lead = Math.max(1, header.samples() * header.depth() / 8);
    byte[] above = new byte[lead + bytes];
    byte[] current = new byte[lead + bytes];
    byte[] filter = new byte[1];
    for (int y = row; y < header.height(); y += rowStep) {
      inflate(filter, 0);
      inflate(current, lead);
      undo(name, filter[0], current, above, lead);
      int out = (y * header.width() + column) * channels;
      for (int x = 0; x < width; x++) {
        put(current, lead, x, out);
        out += columnStep * channels;
      }
      byte[] swap = above;
      above = current;
      current = swap;
    }
  }

  /// Fills an array from an offset to its end.
  private void inflate(byte[] target, int from) throws DataException, DataFormatException {
    int at = from;
    while (at < target.length) {
      int got = inflater.inflate(target, at, target.length - at);
      at += got;
      if (got == 0 && (inflater.finished() || inflater.needsDictionary() || !feed())) {
        throw ImageDecoder.corrupt(name, "its pixels end early");
      }
    }
  }

  /// Whether there was another piece of the compressed data.
  private boolean feed() {
    if (!data.hasNext()) {
      return false;
    }
    PngChunks.Range next = data.next();
    inflater.setInput(file, next.from(), next.length());
    return true;
  }

  /// Reads up to the checksum of the pixels, which is compared there. What stands between is not
  /// part of the image.
  private void requireChecksum() throws DataException, DataFormatException {
    byte[] beyond = new byte[1];
    for (int i = 0; i < 1 << 16 && !inflater.finished(); i++) {
      if (inflater.inflate(beyond) == 0 && !inflater.finished() && !feed()) {
        throw ImageDecoder.corrupt(name, "its pixels end before their checksum");
      }
    }
  }

  /// Ten to fourteen bits in sixteen: all of the range would leave a few levels of gray.
  private void requireRange() throws DataException {
    if (header.depth() == 16
        && window == null
        && largest > 0
        && largest < FULL_RANGE_FROM
        && header.height() * header.width() >= TELLING_PIXELS) {
      int bits = Integer.SIZE - Integer.numberOfLeadingZeros(largest);
      throw DataException.ofNarrowRange(
          "%s has samples of 16 bits, but none above %s: taken as 16 bits, %s levels would be left of them; set the window of samples, such as 0:%s, or 0:65535 if the image is as dark"
              .formatted(
                  name,
                  largest,
                  Decoding.Window.scaled(null, largest) + 1,
                  (1 << Math.max(8, bits)) - 1));
    }
  }

  private void put(byte[] row, int lead, int x, int out) throws DataException {
    if (header.type() == PngHeader.PALETTE) {
      putEntry(sample(row, lead, x), out);
      return;
    }
    int samples = header.samples();
    boolean opaque = transparent.length == 0;
    for (int s = 0; s < samples; s++) {
      int value = sample(row, lead, x * samples + s);
      opaque |= transparent.length > 0 && value != transparent[s];
      if (s < channels) {
        largest = Math.max(largest, value);
        pixels[out + s] = (byte) scaled(value, window);
      } else {
        requireOpaque(scaled(value, null));
      }
    }
    if (!opaque) {
      requireOpaque(0);
    }
  }

  private void putEntry(int entry, int out) throws DataException {
    byte[] palette = chunks.palette();
    if (3 * entry >= palette.length) {
      throw ImageDecoder.corrupt(name, "a pixel's colour is not in the palette");
    }
    if (entry < chunks.transparency().length) {
      requireOpaque(chunks.transparency()[entry] & 0xFF);
    }
    System.arraycopy(palette, 3 * entry, pixels, out, channels);
  }

  /// The i-th sample of a row, as stored.
  private int sample(byte[] row, int lead, int i) {
    return switch (header.depth()) {
      case 8 -> row[lead + i] & 0xFF;
      case 16 -> (row[lead + 2 * i] & 0xFF) << 8 | (row[lead + 2 * i + 1] & 0xFF);
      default -> {
        int bits = header.depth();
        int at = i * bits;
        int shift = 8 - bits - at % 8;
        yield (row[lead + at / 8] >> shift) & ((1 << bits) - 1);
      }
    };
  }

  private int scaled(int value, Decoding.@Nullable Window of) {
    return switch (header.depth()) {
      case 8 -> value;
      case 16 -> Decoding.Window.scaled(of, value);
      default -> value * 255 / ((1 << header.depth()) - 1);
    };
  }

  private void requireOpaque(int alpha) throws DataException {
    if (alpha != OPAQUE) {
      throw new DataException(
          name + " has transparent pixels; flatten it onto a background colour");
    }
  }

  /// Undoes the filter of one row, in place (PNG specification, third edition, 9.2).
  ///
  /// @param name how to call the file in errors
  /// @param filter its number
  /// @param row filtered bytes from `lead` on, zeros before
  /// @param above the row above, without a filter; zeros in the first row
  /// @param lead bytes of a pixel, at least 1
  private static void undo(String name, int filter, byte[] row, byte[] above, int lead)
      throws DataException {
    switch (filter) {
      case 0 -> {}
      case 1 -> {
        for (int i = lead; i < row.length; i++) {
          row[i] += row[i - lead];
        }
      }
      case 2 -> {
        for (int i = lead; i < row.length; i++) {
          row[i] += above[i];
        }
      }
      case 3 -> {
        for (int i = lead; i < row.length; i++) {
          row[i] += (byte) (((row[i - lead] & 0xFF) + (above[i] & 0xFF)) >> 1);
        }
      }
      case 4 -> {
        for (int i = lead; i < row.length; i++) {
          row[i] += (byte) paeth(row[i - lead] & 0xFF, above[i] & 0xFF, above[i - lead] & 0xFF);
        }
      }
      default -> throw ImageDecoder.corrupt(name, "a row has the filter " + filter);
    }
  }

  /// The neighbour that is nearest to `left + up - corner`.
  private static int paeth(int left, int up, int corner) {
    int p = left + up - corner;
    int toLeft = Math.abs(p - left);
    int toUp = Math.abs(p - up);
    int toCorner = Math.abs(p - corner);
    if (toLeft <= toUp && toLeft <= toCorner) {
      return left;
    }
    return toUp <= toCorner ? up : corner;
  }
}
