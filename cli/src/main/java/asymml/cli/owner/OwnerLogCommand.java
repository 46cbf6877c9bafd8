package asymml.cli.owner;

import asymml.attest.release.DecisionLog;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `asymml owner log`.
@Command(
    name = "log",
    mixinStandardHelpOptions = true,
    description =
        "Shows the log of 'asymml owner serve': for each decision when, the verdict, who asked, with"
            + " which evidence and configuration, and every reason against it.",
    footerHeading = "%nExample:%n",
    footer = "  asymml owner log owner.log")
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class OwnerLogCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "LOG", description = "A log of 'asymml owner serve'.")
  private Path file;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    List<Integer> damaged =
        DecisionLog.read(file, decision -> decision.lines().forEach(out::println));
    out.flush();
    if (!damaged.isEmpty()) {
      throw new IOException("%s: these lines are no decisions: %s".formatted(file, damaged));
    }
    return ExitCode.OK;
  }
}
