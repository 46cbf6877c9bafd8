package asymml.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `asymml privacy`: what noise promises, and what a promise costs.
@Command(
    name = "privacy",
    mixinStandardHelpOptions = true,
    description = "Answers questions about noise and guarantees.",
    subcommands = {CompareCommand.class},
    footerHeading = "%nExamples:%n",
    footer = {"  asymml privacy compare --model resnet20 --ranks 0,1,2,4,8"})
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
final class PrivacyCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  /// Without a question: says which there are.
  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return ExitCode.USAGE;
  }
}
