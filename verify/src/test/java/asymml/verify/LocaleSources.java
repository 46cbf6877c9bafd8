package asymml.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Finds what depends on the locale of the machine in Java source text: format strings with numbers
/// (`%d`, `%.3f`) or upper case (`%S`) whose statement does not name `Locale.ROOT` before them, and
/// changes of case without a locale. `%s` of a number does not depend on it.
final class LocaleSources {
  private static final Pattern CONVERSION =
      Pattern.compile("%(?:\\d+\\$)?[-#+ 0,(]*\\d*(?:\\.\\d+)?[deEfgGaASCBX]");

  private static final Pattern CASE = Pattern.compile("\\.to(?:Lower|Upper)Case\\(\\)");

  private final String source;

  /// The source with literals and comments blanked, of the same length.
  private final StringBuilder code;

  private final List<int[]> literals = new ArrayList<>();

  private LocaleSources(String source) {
    this.source = source;
    code = new StringBuilder(source);
    blank();
  }

  /// What depends on the locale.
  ///
  /// @param source Java source text
  /// @return the line number and the offending text of each
  static List<String> dependent(String source) {
    LocaleSources sources = new LocaleSources(source);
    List<String> found = new ArrayList<>();
    for (int[] literal : sources.literals) {
      String text = source.substring(literal[0], literal[1]);
      if (CONVERSION.matcher(text.replace("%%", "~~")).find()
          && !sources
              .code
              .substring(sources.statement(literal[0]), literal[0])
              .contains("Locale.ROOT")) {
        found.add(sources.line(literal[0]) + ": " + text);
      }
    }
    Matcher changes = CASE.matcher(sources.code);
    while (changes.find()) {
      found.add(sources.line(changes.start()) + ": " + changes.group());
    }
    return found;
  }

  private long line(int at) {
    return source.substring(0, at).chars().filter(c -> c == '\n').count() + 1;
  }

  /// Where the statement begins that a place belongs to.
  private int statement(int at) {
    int begin = at;
    while (begin > 0 && ";{}".indexOf(code.charAt(begin - 1)) < 0) {
      begin--;
    }
    return begin;
  }

  private void blank() {
    int at = 0;
    while (at < source.length()) {
      int end = end(at);
      if (end > at) {
        if (source.charAt(at) == '"') {
          literals.add(new int[] {at, end});
        }
        for (int i = at; i < end; i++) {
          code.setCharAt(i, ' ');
        }
        at = end;
      } else {
        at++;
      }
    }
  }

  /// The end of the literal or comment that begins at a place; the place if none does.
  private int end(int at) {
    if (source.startsWith("//", at)) {
      return after("\n", at + 2);
    }
    if (source.startsWith("/*", at)) {
      return after("*/", at + 2);
    }
    if (source.startsWith("\"\"\"", at)) {
      return after("\"\"\"", at + 3);
    }
    char quote = source.charAt(at);
    if (quote != '"' && quote != '\'') {
      return at;
    }
    int end = at + 1;
    while (source.charAt(end) != quote) {
      end += source.charAt(end) == '\\' ? 2 : 1;
    }
    return end + 1;
  }

  private int after(String mark, int from) {
    int found = source.indexOf(mark, from);
    return found < 0 ? source.length() : found + mark.length();
  }
}
