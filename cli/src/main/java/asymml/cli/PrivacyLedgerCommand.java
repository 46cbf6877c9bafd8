package asymml.cli;

import asymml.cli.options.JsonOption;
import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.session.RunRecord;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `asymml privacy ledger`.
@Command(
    name = "ledger",
    mixinStandardHelpOptions = true,
    description = "Computes what a run has cost, from its ledger alone.",
    footerHeading = "%nExamples:%n",
    footer = {"  asymml privacy ledger runs/mine", "  asymml privacy ledger runs/mine --json"})
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PrivacyLedgerCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "RUN", description = "The run directory that 'asymml train' named.")
  private Path run;

  @Mixin private JsonOption json;

  @Override
  public Integer call() throws IOException {
    RunLayout layout = new RunLayout(run);
    Path file = layout.ledger();
    if (!Files.exists(file)) {
      throw new IOException(
          run
              + " has no ledger: it is no run directory, its run was trusted-only without"
              + " --dp-sgd (nothing is accounted for), or it has not begun");
    }
    Ledger ledger = LedgerFile.read(file);
    if (Files.isRegularFile(layout.checkpoint())) {
      try (TrainedModel model = TrainedModel.read(layout.checkpoint())) {
        RunRecord.requireLedgerOf(run, ledger, model);
      }
    }
    PrivacyStatement statement = PrivacyStatement.of(ledger, new PldAccountant());
    PrintWriter out = spec.commandLine().getOut();
    if (json.isGiven()) {
      json.print(out, statement.facts());
    } else {
      statement.lines().forEach(out::println);
      out.println();
      statement.table().forEach(out::println);
      out.println();
      out.println("assumptions (accountant: privacy loss distributions, rounded up):");
      statement.assumptions().forEach(line -> out.println("  - " + line));
    }
    out.flush();
    return ExitCode.OK;
  }
}
