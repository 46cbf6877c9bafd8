package asymml.trusted.data.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/// What a Parquet file says of itself at its end (Apache Parquet format 2.11, `parquet.thrift`).
///
/// @param columns the leaves of the schema, in the order of the file's columns
/// @param groups its row groups, in their order
/// @param metadata what the program that wrote it has added
record ParquetFooter(
    List<ParquetColumn> columns, List<Group> groups, Map<String, String> metadata) {
  private static final String MARK = "PAR1";
  private static final String ENCRYPTED_MARK = "PARE";

  /// The length of the footer, and the mark behind it.
  private static final int TAIL_BYTES = 8;

  private static final int MOST_BYTES = 1 << 26;

  /// A part of the rows.
  ///
  /// @param rows how many
  /// @param chunks the values of each column
  record Group(long rows, List<Chunk> chunks) {}

  /// The values of a column in a row group.
  ///
  /// @param type of its values
  /// @param codec how its pages are packed
  /// @param values how many there are, nulls among them
  /// @param from its first page's first byte
  /// @param bytes of all pages
  record Chunk(int type, int codec, long values, long from, long bytes) {}

  /// Reads the end of a file.
  static ParquetFooter read(FileBytes file) throws IOException, FormatException {
    if (file.size() == 0) {
      throw new FormatException("is empty; replace or remove it");
    }
    if (file.size() < MARK.length() + TAIL_BYTES) {
      throw notParquet();
    }
    String start = latin(file.read(0, MARK.length()), 0);
    byte[] tail = file.read(file.size() - TAIL_BYTES, TAIL_BYTES);
    String end = latin(tail, 4);
    if (start.equals(ENCRYPTED_MARK) || end.equals(ENCRYPTED_MARK)) {
      throw encrypted();
    }
    if (!start.equals(MARK)) {
      throw notParquet();
    }
    if (!end.equals(MARK)) {
      throw new FormatException(
          "is a truncated Parquet file: the mark at its end is missing; copy it again");
    }
    int length = ByteBuffer.wrap(tail).order(ByteOrder.LITTLE_ENDIAN).getInt();
    if (length <= 0 || length > MOST_BYTES || length > file.size() - MARK.length() - TAIL_BYTES) {
      throw damaged("its end declares " + Integer.toUnsignedString(length) + " bytes of metadata");
    }
    byte[] footer = file.read(file.size() - TAIL_BYTES - length, length);
    return new FooterParser(new ThriftReader(footer), file.size() - TAIL_BYTES - length).parse();
  }

  private static String latin(byte[] bytes, int from) {
    return new String(bytes, from, MARK.length(), StandardCharsets.ISO_8859_1);
  }

  private static FormatException notParquet() {
    return new FormatException("is no Parquet file; replace or rename it");
  }

  static FormatException encrypted() {
    return new FormatException("is an encrypted Parquet file; decrypt it");
  }

  static FormatException damaged(String why) {
    return new FormatException("is a damaged Parquet file (" + why + "); replace it");
  }

  /// The number of rows.
  long rows() {
    return groups.stream().mapToLong(Group::rows).sum();
  }
}
