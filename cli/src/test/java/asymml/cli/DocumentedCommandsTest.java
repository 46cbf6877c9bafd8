package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.session.InvalidSpecException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/// The command lines of the documentation, parsed by the real commands and not run: subcommands and
/// options exist, values have the right form, nothing that is required is missing.
class DocumentedCommandsTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Pattern INLINE = Pattern.compile("`(\\./asymml [^`]*)`");

  /// A command line and where it stands.
  record Documented(String where, List<String> arguments) {
    /// Splits a line at spaces, without what a shell would take for itself.
    static Documented of(String where, String line) {
      String command = line.replaceAll("(\\s#|\\s>|;).*", "").replace("$DATA", "images.zip");
      List<String> words = Arrays.asList(command.strip().split("\\s+"));
      return new Documented(where, words.subList(1, words.size()));
    }
  }

  private static List<Path> documents() throws IOException {
    List<Path> found = new ArrayList<>(List.of(ROOT.resolve("README.md")));
    found.add(ROOT.resolve("CONTRIBUTING.md"));
    try (Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
      found.addAll(docs.filter(p -> p.toString().endsWith(".md")).sorted().toList());
    }
    return found;
  }

  /// Lines of code blocks, joined where they end in a backslash, and commands within the text.
  private static List<Documented> commands(Path document) throws IOException {
    List<Documented> found = new ArrayList<>();
    String text = Files.readString(document).replaceAll("\\\\\n\\s*", "");
    String name = ROOT.relativize(document).toString();
    for (String line : text.lines().toList()) {
      if (line.strip().startsWith("./asymml ")) {
        found.add(Documented.of(name, line.strip()));
      }
      INLINE
          .matcher(line)
          .results()
          .forEach(match -> found.add(Documented.of(name, match.group(1))));
    }
    // What a reader is to replace, and what is no command of ours.
    found.removeIf(d -> d.arguments.contains("COMMAND") || d.arguments.contains("OPTIONS"));
    found.removeIf(d -> d.arguments.getFirst().equals("test"));
    // A program of its own, whose module looks at them.
    found.removeIf(d -> d.arguments.getFirst().equals("spark"));
    return found;
  }

  private static void parse(List<String> arguments) throws ClassNotFoundException {
    if (arguments.getFirst().equals("worker")) {
      // A program of its own, which this module does not link.
      new CommandLine(Class.forName("asymml.untrusted.Main"))
          .parseArgs(arguments.subList(1, arguments.size()).toArray(String[]::new));
    } else {
      CommandLine.ParseResult parsed =
          Main.commandLine().parseArgs(arguments.toArray(String[]::new));
      if (parsed.subcommand() != null
          && parsed.subcommand().commandSpec().userObject() instanceof TrainCommand train) {
        train.given().spec();
      }
    }
  }

  private static List<String> faults(List<Documented> commands) throws ClassNotFoundException {
    List<String> faults = new ArrayList<>();
    for (Documented command : commands) {
      try {
        parse(command.arguments());
      } catch (CommandLine.ParameterException | InvalidSpecException e) {
        // A model file is the reader's.
        if (!String.valueOf(e.getMessage()).endsWith(": no such file or directory")) {
          faults.add(command.where() + ": " + command.arguments() + ": " + e.getMessage());
        }
      }
    }
    return faults;
  }

  @Test
  void every_command_line_of_the_documentation_is_accepted() throws Exception {
    List<Documented> commands = new ArrayList<>();
    for (Path document : documents()) {
      commands.addAll(commands(document));
    }
    System.out.println(commands.size() + " command lines");
    assertThat(commands).hasSizeGreaterThan(80);
    assertThat(faults(commands)).isEmpty();
  }

  @Test
  void every_command_is_documented_in_the_guide() throws Exception {
    String guide = Files.readString(ROOT.resolve("docs/guide/README.md"));
    assertThat(Main.commandLine().getSubcommands().keySet())
        .allSatisfy(command -> assertThat(guide).contains("`" + command));
  }

  @Test
  void wrong_command_lines_are_noticed() throws Exception {
    List<String> wrong =
        List.of(
            "./asymml trian",
            "./asymml train --epoch 3",
            "./asymml train --epochs many",
            "./asymml eval",
            "./asymml worker --listens unix:/tmp/w.sock");
    assertThat(faults(wrong.stream().map(line -> Documented.of("here", line)).toList()))
        .hasSize(wrong.size());
    assertThat(faults(List.of(Documented.of("here", "./asymml train --epochs 3   # comment"))))
        .isEmpty();
  }
}
