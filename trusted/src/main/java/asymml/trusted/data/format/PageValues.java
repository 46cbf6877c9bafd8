package asymml.trusted.data.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/// The values of a page, unpacked: each is a part of one array.
///
/// @param data holds them
/// @param from where each begins; -1 where it is null
/// @param length of each in bytes
@SuppressWarnings("ArrayRecordComponent") // Read by ParquetValues alone, never compared.
record PageValues(byte[] data, int[] from, int[] length) {
  private static final int PLAIN = 0;
  private static final int PLAIN_DICTIONARY = 2;
  private static final int RLE_DICTIONARY = 8;

  private static final int UNPACKED = 0;
  private static final int SNAPPY = 1;
  private static final int GZIP = 2;

  /// A gzip file's header without the optional parts, which writers of Parquet do not use.
  private static final int GZIP_HEADER_BYTES = 10;

  /// Of a value in a dictionary: a length, or a number.
  private static final int LEAST_BYTES = 4;

  private static final byte[] GZIP_MARK = {0x1F, (byte) 0x8B, 8, 0};

  private static final String[] CODECS = {"", "", "", "LZO", "Brotli", "LZ4", "Zstandard", "LZ4"};

  private static final String[] ENCODINGS = {
    "",
    "",
    "",
    "RLE",
    "BIT_PACKED",
    "DELTA_BINARY_PACKED",
    "DELTA_LENGTH_BYTE_ARRAY",
    "DELTA_BYTE_ARRAY",
    "",
    "BYTE_STREAM_SPLIT"
  };

  /// Refuses packings that are not read.
  static void requireCodec(int codec) throws FormatException {
    if (codec < UNPACKED || codec > GZIP) {
      throw new FormatException(
          "is packed by %s, which is not read; write it with Snappy, gzip or no compression"
              .formatted(codec >= 0 && codec < CODECS.length ? CODECS[codec] : "codec " + codec));
    }
  }

  /// Reads a page.
  ///
  /// @param file where it is
  /// @param page its place
  /// @param codec how it is packed
  /// @param column whose values they are
  /// @param dictionary that of its row group, if it has one
  static PageValues read(
      FileBytes file,
      ParquetPage page,
      int codec,
      ParquetColumn column,
      @Nullable PageValues dictionary)
      throws IOException, FormatException {
    if (page.kind() == ParquetPage.DICTIONARY && page.values() > page.size() / LEAST_BYTES) {
      throw ParquetFooter.damaged("a dictionary has more values than bytes for them");
    }
    byte[] packed = file.read(page.from(), page.packed());
    int levels = page.levelBytes();
    byte[] data = packed;
    if (codec != UNPACKED && page.compressed()) {
      byte[] rest = unpack(packed, levels, page.size() - levels, codec);
      data = rest;
      if (levels > 0) {
        data = Arrays.copyOf(packed, page.size());
        System.arraycopy(rest, 0, data, levels, rest.length);
      }
    } else if (page.packed() != page.size()) {
      throw ParquetFooter.damaged("a page has not the size it declares");
    }
    return new Reader(data, page, column).read(dictionary);
  }

  private static byte[] unpack(byte[] packed, int from, int size, int codec)
      throws FormatException {
    if (size == 0) {
      return new byte[0];
    }
    if (codec == SNAPPY) {
      // It makes at most 64 bytes of three.
      if (size > 22L * (packed.length - from)) {
        throw ParquetFooter.damaged("a page has not the size it declares");
      }
      return Snappy.unpack(packed, from, size);
    }
    // Deflate makes at most 1032 bytes of one.
    if (size > 1032L * (packed.length - from)
        || packed.length - from < GZIP_HEADER_BYTES
        || !Arrays.equals(packed, from, from + 4, GZIP_MARK, 0, 4)) {
      throw ParquetFooter.damaged("a page is no gzip data of its size");
    }
    Inflater inflater = new Inflater(true);
    try {
      inflater.setInput(packed, from + GZIP_HEADER_BYTES, packed.length - from - GZIP_HEADER_BYTES);
      byte[] out = new byte[size];
      int done = 0;
      while (done < size) {
        int got = inflater.inflate(out, done, size - done);
        if (got == 0) {
          throw ParquetFooter.damaged("a page has not the size it declares");
        }
        done += got;
      }
      return out;
    } catch (DataFormatException e) {
      throw ParquetFooter.damaged("its gzip data are corrupt");
    } finally {
      inflater.end();
    }
  }

