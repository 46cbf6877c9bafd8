package asymml.trusted.data.format;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/// Writes tar archives for tests, sound and unsound ones (POSIX ustar).
public final class TarFiles {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /// An empty file.
  public TarFiles() {}

  /// Adds a regular file.
  ///
  /// @param name as stored
  /// @param content all of it
  /// @return this
  public TarFiles add(String name, byte[] content) {
    return add(name, '0', content.length, content);
  }

  /// Adds a regular file of text.
  ///
  /// @param name as stored
  /// @param text in UTF-8
  /// @return this
  public TarFiles add(String name, String text) {
    return add(name, text.getBytes(StandardCharsets.UTF_8));
  }

  /// Adds an entry whose header may say anything.
  ///
  /// @param name as stored
  /// @param type its flag
  /// @param size as declared
  /// @param content what follows
  /// @return this
  public TarFiles add(String name, char type, long size, byte[] content) {
    return header(name, type, String.format(Locale.ROOT, "%011o\0", size)).content(content);
  }

  /// Adds a header alone.
  ///
  /// @param name as stored
  /// @param type its flag
  /// @param size the field, of 12 bytes
  /// @return this
  public TarFiles header(String name, char type, String size) {
    byte[] header = new byte[512];
    put(header, 0, name);
    put(header, 100, "0000644\0");
    put(header, 124, size);
    put(header, 136, "00000000000\0");
    header[156] = (byte) type;
    put(header, 257, "ustar\00000");
    return raw(withChecksum(header));
  }

  /// Adds content, filled up with zeros.
  ///
  /// @param content without a header
  /// @return this
  public TarFiles content(byte[] content) {
    out.writeBytes(content);
    out.writeBytes(new byte[Math.floorMod(-content.length, 512)]);
    return this;
  }

  /// Adds bytes as they are.
  ///
  /// @param bytes any number
  /// @return this
  public TarFiles raw(byte[] bytes) {
    out.writeBytes(bytes);
    return this;
  }

  /// A record of pax.
  ///
  /// @param key its name
  /// @param value its value
  /// @return with its length before it
  public static byte[] pax(String key, String value) {
    String rest = " " + key + "=" + value + "\n";
    int bytes = rest.getBytes(StandardCharsets.UTF_8).length;
    int length = bytes;
    while (String.valueOf(length).length() + bytes != length) {
      length = String.valueOf(length).length() + bytes;
    }
    return (length + rest).getBytes(StandardCharsets.UTF_8);
  }

  /// Sets the checksum of a header.
  ///
  /// @param header of 512 bytes
  /// @return the same array
  public static byte[] withChecksum(byte[] header) {
    Arrays.fill(header, 148, 156, (byte) ' ');
    int sum = 0;
    for (byte each : header) {
      sum += each & 0xFF;
    }
    put(header, 148, String.format(Locale.ROOT, "%06o\0 ", sum));
    return header;
  }

  private static void put(byte[] header, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    System.arraycopy(bytes, 0, header, at, bytes.length);
  }

  /// The archive as it is so far, without an end mark.
  ///
  /// @return new
  public byte[] open() {
    return out.toByteArray();
  }

  /// The archive with its end mark, a full record.
  ///
  /// @return new
  public byte[] end() {
    byte[] all = open();
    return Arrays.copyOf(all, Math.ceilDiv(all.length + 1024, 10240) * 10240);
  }
}
