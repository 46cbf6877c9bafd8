package asymml.cli.terminal;

import asymml.model.PrintableText;
import java.io.IOException;
import java.io.Writer;

/// Passes text on with control characters and those that change the direction of writing as their
/// code: names of classes and files come from data, and must neither command the terminal nor show
/// something else than what they are. Line ends and tabs pass: [PrintableText] takes them out of
/// names.
public final class EscapingWriter extends Writer {
  private final Writer out;

  /// @param out gets the text
  public EscapingWriter(Writer out) {
    this.out = out;
  }

  private static boolean isUnsafe(char c) {
    return !PrintableText.isPrintable(c) && c != '\n' && c != '\t';
  }

  @Override
  public void write(char[] characters, int offset, int length) throws IOException {
    int end = offset + length;
    int plain = offset;
    for (int i = offset; i < end; i++) {
      if (isUnsafe(characters[i])) {
        out.write(characters, plain, i - plain);
        out.write(PrintableText.code(characters[i]));
        plain = i + 1;
      }
    }
    out.write(characters, plain, end - plain);
  }

  @Override
  public void flush() throws IOException {
    out.flush();
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
