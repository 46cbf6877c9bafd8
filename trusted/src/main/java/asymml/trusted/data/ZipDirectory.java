package asymml.trusted.data;

import asymml.model.PrintableText;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/// Reads the directory at the end of a zip file (APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16).
final class ZipDirectory {
  private static final int END_MARK = 0x06054B50;
  private static final int END_BYTES = 22;
  private static final int END64_MARK = 0x06064B50;
  private static final int END64_BYTES = 56;
  private static final int LOCATOR_MARK = 0x07064B50;
  private static final int LOCATOR_BYTES = 20;
  private static final int ENTRY_MARK = 0x02014B50;
  private static final int ENTRY_BYTES = 46;
  private static final int COMMENT_BYTES = 0xFFFF;
  private static final long UNSET_INT = 0xFFFFFFFFL;
  private static final int UNSET_SHORT = 0xFFFF;

  private static final int ZIP64_FIELD = 0x0001;
  private static final int UNICODE_PATH_FIELD = 0x7075;
  private static final int UTF8_FLAG = 1 << 11;
  private static final int MASKED_FLAG = 1 << 13;

  /// Systems whose entries carry a Unix mode in their attributes: Unix and macOS.
  private static final int UNIX = 3;

  private static final int MACOS = 19;
  private static final int MODE_TYPE = 0xF000;
  private static final int MODE_LINK = 0xA000;

  /// The largest directory: some million entries.
  private static final long MOST_BYTES = 1L << 30;

  private final Path file;
  private final FileChannel channel;
  private final TreeIndex<Entry> entries;

  private ZipDirectory(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
    entries = new TreeIndex<>(file.toString());
  }

  /// All entries under their normal names.
  static TreeIndex<Entry> read(Path file, FileChannel channel) throws DataException, IOException {
    ZipDirectory directory = new ZipDirectory(file, channel);
    directory.readAll();
    return directory.entries;
  }

  private void readAll() throws DataException, IOException {
    long size = channel.size();
    int tail = (int) Math.min(size, END_BYTES + COMMENT_BYTES);
    ByteBuffer end = bytes(size - tail, tail);
    int at = tail - END_BYTES;
    while (at >= 0 && end.getInt(at) != END_MARK) {
      at--;
    }
    if (at < 0) {
      throw new DataException(
          file
              + " is truncated or not a zip file: the directory at its end is missing; replace it,"
              + " or copy it again");
    }
    long endAt = size - tail + at;
    int disk = end.getShort(at + 4) & UNSET_SHORT;
    long count = end.getShort(at + 10) & UNSET_SHORT;
    long length = end.getInt(at + 12) & UNSET_INT;
    long from = end.getInt(at + 16) & UNSET_INT;
    if (count == UNSET_SHORT || length == UNSET_INT || from == UNSET_INT || disk == UNSET_SHORT) {
      ByteBuffer end64 = end64(endAt);
      if (end64 != null) {
        disk = end64.getInt(16);
        count = end64.getLong(32);
        length = end64.getLong(40);
        from = end64.getLong(48);
        endAt = endAt - LOCATOR_BYTES - END64_BYTES;
      }
    }
    if (disk != 0) {
      throw new DataException(
          file + " is one part of a zip file that was split; join its parts, or unpack them");
    }
    // What stands before the first entry, such as a program that unpacks, shifts all offsets.
    long shift = endAt - length - from;
    if (length < 0 || from < 0 || length > endAt || shift < 0) {
      throw damaged("its directory is not where its end says");
    }
    if (length > MOST_BYTES || count < 0 || count > length / ENTRY_BYTES) {
      throw damaged("its directory of " + length + " bytes does not hold " + count + " entries");
    }
    readEntries(bytes(from + shift, (int) length), count, shift);
  }

  private @Nullable ByteBuffer end64(long endAt) throws DataException, IOException {
    if (endAt < LOCATOR_BYTES + END64_BYTES) {
      return null;
    }
    ByteBuffer locator = bytes(endAt - LOCATOR_BYTES, LOCATOR_BYTES);
    ByteBuffer end64 = bytes(endAt - LOCATOR_BYTES - END64_BYTES, END64_BYTES);
    return locator.getInt(0) == LOCATOR_MARK && end64.getInt(0) == END64_MARK ? end64 : null;
  }

  private void readEntries(ByteBuffer directory, long count, long shift) throws DataException {
    int at = 0;
    for (long i = 0; i < count; i++) {
      if (directory.limit() - at < ENTRY_BYTES || directory.getInt(at) != ENTRY_MARK) {
        throw damaged("its directory ends after " + i + " of " + count + " entries");
      }
      int nameBytes = directory.getShort(at + 28) & UNSET_SHORT;
      int extraBytes = directory.getShort(at + 30) & UNSET_SHORT;
      int commentBytes = directory.getShort(at + 32) & UNSET_SHORT;
      int next = at + ENTRY_BYTES + nameBytes + extraBytes + commentBytes;
      if (next > directory.limit()) {
        throw damaged("its directory ends after " + i + " of " + count + " entries");
      }
      readEntry(
          directory.slice(at, ENTRY_BYTES).order(ByteOrder.LITTLE_ENDIAN),
          array(directory, at + ENTRY_BYTES, nameBytes),
          directory.slice(at + ENTRY_BYTES + nameBytes, extraBytes).order(ByteOrder.LITTLE_ENDIAN),
          shift);
      at = next;
    }
  }

