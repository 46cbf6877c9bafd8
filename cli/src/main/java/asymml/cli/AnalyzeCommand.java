package asymml.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `asymml analyze`: a look into what was trained.
@Command(
    name = "analyze",
    mixinStandardHelpOptions = true,
    description = "Analyses a run, or trains a grid of runs to compare.",
    subcommands = {RankCommand.class, MasksCommand.class, TradeoffCommand.class},
    commandListHeading = "%nCommands ('asymml analyze COMMAND --help' shows all options):%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml analyze rank --run runs/mine",
      "  asymml analyze masks --run runs/mine",
      "  asymml analyze tradeoff"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
final class AnalyzeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  /// Without a command: says which there are.
  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return ExitCode.USAGE;
  }
}
