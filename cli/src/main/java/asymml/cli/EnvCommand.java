package asymml.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `asymml env`.
@Command(
    name = "env",
    mixinStandardHelpOptions = true,
    description = "Shows what this machine offers.",
    footerHeading = "%nExample:%n",
    footer = "  asymml env")
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
final class EnvCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    out.println("asymml         " + Build.version());
    MachineDescription.lines().forEach(out::println);
    out.flush();
    return ExitCode.OK;
  }
}
