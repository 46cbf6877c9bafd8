package asymml.cli.terminal;

import asymml.kernels.TemporaryFolder;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jline.nativ.CLibrary;
import org.jline.nativ.JLineNativeLoader;
import org.jspecify.annotations.Nullable;

/// How text is shown on a terminal.
///
/// @param width characters of a line
/// @param colour whether words are coloured
public record Screen(int width, boolean colour) {
  /// The file descriptor of standard output.
  public static final int OUT = 1;

  /// The file descriptor of standard error.
  public static final int ERR = 2;

  /// The width where a terminal does not tell its own.
  private static final int USUAL_WIDTH = 80;

  /// The screen behind a file descriptor.
  ///
  /// @param descriptor [#OUT] or [#ERR]
  /// @return null if that is no terminal
  public static @Nullable Screen behind(int descriptor, Map<String, String> environment) {
    try {
      if (!Library.LOADED || CLibrary.isatty(descriptor) == 0) {
        return null;
      }
      CLibrary.WinSize size = new CLibrary.WinSize();
      boolean known = CLibrary.ioctl(descriptor, CLibrary.TIOCGWINSZ, size) == 0;
      return of(known ? size.ws_col : 0, environment);
    } catch (LinkageError | RuntimeException e) {
      // JLine's native library is not there for every system: text then stays as it is.
      return null;
    }
  }

  /// JLine's native library. JLine unpacks it into the temporary folder of the machine, where a
  /// killed process leaves it for ever; a library that is loaded needs its file no more.
  private static final class Library {
    private static final boolean LOADED = load();

    private Library() {}

    private static boolean load() {
      try (TemporaryFolder folder = TemporaryFolder.create()) {
        System.setProperty("jline.tmpdir", folder.path().toString());
        return JLineNativeLoader.initialize();
      } catch (IOException e) {
        return false;
      } finally {
        System.clearProperty("jline.tmpdir");
      }
    }
  }

  /// The screen of a terminal.
  ///
  /// @param columns of the terminal; 0 if not known
  /// @param environment of this process
  static Screen of(int columns, Map<String, String> environment) {
    return new Screen(columns > 0 ? columns : USUAL_WIDTH, colours(environment));
  }

  /// As https://no-color.org has it: off with any value that is not empty; and off where the
  /// terminal has no colours.
  private static boolean colours(Map<String, String> environment) {
    return environment.getOrDefault("NO_COLOR", "").isEmpty()
        && !environment.getOrDefault("TERM", "dumb").equals("dumb");
  }

  /// What takes away a line that stands above the cursor.
  ///
  /// @param line as it was printed here
  /// @return control sequences; empty where the terminal has none
  public String erased(String line) {
    return colour ? "\u001b[1A\u001b[2K".repeat(Math.ceilDiv(line.length(), width)) + "\r" : "";
  }

  /// A writer to a stream that is shown here.
  ///
  /// @param stream gets the lines
  /// @param command how the user calls this program: lines that begin with it are for copying
  public PrintWriter writer(PrintStream stream, String command) {
    UnaryOperator<String> paint = colour ? Highlighter::colour : UnaryOperator.identity();
    return new PrintWriter(
        new TerminalWriter(
            new BufferedWriter(new OutputStreamWriter(stream, stream.charset())),
            new LineBreaker(width, command),
            paint),
        true);
  }
}