  private void readEntry(ByteBuffer header, byte[] rawName, ByteBuffer extra, long shift)
      throws DataException {
    int flags = header.getShort(8) & UNSET_SHORT;
    if ((flags & MASKED_FLAG) != 0) {
      throw new DataException(
          file + " is encrypted, names and all; unpack it with its password and give the folder");
    }
    long packed = header.getInt(20) & UNSET_INT;
    long size = header.getInt(24) & UNSET_INT;
    long offset = header.getInt(42) & UNSET_INT;
    ByteBuffer wide = field(extra, ZIP64_FIELD);
    // Each is there only if its short form is full (4.5.3).
    size = size == UNSET_INT && wide.remaining() >= 8 ? wide.getLong() : size;
    packed = packed == UNSET_INT && wide.remaining() >= 8 ? wide.getLong() : packed;
    offset = offset == UNSET_INT && wide.remaining() >= 8 ? wide.getLong() : offset;
    String name = name(flags, rawName, extra);
    if (size < 0 || packed < 0 || offset < 0 || offset > Long.MAX_VALUE - shift - (1 << 20)) {
      throw damaged("the sizes of " + PrintableText.of(name) + " are negative");
    }
    int system = header.get(5) & 0xFF;
    int mode = header.getInt(38) >>> 16;
    boolean link = (system == UNIX || system == MACOS) && (mode & MODE_TYPE) == MODE_LINK;
    entries.add(
        name,
        new Entry(
            header.getShort(10) & UNSET_SHORT,
            flags,
            header.getInt(16) & UNSET_INT,
            packed,
            size,
            offset + shift,
            link));
  }

  /// UTF-8 where the entry says so (4.4.4), or in a field beside the name (4.6.9), or where the
  /// bytes are that; else the code page of DOS.
  private static String name(int flags, byte[] raw, ByteBuffer extra) {
    if ((flags & UTF8_FLAG) != 0) {
      return TreeNames.decode(raw);
    }
    ByteBuffer unicode = field(extra, UNICODE_PATH_FIELD);
    if (unicode.remaining() > 5 && unicode.get() == 1) {
      CRC32 checksum = new CRC32();
      checksum.update(raw);
      if (unicode.getInt() == (int) checksum.getValue()) {
        return StandardCharsets.UTF_8.decode(unicode).toString();
      }
    }
    return TreeNames.decode(raw);
  }

  /// An extra field's data, empty if there is none.
  private static ByteBuffer field(ByteBuffer extra, int wanted) {
    int at = 0;
    while (extra.limit() - at >= 4) {
      int id = extra.getShort(at) & UNSET_SHORT;
      int length = Math.min(extra.getShort(at + 2) & UNSET_SHORT, extra.limit() - at - 4);
      if (id == wanted) {
        return extra.slice(at + 4, length).order(ByteOrder.LITTLE_ENDIAN);
      }
      at += 4 + length;
    }
    return ByteBuffer.allocate(0);
  }

  private static byte[] array(ByteBuffer buffer, int from, int length) {
    byte[] bytes = new byte[length];
    buffer.get(from, bytes);
    return bytes;
  }

  private ByteBuffer bytes(long from, int length) throws DataException, IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, from + buffer.position()) < 0) {
        throw damaged("it became shorter while it was read");
      }
    }
    return buffer.flip();
  }

  private DataException damaged(String why) {
    return new DataException(file + " is a damaged zip file (" + why + "); replace it");
  }

  /// What the directory of a zip file says of one entry.
  ///
  /// @param method how it is compressed
  /// @param flags general purpose bits
  /// @param crc checksum of the content, 32 bits
  /// @param packed its size in the file, in bytes
  /// @param size of the content, in bytes, as declared
  /// @param offset of its local header in the file
  /// @param link whether it is a symbolic link
  record Entry(int method, int flags, long crc, long packed, long size, long offset, boolean link) {
    private static final int ENCRYPTED = 1;

    /// The methods that are met in practice (APPNOTE.TXT 4.4.5).
    private static String methodName(int method) {
      return switch (method) {
        case 1 -> "Shrink";
        case 6 -> "Implode";
        case 9 -> "Deflate64";
        case 12 -> "bzip2";
        case 14 -> "LZMA";
        case 20, 93 -> "Zstandard";
        case 94 -> "MP3";
        case 95 -> "XZ";
        case 98 -> "PPMd";
        default -> "an unknown method";
      };
    }

    /// Refuses what cannot be read, with the reason.
    ///
    /// @param name how to call the entry
    void requireReadable(String name) throws DataException {
      if ((flags & ENCRYPTED) != 0) {
        throw new DataException(
            name + " is encrypted; unpack the zip file with its password and give the folder");
      }
      if (link) {
        throw new DataException(
            name + " is a symbolic link; pack the zip file with the image itself");
      }
      if (!ZipArchive.reads(method)) {
        throw new DataException(
            "%s is compressed by %s (method %s), which is not read; unpack the zip file and give the folder, or pack it with deflate"
                .formatted(name, methodName(method), method));
      }
    }
  }
}
