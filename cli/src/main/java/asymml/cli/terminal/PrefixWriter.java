package asymml.cli.terminal;

import java.io.IOException;
import java.io.Writer;

/// Begins every line with the same words.
public final class PrefixWriter extends Writer {
  private final Writer out;
  private final String prefix;
  private boolean begun;

  /// @param out gets the text
  /// @param prefix of each line
  public PrefixWriter(Writer out, String prefix) {
    this.out = out;
    this.prefix = prefix;
  }

  @Override
  public void write(char[] characters, int offset, int length) throws IOException {
    int from = offset;
    for (int i = offset; i < offset + length; i++) {
      if (!begun) {
        out.write(prefix);
        begun = true;
      }
      if (characters[i] == '\n') {
        out.write(characters, from, i + 1 - from);
        from = i + 1;
        begun = false;
      }
    }
    out.write(characters, from, offset + length - from);
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
