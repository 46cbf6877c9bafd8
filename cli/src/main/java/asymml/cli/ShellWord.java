package asymml.cli;

import java.util.regex.Pattern;

/// Words of commands that are printed to be copied into a shell.
final class ShellWord {
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_@%+=:,./-]+");

  private ShellWord() {}

  /// A path as one word, whatever is in it.
  ///
  /// @param path a path or the name of a program
  /// @return the path itself where that is safe, else in single quotes; never an option
  static String of(Object path) {
    String text = path.toString();
    String named = text.startsWith("-") ? "./" + text : text;
    return PLAIN.matcher(named).matches() ? named : "'" + named.replace("'", "'\\''") + "'";
  }
}
