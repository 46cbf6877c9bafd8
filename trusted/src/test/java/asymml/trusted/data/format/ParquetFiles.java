package asymml.trusted.data.format;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/// Writes Parquet files for tests: optional columns of byte arrays, text and whole numbers of 64
/// bits, some in a group, in the form that its settings say.
public final class ParquetFiles {
  /// The codec unpacked.
  public static final int UNPACKED = 0;

  /// The codec snappy.
  public static final int SNAPPY = 1;

  /// The codec gzip.
  public static final int GZIP = 2;

  /// A column; one with two names is in a group.
  private record Column(List<String> path, boolean text, List<? extends @Nullable Object> values) {
    boolean isNumber() {
      return values.stream().anyMatch(Long.class::isInstance);
    }
  }

  private final List<Column> columns = new ArrayList<>();
  private final Map<String, String> metadata = new TreeMap<>();
  private int rowsOfGroup = Integer.MAX_VALUE;
  private int rowsOfPage = Integer.MAX_VALUE;
  private int codec = UNPACKED;
  private boolean version2;
  private boolean dictionary;

  /// An empty file.
  public ParquetFiles() {}

  /// Adds a column.
  ///
  /// @param path its name, or that of a group and its own with a dot between
  /// @param values of `byte[]`, `String`, `Long` or null
  /// @return this
  public ParquetFiles column(String path, List<? extends @Nullable Object> values) {
    boolean text = values.stream().anyMatch(String.class::isInstance);
    columns.add(new Column(List.of(path.split("[.]")), text, values));
    return this;
  }

