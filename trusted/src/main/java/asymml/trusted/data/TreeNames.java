package asymml.trusted.data;

import asymml.model.PrintableText;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/// The names of files, folders and entries of archives, made comparable: the same tree has the same
/// names on a disk, in a zip file, and from whatever system it came.
final class TreeNames {
  /// What systems, file managers, network drives and downloads add to a folder; in lower case.
  private static final Set<String> LITTER =
      Set.of(
          "thumbs.db",
          "ehthumbs.db",
          "desktop.ini",
          "icon\r",
          "__macosx",
          "__pycache__",
          "@eadir",
          "#recycle",
          "@recycle",
          "@recently-snapshot",
          "#snapshot",
          "$recycle.bin",
          "recycler",
          "system volume information",
          "lost+found",
          "found.000",
          "network trash folder",
          "temporary items");

  /// Alternate data streams of Windows that were copied as files.
  private static final Set<String> STREAMS = Set.of(":zone.identifier", ":encryptable");

  private static final Pattern DRIVE = Pattern.compile("[A-Za-z]:");

  /// The code page of zip entries that are not in UTF-8 (APPNOTE.TXT 6.3.10, appendix D). Every
  /// byte is some character of it, so that distinct names stay distinct.
  private static final Charset CODE_PAGE = Charset.forName("IBM437");

  private TreeNames() {}

  /// The path that a name means: parts separated by `/`, in Unicode's form NFC. Backslashes count
  /// as separators; a drive, leading separators and parts `.` are dropped; a separator at the end,
  /// which marks a folder, stays.
  static String normal(String name) {
    List<String> parts = new ArrayList<>();
    for (String part : name.replace('\\', '/').split("/", -1)) {
      boolean drive = parts.isEmpty() && DRIVE.matcher(part).matches();
      if (!part.isEmpty() && !part.equals(".") && !drive) {
        parts.add(Normalizer.normalize(part, Normalizer.Form.NFC));
      }
    }
    boolean folder = !parts.isEmpty() && (name.endsWith("/") || name.endsWith("\\"));
    return String.join("/", parts) + (folder ? "/" : "");
  }

  /// Whether any part of a path is hidden or no data: `.DS_Store`, `._x.jpg`, `__MACOSX`, `@eaDir`
  /// and so on.
  static boolean isLitter(String path) {
    for (String part : path.split("/", -1)) {
      String lower = part.toLowerCase(Locale.ROOT);
      boolean upwards = part.equals("..");
      if ((part.startsWith(".") && !upwards)
          || LITTER.contains(lower)
          || STREAMS.stream().anyMatch(lower::endsWith)) {
        return true;
      }
    }
    return false;
  }

  /// The text of a name: UTF-8 if it is that, else in the code page of DOS.
  static String decode(byte[] name) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(name)).toString();
    } catch (CharacterCodingException e) {
      return new String(name, CODE_PAGE);
    }
  }

  /// A file's own name. By its bytes and not by the locale's encoding, in which a name may have no
  /// text: under `LC_ALL=C` that is ASCII.
  static String of(Path file) {
    Path last = file.getFileName();
    if (last == null) {
      return "";
    }
    String text = last.toString();
    return text.indexOf('\uFFFD') < 0 ? text : decode(bytes(file));
  }

  /// The bytes of a path's last part, which its URI has in hexadecimal digits.
  private static byte[] bytes(Path file) {
    String path = file.toUri().getRawPath();
    String stripped = path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
    String name = stripped.substring(stripped.lastIndexOf('/') + 1);
    ByteBuffer bytes = ByteBuffer.allocate(name.length());
    for (int i = 0; i < name.length(); i++) {
      if (name.charAt(i) == '%') {
        bytes.put((byte) Integer.parseInt(name, i + 1, i + 3, 16));
        i += 2;
      } else {
        bytes.put((byte) name.charAt(i));
      }
    }
    return Arrays.copyOf(bytes.array(), bytes.position());
  }

  /// Refuses what could not be shown, or leads out of the tree.
  ///
  /// @param where the tree, for the message
  /// @param name a path or a class
  static void require(String where, String name) throws DataException {
    if (!PrintableText.isPrintable(name)) {
      throw new DataException(
          "%s: the name \"%s\" has a control character; rename it"
              .formatted(where, PrintableText.of(name)));
    }
    if (List.of(name.split("/", -1)).contains("..")) {
      throw new DataException(
          "%s: the name \"%s\" leads out of the data set (..); pack it again"
              .formatted(where, PrintableText.of(name)));
    }
  }
}
