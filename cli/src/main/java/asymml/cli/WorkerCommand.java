package asymml.cli;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;

/// `asymml worker`, as it stands in the help. The launcher starts the worker's own program, since
/// this one must not contain it.
@Command(name = "worker", description = "Computes for a trainer, UNTRUSTED; a program of its own.")
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
final class WorkerCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @SuppressWarnings("UnusedVariable") // takes the options of the real worker
  @Unmatched
  private List<String> arguments;

  @Override
  public Integer call() {
    throw new ParameterException(
        spec.commandLine(),
        "the worker is a program of its own, which the launcher './asymml worker' starts: run"
            + " module asymml.untrusted, not asymml.cli");
  }
}
