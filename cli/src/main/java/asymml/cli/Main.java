package asymml.cli;

import asymml.attest.EvidenceException;
import asymml.cli.evidence.EvidenceCommand;
import asymml.cli.options.DataLimitOptions;
import asymml.cli.options.Values;
import asymml.cli.owner.OwnerCommand;
import asymml.cli.terminal.EscapingWriter;
import asymml.cli.terminal.Screen;
import asymml.kernels.NativeLibraryException;
import asymml.model.FileReason;
import asymml.model.PrintableText;
import asymml.model.StandardOutput;
import asymml.study.StudyException;
import asymml.trusted.data.DataException;
import asymml.trusted.train.TrainingException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/// The `asymml` command. Trust level: TRUSTED, it sees data and models.
@Command(
    name = "asymml",
    mixinStandardHelpOptions = true,
    versionProvider = Build.class,
    description =
        "Trains neural networks on private images, with the bulk of the arithmetic at a worker that"
            + " need not be trusted.",
    subcommands = {
      TrainCommand.class,
      EvalCommand.class,
      PredictCommand.class,
      ServeCommand.class,
      ExportCommand.class,
      AnalyzeCommand.class,
      AttackCommand.class,
      ReportCommand.class,
      WorkerCommand.class,
      PlanCommand.class,
      BenchCommand.class,
      ModelsCommand.class,
      PrivacyCommand.class,
      EvidenceCommand.class,
      OwnerCommand.class,
      EnvCommand.class
    },
    commandListHeading = "%nCommands ('asymml COMMAND --help' shows all options):%n",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:failure, one line on stderr says which",
      "2:wrong usage",
      "130, 143:stopped by SIGINT, SIGTERM; the run is saved"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml train                         a small network on generated images",
      "  asymml train --data images.zip --model resnet20 --epochs 12 --out runs/mine",
      "  asymml eval --run runs/mine",
      "  asymml predict --run runs/mine cat.jpg dog.jpg"
    })
public final class Main implements Callable<Integer> {

  private static final String VECTOR_API = "jdk.incubator.vector";

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Show where a failure came from.")
  private boolean debug;

  private Main() {}

  /// Without a command: says which there are.
  @Override
  public Integer call() {
    if (spec == null) {
      throw new IllegalStateException("not run by picocli");
    }
    spec.commandLine().usage(spec.commandLine().getErr());
    return ExitCode.USAGE;
  }

  /// Runs a command and exits with its exit code.
  ///
  /// @param args as `--help` says
  public static void main(String[] args) {
    // Our own texts do not depend on it; this is for the digits and line breaks of libraries.
    Locale.setDefault(Locale.ROOT);
    // Charts go to files; without this a DISPLAY that nobody serves would end the program.
    System.setProperty("java.awt.headless", "true");
    StandardOutput output = new StandardOutput(new FileOutputStream(FileDescriptor.out));
    System.setOut(output.printStream(System.out.charset()));
    CommandLine line = commandLine();
    Screen out = Screen.behind(Screen.OUT, System.getenv());
    Screen err = Screen.behind(Screen.ERR, System.getenv());
    if (out != null) {
      line.setOut(out.writer(System.out, Build.command()));
    }
    if (err != null) {
      eraseWarning(err);
      line.setErr(err.writer(System.err, Build.command()));
    }
    int code = execute(line, args);
    line.getOut().flush();
    System.exit(complete(output, line) ? code : Math.max(code, ExitCode.SOFTWARE));
  }

  private static boolean complete(StandardOutput output, CommandLine line) {
    @Nullable String failure = output.failure();
    if (failure != null) {
      line.getErr().println("asymml: standard output is incomplete: " + failure);
    }
    return failure == null;
  }

  /// Java prints a line about the Vector API before this program begins, and no option keeps it
  /// from doing so. A terminal can forget it; in a file it stays.
  private static void eraseWarning(Screen err) {
    if (Runtime.version().feature() == 25
        && ModuleLayer.boot().findModule(VECTOR_API).isPresent()) {
      System.err.print(err.erased("WARNING: Using incubator modules: " + VECTOR_API));
      System.err.flush();
    }
  }

  /// The command line, ready to be run by [#execute].
  static CommandLine commandLine() {
    Main main = new Main();
    return Values.readBy(new CommandLine(main))
        // What is printed is escaped; colours come after that.
        .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
        .setExecutionExceptionHandler((e, line, _) -> main.fail(e, line))
        .setParameterExceptionHandler((e, _) -> wrongUsage(e));
  }

  static int execute(CommandLine root, String... args) {
    root.setOut(new PrintWriter(new EscapingWriter(root.getOut()), true));
    root.setErr(new PrintWriter(new EscapingWriter(root.getErr()), true));
    try {
      return root.execute(args);
    } catch (OutOfMemoryError e) {
      root.getErr()
          .println(
              "asymml: not enough memory (%s): lower --batch-size or use a machine with more"
                  .formatted(e.getMessage()));
      return ExitCode.SOFTWARE;
    } catch (LinkageError e) {
      @Nullable NativeLibraryException library = NativeLibraryException.behind(e);
      if (library == null) {
        throw e;
      }
      root.getErr().println("asymml: " + library.getMessage());
      return ExitCode.SOFTWARE;
    }
  }

  private static int wrongUsage(ParameterException e) {
    CommandLine line = e.getCommandLine();
    line.getErr()
        .println(
            "asymml: %s (see '%s --help')"
                .formatted(
                    PrintableText.of(String.valueOf(e.getMessage())),
                    line.getCommandSpec().qualifiedName()));
    return ExitCode.USAGE;
  }

  private int fail(Exception e, CommandLine line) {
    @Nullable NativeLibraryException library = NativeLibraryException.behind(e);
    String message =
        switch (library == null ? e : library) {
          case DataException data -> withFlag(data, line);
          case FileSystemException file -> ofFile(file);
          case NativeLibraryException _,
              TrainingException _,
              StudyException _,
              EvidenceException _,
              IOException _,
              RunException _ ->
              e.getMessage();
          case UncheckedIOException io when io.getCause() instanceof FileSystemException file ->
              ofFile(file);
          case UncheckedIOException io -> causeOf(io).getMessage();
          default -> "internal error (" + e + "): run again with --debug and report it";
        };
    line.getErr().println("asymml: " + PrintableText.of(String.valueOf(message)));
    if (debug) {
      e.printStackTrace(line.getErr());
    }
    return ExitCode.SOFTWARE;
  }

  /// Java's own exceptions of files often have the path alone for a message.
  private static @Nullable String ofFile(FileSystemException e) {
    return e.getReason() == null && e.getFile() != null
        ? e.getFile() + ": " + FileReason.of(e)
        : e.getMessage();
  }

  /// With the flag that would do instead, where the command has it.
  private static String withFlag(DataException e, CommandLine line) {
    String message = String.valueOf(e.getMessage());
    if (e.isAboveLimit()) {
      return withFlag(message, "raise", DataLimitOptions.FLAG, line);
    }
    if (e.isOfAnotherSize()) {
      return withFlag(message, "give", "--image-size", line);
    }
    return e.isOfNarrowRange() ? withFlag(message, "give", "--window", line) : message;
  }

  private static String withFlag(String message, String what, String flag, CommandLine line) {
    return line.getCommandSpec().findOption(flag) == null
        ? message
        : "%s (or %s %s)".formatted(message, what, flag);
  }

  private static Throwable causeOf(UncheckedIOException e) {
    @Nullable Throwable cause = e.getCause();
    return cause == null ? e : cause;
  }
}