  /// Adds to what the file says of itself.
  ///
  /// @param key of the entry
  /// @param value of the entry
  /// @return this
  public ParquetFiles metadata(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /// Bounds row groups and pages.
  ///
  /// @param ofGroup most rows of a row group
  /// @param ofPage most rows of a page
  /// @return this
  public ParquetFiles rows(int ofGroup, int ofPage) {
    rowsOfGroup = ofGroup;
    rowsOfPage = ofPage;
    return this;
  }

  /// Packs pages.
  ///
  /// @param by a codec above
  /// @return this
  public ParquetFiles packed(int by) {
    codec = by;
    return this;
  }

  /// Writes pages of version 2.
  ///
  /// @return this
  public ParquetFiles version2() {
    version2 = true;
    return this;
  }

  /// Writes dictionaries.
  ///
  /// @return this
  public ParquetFiles dictionaries() {
    dictionary = true;
    return this;
  }

  /// The file.
  ///
  /// @return new
  public byte[] write() {
    Out file = new Out();
    file.text("PAR1");
    int rows = columns.getFirst().values.size();
    Thrift footer = new Thrift();
    footer.number(1, 5, 2);
    schema(footer);
    footer.number(3, 6, rows);
    int groups = rows == 0 ? 0 : Math.ceilDiv(rows, Math.min(rows, rowsOfGroup));
    footer.list(4, 12, groups);
    for (int g = 0; g < groups; g++) {
      int from = g * Math.min(rows, rowsOfGroup);
      int to = (int) Math.min(rows, (long) from + rowsOfGroup);
      Thrift group = new Thrift();
      group.list(1, 12, columns.size());
      for (Column column : columns) {
        group.raw(chunk(file, column, from, to).end());
      }
      group.number(2, 6, 0).number(3, 6, to - from);
      footer.raw(group.end());
    }
    if (!metadata.isEmpty()) {
      footer.list(5, 12, metadata.size());
      metadata.forEach((key, value) -> footer.raw(new Thrift().text(1, key).text(2, value).end()));
    }
    byte[] end = footer.end();
    file.writeBytes(end);
    file.int32(end.length);
    file.text("PAR1");
    return file.toByteArray();
  }

  private void schema(Thrift footer) {
    LinkedHashSet<String> tops = new LinkedHashSet<>();
    columns.forEach(c -> tops.add(c.path.getFirst()));
    long inGroups =
        columns.stream()
            .filter(c -> c.path.size() == 2)
            .map(c -> c.path.getFirst())
            .distinct()
            .count();
    footer.list(2, 12, 1 + columns.size() + (int) inGroups);
    footer.raw(new Thrift().text(4, "schema").number(5, 5, tops.size()).end());
    for (String top : tops) {
      List<Column> members = columns.stream().filter(c -> c.path.getFirst().equals(top)).toList();
      if (members.getFirst().path.size() == 2) {
        footer.raw(new Thrift().number(3, 5, 1).text(4, top).number(5, 5, members.size()).end());
      }
      for (Column column : members) {
        Thrift leaf = new Thrift().number(1, 5, column.isNumber() ? 2 : 6).number(3, 5, 1);
        leaf.text(4, column.path.getLast());
        if (column.text) {
          leaf.number(6, 5, 0);
        }
        footer.raw(leaf.end());
      }
    }
  }

  private Thrift chunk(Out file, Column column, int from, int to) {
    long start = file.size();
    List<? extends @Nullable Object> values = column.values.subList(from, to);
    List<Object> distinct = new ArrayList<>();
    long dictionaryAt = 0;
    if (dictionary) {
      for (Object value : values) {
        if (value != null && !distinct.contains(value)) {
          distinct.add(value);
        }
      }
      dictionaryAt = start;
      byte[] plain = plain(distinct);
      byte[] packed = pack(plain);
      file.writeBytes(
          new Thrift()
              .number(1, 5, 2)
              .number(2, 5, plain.length)
              .number(3, 5, packed.length)
              .struct(7, new Thrift().number(1, 5, distinct.size()).number(2, 5, 0))
              .end());
      file.writeBytes(packed);
    }
    long dataAt = file.size();
    for (int at = 0; at < values.size(); at += Math.min(rowsOfPage, values.size())) {
      int end = (int) Math.min(values.size(), (long) at + rowsOfPage);
      page(file, column, values.subList(at, end), distinct);
    }
    Thrift meta = new Thrift();
    meta.number(1, 5, column.isNumber() ? 2 : 6).list(2, 5, 0).list(3, 8, 0);
    meta.number(4, 5, codec).number(5, 6, values.size()).number(6, 6, 0);
    meta.number(7, 6, file.size() - start).number(9, 6, dataAt);
    if (dictionary) {
      meta.number(11, 6, dictionaryAt);
    }
    return new Thrift().number(2, 6, start).struct(3, meta);
  }

  private void page(
      Out file, Column column, List<? extends @Nullable Object> values, List<Object> distinct) {
    Out levels = new Out();
    int level = column.path.size();
    for (Object value : values) {
      // Runs of one.
      levels.write(2);
      levels.write(value == null ? 0 : level);
    }
    Out data = new Out();
    List<Object> present = new ArrayList<>();
    values.stream().filter(v -> v != null).forEach(present::add);
    if (dictionary) {
      int width = 9;
      data.write(width);
      // Groups of eight, packed from the lowest bit on.
      int groups = Math.ceilDiv(present.size(), 8);
      data.varint(groups << 1 | 1);
      byte[] bits = new byte[groups * width];
      for (int i = 0; i < present.size(); i++) {
        int index = distinct.indexOf(present.get(i));
        for (int b = 0; b < width; b++) {
          int bit = i * width + b;
          bits[bit / 8] |= (byte) ((index >> b & 1) << bit % 8);
        }
      }
      data.writeBytes(bits);
    } else {
      data.writeBytes(plain(present));
    }
    int encoding = dictionary ? 8 : 0;
    Thrift header = new Thrift();
    if (version2) {
      byte[] packed = pack(data.toByteArray());
      header.number(1, 5, 3).number(2, 5, levels.size() + data.size());
      header.number(3, 5, levels.size() + packed.length);
      Thrift of = new Thrift().number(1, 5, values.size());
      of.number(2, 5, values.size() - present.size()).number(3, 5, values.size());
      of.number(4, 5, encoding).number(5, 5, levels.size()).number(6, 5, 0);
      file.writeBytes(header.struct(8, of).end());
      file.writeBytes(levels.toByteArray());
      file.writeBytes(packed);
      return;
    }
    Out all = new Out();
    all.int32(levels.size());
    all.writeBytes(levels.toByteArray());
    all.writeBytes(data.toByteArray());
    byte[] packed = pack(all.toByteArray());
    header.number(1, 5, 0).number(2, 5, all.size()).number(3, 5, packed.length);
    Thrift of = new Thrift().number(1, 5, values.size()).number(2, 5, encoding);
    file.writeBytes(header.struct(5, of.number(3, 5, 3).number(4, 5, 3)).end());
    file.writeBytes(packed);
  }

  private static byte[] plain(List<Object> values) {
    Out out = new Out();
    for (Object value : values) {
      if (value instanceof Long number) {
        out.writeBytes(
            ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(number).array());
      } else {
        byte[] bytes =
            value instanceof String text ? text.getBytes(StandardCharsets.UTF_8) : (byte[]) value;
        out.int32(bytes.length);
        out.writeBytes(bytes);
      }
    }
    return out.toByteArray();
  }

  private byte[] pack(byte[] bytes) {
    if (codec == UNPACKED) {
      return bytes;
    }
    Out out = new Out();
    if (codec == SNAPPY) {
      out.varint(bytes.length);
      for (int at = 0; at < bytes.length; at += 60) {
        int length = Math.min(60, bytes.length - at);
        out.write(length - 1 << 2);
        out.write(bytes, at, length);
      }
      return out.toByteArray();
    }
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    byte[] packed = out.toByteArray();
    return packed;
  }

  private static final class Out extends ByteArrayOutputStream {
    void text(String text) {
      writeBytes(text.getBytes(StandardCharsets.UTF_8));
    }

    void int32(int value) {
      writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    void varint(long value) {
      long rest = value;
      while (rest >>> 7 != 0) {
        write((int) (rest & 0x7F | 0x80));
        rest >>>= 7;
      }
      write((int) rest);
    }
  }

  /// The compact protocol: fields in ascending order.
  static final class Thrift {
    private final Out out = new Out();
    private int last;

    private void field(int id, int type) {
      out.write(id - last << 4 | type);
      last = id;
    }

    Thrift number(int id, int type, long value) {
      field(id, type);
      out.varint(value << 1 ^ value >> 63);
      return this;
    }

    Thrift text(int id, String text) {
      field(id, 8);
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      out.varint(bytes.length);
      out.writeBytes(bytes);
      return this;
    }

    Thrift list(int id, int type, int size) {
      field(id, 9);
      if (size < 15) {
        out.write(size << 4 | type);
      } else {
        out.write(0xF0 | type);
        out.varint(size);
      }
      return this;
    }

    Thrift struct(int id, Thrift of) {
      field(id, 12);
      out.writeBytes(of.end());
      return this;
    }

    void raw(byte[] bytes) {
      out.writeBytes(bytes);
    }

    byte[] end() {
      byte[] all = out.toByteArray();
      return java.util.Arrays.copyOf(all, all.length + 1);
    }
  }
}
