package asymml.cli.terminal;

import java.util.regex.Pattern;

/// Colours what must not be overlooked: who is not trusted, what has no privacy, and errors.
final class Highlighter {
  private static final String ESCAPE = "\u001b[";
  private static final String RED = ESCAPE + "1;31m";
  private static final String YELLOW = ESCAPE + "1;33m";
  private static final String PLAIN = ESCAPE + "0m";
  private static final Pattern DANGER = Pattern.compile("\\b(NO PRIVACY|BROKEN|VIOLATED)\\b");
  private static final Pattern CAUTION = Pattern.compile("\\b(UNTRUSTED|PRIVATE)\\b");
  private static final Pattern WARNING = Pattern.compile("^(asymml|warning):");

  private Highlighter() {}

  /// A line with colours; one that has some already is left alone.
  static String colour(String line) {
    if (line.contains(ESCAPE)) {
      return line;
    }
    String coloured = DANGER.matcher(line).replaceAll(RED + "$1" + PLAIN);
    coloured = CAUTION.matcher(coloured).replaceAll(YELLOW + "$1" + PLAIN);
    return WARNING.matcher(coloured).replaceFirst(RED + "$1:" + PLAIN);
  }
}
