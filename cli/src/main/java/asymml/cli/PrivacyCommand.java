package asymml.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `asymml privacy`: what noise promises, and which noise a promise needs.
@Command(
    name = "privacy",
    mixinStandardHelpOptions = true,
    description =
        "Calculates with differential privacy: epsilon from noise, noise from epsilon, how many steps"
            + " a budget buys, what a run has cost, the noise that low rank saves, and audits of what a run"
            + " claims.",
    subcommands = {
      PrivacyEpsilonCommand.class,
      PrivacyNoiseCommand.class,
      PrivacyStepsCommand.class,
      PrivacyLedgerCommand.class,
      CompareCommand.class,
      PrivacyAuditCommand.class
    },
    commandListHeading = "%nCommands ('asymml privacy COMMAND --help' shows all options):%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml privacy epsilon --noise-multiplier 1.1 --sampling-rate 0.01 --steps 1000",
      "  asymml privacy noise --target-epsilon 3 --sampling-rate 0.01 --steps 1000",
      "  asymml privacy steps --target-epsilon 3 --noise-multiplier 1.1 --sampling-rate 0.01",
      "  asymml privacy ledger runs/mine",
      "  asymml privacy compare --model resnet20 --ranks 0,1,2,4,8",
      "  asymml privacy audit --run runs/dp8"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
final class PrivacyCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  /// Without a command: says which there are.
  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return ExitCode.USAGE;
  }
}
