package asymml.cli.evidence;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `asymml evidence`: what a TEE says of itself, and whether an owner accepts it.
@Command(
    name = "evidence",
    mixinStandardHelpOptions = true,
    description =
        "Shows and verifies evidence of trusted execution environments: quotes of Intel SGX and TDX,"
            + " reports of AMD SEV-SNP and of NVIDIA GPUs. Nothing here uses the network.",
    subcommands = {
      EvidenceShowCommand.class,
      EvidenceVerifyCommand.class,
      EvidenceGetCommand.class,
      EvidenceCollateralCommand.class
    },
    commandListHeading = "%nCommands ('asymml evidence COMMAND --help' shows all options):%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml evidence show quote.bin",
      "  asymml evidence verify quote.bin --policy policy.yaml --collateral collateral/mine",
      "  asymml evidence verify report.bin --policy policy.yaml --vek vcek.der",
      "  asymml evidence collateral quote.bin collateral/mine",
      "  asymml evidence get --report-data 00ff --out evidence"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
public final class EvidenceCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  /// Made by picocli.
  EvidenceCommand() {}

  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return ExitCode.USAGE;
  }
}
