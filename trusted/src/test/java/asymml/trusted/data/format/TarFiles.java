package asymml.trusted.data.format;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/// Writes tar archives for tests, sound and unsound ones (POSIX ustar).
public final class TarFiles {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  public TarFiles add(String name, byte[] content) {
    return add(name, '0', content.length, content);
  }

  public TarFiles add(String name, String text) {
    return add(name, text.getBytes(StandardCharsets.UTF_8));
  }

  /// An entry whose header may say anything.
  public TarFiles add(String name, char type, long size, byte[] content) {
    return header(name, type, String.format(Locale.ROOT, "%011o\0", size)).content(content);
  }

  /// A header with a size field of 12 bytes.
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

  public TarFiles content(byte[] content) {
    out.writeBytes(content);
    out.writeBytes(new byte[Math.floorMod(-content.length, 512)]);
    return this;
  }

  public TarFiles raw(byte[] bytes) {
    out.writeBytes(bytes);
    return this;
  }

  /// A record of pax.
  public static byte[] pax(String key, String value) {
    String rest = " " + key + "=" + value + "\n";
    int bytes = rest.getBytes(StandardCharsets.UTF_8).length;
    int length = bytes;
    while (String.valueOf(length).length() + bytes != length) {
      length = String.valueOf(length).length() + bytes;
    }
    return (length + rest).getBytes(StandardCharsets.UTF_8);
  }

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
  public byte[] open() {
    return out.toByteArray();
  }

  public byte[] end() {
    byte[] all = open();
    return Arrays.copyOf(all, Math.ceilDiv(all.length + 1024, 10240) * 10240);
  }
}
