package asymml.cli.terminal;

import java.io.IOException;
import java.io.Writer;
import java.util.List;
import java.util.function.UnaryOperator;

/// Passes lines on, broken at words and coloured. What has no line separator yet is passed on as it
/// is when flushed.
final class TerminalWriter extends Writer {
  private final Writer out;
  private final LineBreaker breaker;
  private final UnaryOperator<String> colour;
  private final StringBuilder line = new StringBuilder();
  private boolean begun;

  /// @param out gets the lines
  /// @param breaker breaks them
  /// @param colour of each of them after that
  TerminalWriter(Writer out, LineBreaker breaker, UnaryOperator<String> colour) {
    this.out = out;
    this.breaker = breaker;
    this.colour = colour;
  }

  @Override
  public void write(char[] characters, int offset, int length) throws IOException {
    for (int i = offset; i < offset + length; i++) {
      if (characters[i] == '\n') {
        end();
      } else {
        line.append(characters[i]);
      }
    }
  }

  private void end() throws IOException {
    String text = line.toString();
    line.setLength(0);
    List<String> lines = begun || text.indexOf('\u001b') >= 0 ? List.of(text) : breaker.lines(text);
    begun = false;
    for (String each : lines) {
      out.write(colour.apply(each));
      out.write('\n');
    }
  }

  @Override
  public void flush() throws IOException {
    if (!line.isEmpty()) {
      out.write(line.toString());
      line.setLength(0);
      begun = true;
    }
    out.flush();
  }

  @Override
  public void close() throws IOException {
    flush();
    out.close();
  }
}
