package asymml.cli.owner;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `asymml owner`: what a data owner does on a machine they trust.
@Command(
    name = "owner",
    mixinStandardHelpOptions = true,
    description =
        "Makes a data owner's key, seals files and folders under it and opens them, checks a policy,"
            + " and releases the key to TEEs that the policy accepts. In this version 'asymml train'"
            + " does not yet ask for a key, and does not train from sealed data.",
    subcommands = {
      OwnerInitCommand.class,
      OwnerSealCommand.class,
      OwnerOpenCommand.class,
      OwnerPolicyCommand.class,
      OwnerServeCommand.class,
      OwnerLogCommand.class
    },
    commandListHeading = "%nCommands ('asymml owner COMMAND --help' shows all options):%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml owner init --key data.key",
      "  asymml owner seal images images.sealed --key data.key",
      "  asymml owner open images.sealed opened --key data.key",
      "  asymml owner policy policy.yaml",
      "  asymml owner serve --listen tls:0.0.0.0:4433 --tls-keystore owner.p12"
          + " --tls-password-file pw --key data.key --policy policy.yaml --log owner.log",
      "  asymml owner log owner.log"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
public final class OwnerCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  /// Made by picocli.
  OwnerCommand() {}

  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return ExitCode.USAGE;
  }
}