  /// Finds the values of a page that is unpacked.
  private static final class Reader {
    private final byte[] data;
    private final ByteBuffer buffer;
    private final ParquetPage page;
    private final ParquetColumn column;
    private final int[] from;
    private final int[] length;

    /// Where values begin, behind the levels.
    private int at;

    Reader(byte[] data, ParquetPage page, ParquetColumn column) {
      this.data = data;
      this.page = page;
      this.column = column;
      buffer = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
      from = new int[page.values()];
      length = new int[page.values()];
    }

    PageValues read(@Nullable PageValues dictionary) throws FormatException {
      int present = page.values();
      if (page.kind() != ParquetPage.DICTIONARY) {
        present = readLevels();
      }
      int encoding = page.encoding();
      if (encoding == PLAIN
          || (encoding == PLAIN_DICTIONARY && page.kind() == ParquetPage.DICTIONARY)) {
        readPlain();
        return new PageValues(data, from, length);
      }
      if (encoding != PLAIN_DICTIONARY && encoding != RLE_DICTIONARY) {
        throw new FormatException(
            "has a column %s of encoding %s, which is not read; write it with plain or dictionary encoding"
                .formatted(
                    column.name(),
                    encoding >= 0 && encoding < ENCODINGS.length ? ENCODINGS[encoding] : encoding));
      }
      if (dictionary == null || page.kind() == ParquetPage.DICTIONARY) {
        throw ParquetFooter.damaged("a page has no dictionary");
      }
      readIndices(dictionary, present);
      return new PageValues(dictionary.data, from, length);
    }

    /// Marks nulls.
    ///
    /// @return how many values are none
    private int readLevels() throws FormatException {
      if (column.definition() == 0) {
        at = page.levelBytes();
        return page.values();
      }
      page.requireReadableLevels();
      int begin = 0;
      int end = page.levelBytes();
      if (page.kind() == ParquetPage.DATA) {
        begin = 4;
        int bytes = data.length < 4 ? -1 : buffer.getInt(0);
        if (bytes < 0 || bytes > data.length - 4) {
          throw ParquetFooter.damaged("the levels of a page reach beyond it");
        }
        end = 4 + bytes;
      }
      int width = 32 - Integer.numberOfLeadingZeros(column.definition());
      int[] levels = RunLengths.read(data, begin, end, width, page.values());
      int present = 0;
      for (int i = 0; i < levels.length; i++) {
        boolean there = levels[i] == column.definition();
        from[i] = there ? 0 : -1;
        present += there ? 1 : 0;
      }
      at = end;
      return present;
    }

    private void readPlain() throws FormatException {
      boolean bytes = column.type() == ParquetColumn.BYTES;
      int fixed = column.type() == ParquetColumn.INT32 ? 4 : 8;
      for (int i = 0; i < from.length; i++) {
        if (from[i] < 0) {
          continue;
        }
        int size = fixed;
        if (bytes) {
          size = data.length - at < 4 ? -1 : buffer.getInt(at);
          at += 4;
        }
        if (size < 0 || size > data.length - at) {
          throw ParquetFooter.damaged("the values of a page reach beyond it");
        }
        from[i] = at;
        length[i] = size;
        at += size;
      }
    }

    private void readIndices(PageValues dictionary, int present) throws FormatException {
      if (present == 0) {
        return;
      }
      int width = at < data.length ? data[at] : -1;
      if (width < 0 || width > 32) {
        throw ParquetFooter.damaged("a page has indices of " + width + " bits");
      }
      int[] indices = RunLengths.read(data, at + 1, data.length, width, present);
      int next = 0;
      for (int i = 0; i < from.length; i++) {
        if (from[i] >= 0) {
          int index = indices[next++];
          if (index < 0 || index >= dictionary.from.length) {
            throw ParquetFooter.damaged("a page names a value that its dictionary has not");
          }
          from[i] = dictionary.from[index];
          length[i] = dictionary.length[index];
        }
      }
    }
  }

  /// A value's bytes.
  ///
  /// @return null if it is null
  byte @Nullable [] bytes(int index) {
    return from[index] < 0
        ? null
        : Arrays.copyOfRange(data, from[index], from[index] + length[index]);
  }

  /// Roughly the memory that it takes.
  long heapBytes() {
    return data.length + 8L * from.length;
  }
}
