package asymml.trusted.data;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;

/// A small zip writer for tests, with names, flags and sizes that others do not write.
final class ZipFiles {
  /// An entry as it is written.
  ///
  /// @param name its bytes
  /// @param flags general purpose bits
  /// @param method of compression
  /// @param packed content as it stands in the file
  /// @param size declared size of the content
  /// @param crc declared checksum
  /// @param extra fields of the directory
  /// @param attributes external attributes; a Unix mode in the upper half
  @SuppressWarnings("ArrayRecordComponent") // Written at once, never compared.
  record Entry(
      byte[] name,
      int flags,
      int method,
      byte[] packed,
      long size,
      long crc,
      byte[] extra,
      int attributes) {
    static Entry stored(String name, byte[] content) {
      CRC32 checksum = new CRC32();
      checksum.update(content);
      return new Entry(
          name.getBytes(StandardCharsets.UTF_8),
          1 << 11,
          0,
          content,
          content.length,
          checksum.getValue(),
          new byte[0],
          0);
    }

    Entry named(byte[] raw) {
      return new Entry(raw, 0, method, packed, size, crc, extra, attributes);
    }

    Entry withFlags(int other) {
      return new Entry(name, other, method, packed, size, crc, extra, attributes);
    }

    Entry withMethod(int other) {
      return new Entry(name, flags, other, packed, size, crc, extra, attributes);
    }

    Entry withPacked(byte[] other) {
      return new Entry(name, flags, method, other, size, crc, extra, attributes);
    }

    Entry withSize(long other) {
      return new Entry(name, flags, method, packed, other, crc, extra, attributes);
    }

    Entry withExtra(byte[] other) {
      return new Entry(name, flags, method, packed, size, crc, other, attributes);
    }

    Entry withAttributes(int other) {
      return new Entry(name, flags, method, packed, size, crc, extra, other);
    }
  }

  private ZipFiles() {}

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// All of a buffer, whatever its position.
  static byte[] bytes(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.capacity()];
    buffer.get(0, bytes);
    return bytes;
  }

  /// A file of entries. In the form of zip64, counts and offsets stand in the wide records alone.
  static byte[] write(boolean zip64, List<Entry> entries) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    List<byte[]> directory = new ArrayList<>();
    for (Entry e : entries) {
      int offset = out.size();
      ByteBuffer local = little(30).putInt(0x04034B50).putShort((short) 20);
      local.putShort((short) e.flags).putShort((short) e.method).putInt(0).putInt((int) e.crc);
      local.putInt(e.packed.length).putInt((int) e.size).putShort((short) e.name.length);
      out.writeBytes(bytes(local));
      out.writeBytes(e.name);
      out.writeBytes(e.packed);
      byte[] wide =
          zip64
              ? bytes(
                  little(28)
                      .putShort((short) 1)
                      .putShort((short) 24)
                      .putLong(e.size)
                      .putLong(e.packed.length)
                      .putLong(offset))
              : new byte[0];
      ByteBuffer entry = little(46 + e.name.length + e.extra.length + wide.length);
      entry.putInt(0x02014B50).putShort((short) (3 << 8)).putShort((short) 20);
      entry.putShort((short) e.flags).putShort((short) e.method).putInt(0).putInt((int) e.crc);
      entry.putInt(zip64 ? -1 : e.packed.length).putInt(zip64 ? -1 : (int) e.size);
      entry.putShort((short) e.name.length).putShort((short) (e.extra.length + wide.length));
      entry.putShort((short) 0).putShort((short) 0).putShort((short) 0).putInt(e.attributes);
      entry.putInt(zip64 ? -1 : offset).put(e.name).put(e.extra).put(wide);
      directory.add(bytes(entry));
    }
    int from = out.size();
    directory.forEach(out::writeBytes);
    int length = out.size() - from;
    if (zip64) {
      int at = out.size();
      ByteBuffer end = little(56).putInt(0x06064B50).putLong(44).putInt(45).putInt(0).putInt(0);
      end.putLong(entries.size()).putLong(entries.size()).putLong(length).putLong(from);
      out.writeBytes(bytes(end));
      out.writeBytes(bytes(little(20).putInt(0x07064B50).putInt(0).putLong(at).putInt(1)));
    }
    ByteBuffer end = little(22).putInt(0x06054B50).putInt(0);
    short count = zip64 ? -1 : (short) entries.size();
    end.putShort(count).putShort(count).putInt(zip64 ? -1 : length).putInt(zip64 ? -1 : from);
    out.writeBytes(bytes(end));
    return out.toByteArray();
  }
}
