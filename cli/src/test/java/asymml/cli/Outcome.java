package asymml.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;

/// What a command said and how it ended, run within the test's process.
///
/// @param code exit code
/// @param out on stdout
/// @param err on stderr
record Outcome(int code, String out, String err) {
  static Outcome of(String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
    int code = Main.execute(line, args);
    return new Outcome(code, out.toString(), err.toString());
  }
}
