package asymml.trusted.data;

import asymml.model.FileReason;
import asymml.model.PrintableText;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Locale;

/// What a file is, before it is opened and by how it begins.
final class FileKind {
  /// The bytes that tell: the mark of a tar archive begins at byte 257.
  static final int HEAD_BYTES = 264;

  private static final int TAR_MARK = 257;
  private static final int SHOWN = 8;

  private FileKind() {}

  /// Opens a file to read. Pipes, sockets and devices are refused without being opened: reading one
  /// may wait forever, or never end.
  ///
  /// @throws DataException with the reason, if it is no regular file or may not be read
  static InputStream open(Path file) throws DataException {
    requireRegular(file);
    try {
      return Files.newInputStream(file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /// The size of a regular file.
  ///
  /// @return in bytes
  /// @throws DataException with the reason, if it is no regular file
  static long requireRegular(Path file) throws DataException {
    BasicFileAttributes attributes = attributes(file);
    if (attributes.isDirectory()) {
      throw new DataException(file + " is a folder where a file is expected; remove or rename it");
    }
    if (!attributes.isRegularFile()) {
      throw new DataException(
          file + " is a pipe, socket or device, not a regular file; replace or remove it");
    }
    return attributes.size();
  }

  /// Whether there is nothing at a path, not even a link. What cannot be reached may be there.
  static boolean isMissing(Path file) {
    try {
      Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return false;
    } catch (NoSuchFileException e) {
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /// The attributes of what a path leads to.
  ///
  /// @throws DataException with the reason, if there is nothing
  static BasicFileAttributes attributes(Path file) throws DataException {
    try {
      return Files.readAttributes(file, BasicFileAttributes.class);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /// A file or folder that the system does not let us read.
  static DataException unreadable(Path file, IOException e) {
    String link = Files.isSymbolicLink(file) ? " through a symbolic link" : "";
    return new DataException(
        "%s cannot be read%s: %s; mend or remove it"
            .formatted(PrintableText.of(file.toString()), link, FileReason.of(e)),
        e);
  }

  /// What a file holds, by its first bytes, to follow the word "is" or "begins with".
  ///
  /// @param head up to [#HEAD_BYTES] bytes
  /// @return for example `is a gzip file`
  static String describe(byte[] head) {
    if (head.length == 0) {
      return "is empty";
    }
    String latin = new String(head, StandardCharsets.ISO_8859_1);
    String text = latin.strip().toLowerCase(Locale.ROOT);
    if (text.startsWith("<")) {
      return "is a web page or other markup (it begins with " + shown(latin.strip()) + ")";
    }
    String archive =
        latin.startsWith("\u001f\u008b")
            ? "gzip file"
            : latin.startsWith("BZh")
                ? "bzip2 file"
                : latin.startsWith("\u00fd7zXZ")
                    ? "xz file"
                    : latin.startsWith("(\u00b5/\u00fd")
                        ? "zstd file"
                        : latin.startsWith("7z\u00bc\u00af")
                            ? "7z archive"
                            : latin.startsWith("Rar!")
                                ? "RAR archive"
                                : latin.startsWith("ustar", TAR_MARK) ? "tar archive" : "";
    if (!archive.isEmpty()) {
      return "is a " + archive + ", which is not read as it is: unpack it";
    }
    return "begins with " + shown(latin);
  }

  /// The first bytes as text if they are that, else in hexadecimal digits.
  private static String shown(String latin) {
    String first = latin.substring(0, Math.min(SHOWN, latin.length()));
    if (first.chars().allMatch(c -> c >= ' ' && c < 0x7F)) {
      return "\"" + first + "\"";
    }
    StringBuilder hex = new StringBuilder();
    first.chars().forEach(c -> hex.append("%02x".formatted(c)));
    return hex.toString();
  }
}
