package asymml.model;

import java.util.Locale;

/// Texts that come from elsewhere, such as names of files and classes, made fit for a line: control
/// characters, line ends among them, and those that change the direction of writing become their
/// code. They must neither command a terminal, nor begin a line of their own, nor show something
/// else than what they are.
public final class PrintableText {
  private PrintableText() {}

  /// Whether a character shows as itself and at its place.
  ///
  /// @param c a UTF-16 code unit
  /// @return false for control characters, line ends and marks of direction
  public static boolean isPrintable(char c) {
    return !(Character.isISOControl(c)
        || c == '\u061c' // Arabic letter mark
        || c == '\u200e' // left-to-right mark
        || c == '\u200f' // right-to-left mark
        || (c >= '\u2028' && c <= '\u202e') // separators, embeddings and overrides
        || (c >= '\u2066' && c <= '\u2069')); // isolates
  }

  /// Whether all of a text is printable.
  ///
  /// @param text any text
  /// @return whether [#of] returns it as it is
  public static boolean isPrintable(String text) {
    return text.chars().allMatch(c -> isPrintable((char) c));
  }

  /// A text for a line.
  ///
  /// @param text any text
  /// @return the same with `\\u000a` and the like for what is not printable
  public static String of(String text) {
    if (isPrintable(text)) {
      return text;
    }
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      line.append(isPrintable(c) ? String.valueOf(c) : code(c));
    }
    return line.toString();
  }

  /// The code of a character.
  ///
  /// @param c a UTF-16 code unit
  /// @return `\\u` and four hexadecimal digits
  public static String code(char c) {
    return String.format(Locale.ROOT, "\\u%04x", (int) c);
  }
}
