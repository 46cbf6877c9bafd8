package asymml.trusted.data.format;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Lists the entries of a tar archive without reading their content: the forms of POSIX (ustar and
/// pax, IEEE Std 1003.1-2017, `pax`), of GNU tar and of Unix version 7.
public final class TarArchive {
  private static final int BLOCK = 512;

  /// How much is read behind the end mark at a time.
  private static final int AT_ONCE = 1 << 20;

  /// Headers of pax, and names of GNU tar, are content that a header declares.
  private static final int MOST_HEADER_BYTES = 1 << 20;

  /// What an entry is.
  public enum Kind {
    /// A regular file, whose content lies in the archive.
    FILE,
    /// A folder; it has no content.
    FOLDER,
    /// A symbolic link.
    SYMBOLIC_LINK,
    /// A hard link: another name of a file that came before.
    HARD_LINK,
    /// A file with holes, which GNU tar stores in parts.
    SPARSE,
    /// The rest of a file that began in another archive.
    CONTINUED,
    /// A device, a pipe, or what only some programs write.
    OTHER
  }

  /// An entry.
  ///
  /// @param name as it is stored
  /// @param kind what it is
  /// @param offset of its content in the archive
  /// @param size of its content in bytes; all of it lies in the archive
  public record Entry(String name, Kind kind, long offset, long size) {}

  /// What extended headers say of the entry that follows, or of all that follow.
  private record Extended(@Nullable String path, @Nullable Long size, boolean sparse) {
    static final Extended NONE = new Extended(null, null, false);

    Extended over(Extended before) {
      return new Extended(
          path != null ? path : before.path,
          size != null ? size : before.size,
          sparse || before.sparse);
    }
  }

  private final FileBytes file;
  private final Function<byte[], String> text;
  private final List<Entry> entries = new ArrayList<>();
  private Extended global = Extended.NONE;
  private Extended next = Extended.NONE;
  private long at;

  private TarArchive(FileBytes file, Function<byte[], String> text) {
    this.file = file;
    this.text = text;
  }

  /// Whether a file begins like a tar archive: with a header whose checksum is right.
  ///
  /// @param head the file's first bytes; fewer than 512 are no archive
  /// @return false for an archive without entries
  public static boolean begins(byte[] head) {
    return head.length >= BLOCK && !isZero(head) && checksumMatches(head);
  }

  /// The entries of an archive, in their order.
  ///
  /// @param file the archive
  /// @param text names are bytes of no declared encoding
  /// @return all entries but headers
  /// @throws IOException if the file cannot be read
  /// @throws FormatException if it is truncated, damaged or joined from several
  public static List<Entry> list(FileBytes file, Function<byte[], String> text)
      throws IOException, FormatException {
    TarArchive archive = new TarArchive(file, text);
    while (archive.readEntry()) {
      // Each call takes one.
    }
    archive.requireNothingMore();
    return List.copyOf(archive.entries);
  }

  /// Reads one header.
  ///
  /// @return false at the end mark
  private boolean readEntry() throws IOException, FormatException {
    if (file.size() - at < BLOCK) {
      throw new FormatException(
          "is a truncated tar archive: the mark at its end is missing; copy or pack it again");
    }
    byte[] header = file.read(at, BLOCK);
    if (isZero(header)) {
      return false;
    }
    if (!checksumMatches(header)) {
      throw damaged("the checksum of a header does not match", at);
    }
    long headerAt = at;
    at += BLOCK;
    int type = header[156] & 0xFF;
    Extended said = next.over(global);
    boolean meta = type == 'x' || type == 'g' || type == 'L' || type == 'K';
    Long override = meta ? null : said.size();
    long size = override != null ? override : number(header, 124, 12, headerAt);
    Kind kind = kind(type, said, name(header));
    if (!meta && type == 'S') {
      skipParts(header);
    }
    long stored =
        kind == Kind.FILE || kind == Kind.SPARSE || kind == Kind.CONTINUED || meta
            ? size
            : kind == Kind.OTHER && !isDevice(type) ? size : 0;
    if (size < 0 || stored > file.size() - at) {
      throw new FormatException(
          "is a truncated tar archive: it ends inside the entry at byte %s, which declares %s bytes; copy or pack it again"
              .formatted(headerAt, size));
    }
    if (meta) {
      readMeta(type, size, headerAt);
    } else {
      String path = said.path();
      entries.add(new Entry(path != null ? path : name(header), kind, at, stored));
      next = Extended.NONE;
    }
    at += Math.ceilDiv(stored, BLOCK) * BLOCK;
    return true;
  }

  private static boolean isDevice(int type) {
    return type == '3' || type == '4' || type == '6';
  }

  private static Kind kind(int type, Extended said, String name) {
    return switch (type) {
      case 0, '0', '7' ->
          said.sparse()
              ? Kind.SPARSE
              // Version 7 marks folders by their names alone.
              : type == 0 && name.endsWith("/") ? Kind.FOLDER : Kind.FILE;
      case '1' -> Kind.HARD_LINK;
      case '2' -> Kind.SYMBOLIC_LINK;
      case '5' -> Kind.FOLDER;
      case 'S' -> Kind.SPARSE;
      case 'M' -> Kind.CONTINUED;
      default -> Kind.OTHER;
    };
  }

  /// The list of a sparse file's parts goes on in blocks before its content.
  private void skipParts(byte[] header) throws IOException, FormatException {
    boolean more = header[482] != 0;
    while (more) {
      more = file.read(at, BLOCK)[504] != 0;
      at += BLOCK;
    }
  }

  private void readMeta(int type, long size, long headerAt) throws IOException, FormatException {
    if (size > MOST_HEADER_BYTES) {
      throw damaged("a header of " + size + " bytes", headerAt);
    }
    byte[] content = file.read(at, (int) size);
    switch (type) {
      case 'L' ->
          next =
              new Extended(text.apply(terminated(content, 0, content.length)), null, false)
                  .over(next);
      case 'x' -> next = extended(content, headerAt).over(next);
      case 'g' -> global = extended(content, headerAt).over(global);
      default -> {
        // Where a link leads is of no concern: links are not followed.
      }
    }
  }

  /// Records of pax: `length key=value\n`, where the length counts the whole record.
  private static Extended extended(byte[] content, long headerAt) throws FormatException {
    String path = null;
    Long size = null;
    boolean sparse = false;
    int from = 0;
    while (from < content.length && content[from] != 0) {
      int space = from;
      long length = 0;
      while (space < content.length && content[space] >= '0' && content[space] <= '9') {
        length = Math.min(length * 10 + content[space] - '0', content.length + 1L);
        space++;
      }
      long end = from + length;
      if (space == content.length
          || content[space] != ' '
          || end > content.length
          || end <= space + 1
          || content[(int) end - 1] != '\n') {
        throw damaged("an extended header is not made of records", headerAt);
      }
      String record = new String(content, space + 1, (int) end - space - 2, StandardCharsets.UTF_8);
      int equals = record.indexOf('=');
      String key = equals < 0 ? record : record.substring(0, equals);
      String value = record.substring(equals + 1);
      if (key.equals("path") && !value.isEmpty()) {
        path = value;
      } else if (key.equals("size")) {
        if (!value.matches("[0-9]{1,18}")) {
          throw damaged("an extended header declares a size that is no number", headerAt);
        }
        size = Long.parseLong(value);
      } else if (key.startsWith("GNU.sparse.")) {
        sparse = true;
      }
      from = (int) end;
    }
    return new Extended(path, size, sparse);
  }

  /// The name of ustar is split in two; that of GNU tar and version 7 is not.
  private String name(byte[] header) {
    byte[] name = terminated(header, 0, 100);
    boolean posix = new String(header, 257, 6, StandardCharsets.ISO_8859_1).equals("ustar\0");
    byte[] prefix = posix ? terminated(header, 345, 155) : new byte[0];
    if (prefix.length == 0) {
      return text.apply(name);
    }
    byte[] joined = Arrays.copyOf(prefix, prefix.length + 1 + name.length);
    joined[prefix.length] = '/';
    System.arraycopy(name, 0, joined, prefix.length + 1, name.length);
    return text.apply(joined);
  }

  private static byte[] terminated(byte[] bytes, int from, int most) {
    int end = from;
    while (end < from + most && bytes[end] != 0) {
      end++;
    }
    return Arrays.copyOfRange(bytes, from, end);
  }

  /// Octal digits, or, where the first bit is set, a binary number as GNU tar writes it.
  private static long number(byte[] header, int from, int length, long headerAt)
      throws FormatException {
    if ((header[from] & 0x80) != 0) {
      long value = header[from] & 0x7F;
      for (int i = from + 1; i < from + length; i++) {
        if (value >= 1L << 54) {
          throw damaged("a header declares a size that is no number", headerAt);
        }
        value = (value << 8) | (header[i] & 0xFF);
      }
      return value;
    }
    String digits =
        new String(terminated(header, from, length), StandardCharsets.ISO_8859_1).strip();
    if (!digits.matches("[0-7]{0,12}")) {
      throw damaged("a header declares a size that is no number", headerAt);
    }
    return digits.isEmpty() ? 0 : Long.parseLong(digits, 8);
  }

  /// The sum of a header's bytes, its own field taken as blanks; some programs add signed bytes.
  private static boolean checksumMatches(byte[] header) {
    int unsigned = 0;
    int signed = 0;
    for (int i = 0; i < BLOCK; i++) {
      byte each = i >= 148 && i < 156 ? (byte) ' ' : header[i];
      unsigned += each & 0xFF;
      signed += each;
    }
    String digits = new String(terminated(header, 148, 8), StandardCharsets.ISO_8859_1).strip();
    if (!digits.matches("[0-7]{1,7}")) {
      return false;
    }
    int declared = Integer.parseInt(digits, 8);
    return declared == unsigned || declared == signed;
  }

  /// Behind the end mark are zeros up to a full record, or, in archives that were joined, another
  /// one, which would be passed over.
  private void requireNothingMore() throws IOException, FormatException {
    while (at < file.size()) {
      byte[] block = file.read(at, (int) Math.min(AT_ONCE, file.size() - at));
      if (!isZero(block)) {
        throw new FormatException(
            "is several tar archives in one: entries follow the mark at the end of the first (byte %s); pack it again, or give the parts as shards"
                .formatted(at));
      }
      at += block.length;
    }
  }

  private static boolean isZero(byte[] block) {
    for (byte each : block) {
      if (each != 0) {
        return false;
      }
    }
    return true;
  }

  private static FormatException damaged(String why, long at) {
    return new FormatException(
        "is a damaged tar archive (%s, at byte %s); replace it".formatted(why, at));
  }
}
