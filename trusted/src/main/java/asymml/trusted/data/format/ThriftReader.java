package asymml.trusted.data.format;

import java.nio.charset.StandardCharsets;

/// Reads Thrift's compact protocol, in which Parquet describes itself (Apache Thrift,
/// `thrift-compact-protocol.md`). Lengths are checked against the bytes that are there; nothing is
/// allocated for what is only declared.
final class ThriftReader {
  private static final int TRUE = 1;
  private static final int FALSE = 2;
  private static final int BYTE = 3;
  private static final int DOUBLE = 7;
  private static final int BINARY = 8;
  private static final int LIST = 9;
  private static final int SET = 10;
  private static final int MAP = 11;
  private static final int STRUCT = 12;
  private static final int MOST_DEPTH = 64;

  /// Takes the fields of a struct.
  @FunctionalInterface
  interface Fields {
    /// Reads a field's value, or leaves it, and it is skipped.
    ///
    /// @param id of the field
    /// @return whether it was read
    boolean read(int id) throws FormatException;
  }

  /// Takes the elements of a list.
  @FunctionalInterface
  interface Element {
    /// Reads one.
    void read() throws FormatException;
  }

  private final byte[] bytes;
  private int at;
  private int type;
  private int depth;

  ThriftReader(byte[] bytes) {
    this.bytes = bytes;
  }

  /// How many bytes were read.
  int position() {
    return at;
  }

  /// Reads a struct.
  void struct(Fields fields) throws FormatException {
    if (++depth > MOST_DEPTH) {
      throw damaged();
    }
    int id = 0;
    for (int header = unsigned(); header != 0; header = unsigned()) {
      int delta = header >> 4;
      id = delta == 0 ? (int) zigzag() : id + delta;
      int field = header & 15;
      type = field;
      if (!fields.read(id)) {
        skip(field);
      }
    }
    depth--;
  }

  /// Reads a field that is a list.
  void list(Element element) throws FormatException {
    require(LIST, SET);
    int header = unsigned();
    long count = header >> 4 == 15 ? varint() : header >> 4;
    if (count < 0 || count > bytes.length - at) {
      throw damaged();
    }
    int each = header & 15;
    for (long i = 0; i < count; i++) {
      type = each;
      element.read();
    }
  }

  /// Reads a field that is a struct.
  void structField(Fields fields) throws FormatException {
    require(STRUCT, STRUCT);
    struct(fields);
  }

  /// Reads a field of 16, 32 or 64 bits.
  long number() throws FormatException {
    if (type < 4 || type > 6) {
      throw damaged();
    }
    return zigzag();
  }

  /// Reads a field of 32 bits.
  int integer() throws FormatException {
    long value = number();
    if (value != (int) value) {
      throw damaged();
    }
    return (int) value;
  }

  /// The value of a field that is true or false.
  boolean bool() throws FormatException {
    require(TRUE, FALSE);
    return type == TRUE;
  }

  /// Reads a field that is text.
  String text() throws FormatException {
    require(BINARY, BINARY);
    int length = length();
    String text = new String(bytes, at, length, StandardCharsets.UTF_8);
    at += length;
    return text;
  }

  private void skip(int field) throws FormatException {
    if (++depth > MOST_DEPTH) {
      throw damaged();
    }
    switch (field) {
      case TRUE, FALSE -> {}
      case BYTE -> unsigned();
      case 4, 5, 6 -> varint();
      case DOUBLE -> advance(8);
      case BINARY -> advance(length());
      case LIST, SET -> {
        type = field;
        // In a list true and false take a byte each.
        list(() -> skip(type == TRUE || type == FALSE ? BYTE : type));
      }
      case MAP -> skipMap();
      case STRUCT -> struct(_ -> false);
      default -> throw damaged();
    }
    depth--;
  }

  private void skipMap() throws FormatException {
    int count = length();
    if (count == 0) {
      return;
    }
    int types = unsigned();
    for (int i = 0; i < count; i++) {
      for (int each : new int[] {types >> 4, types & 15}) {
        skip(each == TRUE || each == FALSE ? BYTE : each);
      }
    }
  }

  private void require(int wanted, int other) throws FormatException {
    if (type != wanted && type != other) {
      throw damaged();
    }
  }

  private int length() throws FormatException {
    long length = varint();
    if (length < 0 || length > bytes.length - at) {
      throw damaged();
    }
    return (int) length;
  }

  private void advance(int count) throws FormatException {
    if (count > bytes.length - at) {
      throw damaged();
    }
    at += count;
  }

  private int unsigned() throws FormatException {
    if (at >= bytes.length) {
      throw damaged();
    }
    return bytes[at++] & 0xFF;
  }

  private long zigzag() throws FormatException {
    long value = varint();
    return (value >>> 1) ^ -(value & 1);
  }

  private long varint() throws FormatException {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      int each = unsigned();
      value |= (long) (each & 0x7F) << shift;
      if (each < 0x80) {
        return value;
      }
    }
    throw damaged();
  }

  private static FormatException damaged() {
    return new FormatException("is a damaged Parquet file (a header cannot be read); replace it");
  }
}
