package asymml.cli.terminal;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Breaks lines at words. What follows begins under the last column of the line, so that a label or
/// a row of a table stays readable. Commands and JSON keep their lines: they are copied.
///
/// @param width most characters of a line, at least 1
/// @param command how the user calls this program
record LineBreaker(int width, String command) {
  /// A column begins after two spaces or more.
  private static final Pattern COLUMN = Pattern.compile("^ +|(?<=\\S) {2,}(?=\\S)");

  /// Breaks a line.
  ///
  /// @param line without a line separator
  /// @return the line itself if it fits or must not be broken; a word longer than the width stays
  ///   whole
  List<String> lines(String line) {
    if (line.length() <= width || isCopied(line)) {
      return List.of(line);
    }
    int indent = indent(line);
    List<String> lines = new ArrayList<>();
    String rest = line;
    String margin = "";
    while (margin.length() + rest.length() > width) {
      int from = lines.isEmpty() ? indent : 0;
      int at = rest.lastIndexOf(' ', width - margin.length());
      if (at <= from) {
        at = rest.indexOf(' ', Math.max(from, width - margin.length()));
      }
      if (at < 0) {
        break;
      }
      lines.add(margin + rest.substring(0, at).stripTrailing());
      rest = rest.substring(at).stripLeading();
      margin = " ".repeat(indent);
    }
    if (!rest.isEmpty()) {
      lines.add(margin + rest);
    }
    return lines;
  }

  private boolean isCopied(String line) {
    String text = line.stripLeading();
    return text.startsWith("\"") || (line.startsWith(" ") && text.startsWith(command + " "));
  }

  /// Where the last column begins that leaves room for half of the width.
  private int indent(String line) {
    int indent = 0;
    Matcher column = COLUMN.matcher(line);
    while (column.find() && column.end() <= width / 2) {
      indent = column.end();
    }
    return indent;
  }
}
