package asymml.trusted.data.format;

import java.io.IOException;

/// A page of a column: where it is, and how it is packed.
///
/// @param kind 0 data, 2 dictionary, 3 data of version 2
/// @param firstRow its first value's row in the file
/// @param values how many it has, nulls among them
/// @param encoding of the values
/// @param from its first byte behind its header
/// @param packed bytes in the file
/// @param size bytes when unpacked
/// @param levelBytes of version 2: bytes of levels, which are not packed
/// @param levelEncoding of version 1: how levels are encoded, if there are any
/// @param compressed whether the rest is packed
record ParquetPage(
    int kind,
    long firstRow,
    int values,
    int encoding,
    long from,
    int packed,
    int size,
    int levelBytes,
    int levelEncoding,
    boolean compressed) {
  static final int DATA = 0;
  static final int INDEX = 1;
  static final int DICTIONARY = 2;
  static final int DATA_2 = 3;

  /// Headers have statistics, with values.
  private static final int HEADER_BYTES = 1 << 12;

  private static final int MOST_HEADER_BYTES = 1 << 24;

  /// Each takes eight bytes while a page is in use.
  private static final int MOST_VALUES = 1 << 24;

  private static final class Header implements ThriftReader.Fields {
    private final ThriftReader in;
    private int kind = -1;
    private int size = -1;
    private int packed = -1;
    private int values = -1;
    private int encoding = -1;
    private int definitionEncoding = RLE;
    private int definitionBytes;
    private int repetitionBytes;
    private boolean compressed = true;

    private static final int RLE = 3;

    Header(ThriftReader in) {
      this.in = in;
    }

    @Override
    public boolean read(int id) throws FormatException {
      switch (id) {
        case 1 -> kind = in.integer();
        case 2 -> size = in.integer();
        case 3 -> packed = in.integer();
        case 5 -> in.structField(this::data);
        case 7 -> in.structField(this::dictionary);
        case 8 -> in.structField(this::data2);
        default -> {
          return false;
        }
      }
      return true;
    }

    private boolean data(int id) throws FormatException {
      switch (id) {
        case 1 -> values = in.integer();
        case 2 -> encoding = in.integer();
        case 3 -> definitionEncoding = in.integer();
        default -> {
          return false;
        }
      }
      return true;
    }

    private boolean dictionary(int id) throws FormatException {
      switch (id) {
        case 1 -> values = in.integer();
        case 2 -> encoding = in.integer();
        default -> {
          return false;
        }
      }
      return true;
    }

    private boolean data2(int id) throws FormatException {
      switch (id) {
        case 1 -> values = in.integer();
        case 4 -> encoding = in.integer();
        case 5 -> definitionBytes = in.integer();
        case 6 -> repetitionBytes = in.integer();
        case 7 -> compressed = in.bool();
        default -> {
          return false;
        }
      }
      return true;
    }
  }

  /// Reads a page's header.
  ///
  /// @param file the file
  /// @param at where it begins
  /// @param end where the column ends
  /// @param firstRow of its values
  /// @param mostBytes of a page, unpacked
  static ParquetPage read(FileBytes file, long at, long end, long firstRow, int mostBytes)
      throws IOException, FormatException {
    Header header = null;
    int headerBytes = 0;
    int bytes = (int) Math.min(HEADER_BYTES, end - at);
    while (header == null) {
      ThriftReader in = new ThriftReader(file.read(at, bytes));
      Header tried = new Header(in);
      try {
        in.struct(tried);
        header = tried;
        headerBytes = in.position();
      } catch (FormatException e) {
        // It may be longer: values in statistics can be images.
        if (bytes == end - at || bytes == MOST_HEADER_BYTES) {
          throw e;
        }
        bytes = (int) Math.min(Math.min(bytes * 16L, MOST_HEADER_BYTES), end - at);
      }
    }
    long from = at + headerBytes;
    int levelBytes = header.definitionBytes + header.repetitionBytes;
    if (header.packed < 0 || header.packed > end - from || header.size < 0) {
      throw ParquetFooter.damaged("a page reaches beyond its column");
    }
    if (header.size > mostBytes) {
      throw new FormatException(
          "has a page of %s bytes, more than the limit of %s; write it with smaller pages or row groups"
              .formatted(header.size, mostBytes));
    }
    if (header.kind != INDEX
        && (header.kind < 0
            || header.kind > DATA_2
            || header.values < 0
            || header.values > MOST_VALUES)) {
      throw ParquetFooter.damaged("a page declares %s values".formatted(header.values));
    }
    if (header.definitionBytes < 0
        || header.repetitionBytes != 0
        || levelBytes > Math.min(header.size, header.packed)) {
      throw ParquetFooter.damaged("the levels of a page reach beyond it");
    }
    return new ParquetPage(
        header.kind,
        firstRow,
        header.values,
        header.encoding,
        from,
        header.packed,
        header.size,
        levelBytes,
        header.definitionEncoding,
        header.compressed);
  }

  /// Refuses levels that are not read here. Where a column has none, any encoding may be declared.
  void requireReadableLevels() throws FormatException {
    if (kind == DATA && levelEncoding != Header.RLE) {
      throw new FormatException(
          "has a page with levels of an encoding that is not read (%s); write it anew"
              .formatted(levelEncoding));
    }
  }
}
