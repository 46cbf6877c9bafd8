package asymml.cli.evidence;

import asymml.attest.EvidenceException;
import asymml.cli.options.JsonOption;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `asymml evidence show`.
@Command(
    name = "show",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Shows what evidence says, without verifying any of it.",
    footerHeading = "%nExamples:%n",
    footer = {"  asymml evidence show quote.bin", "  asymml evidence show report.bin --json"})
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class EvidenceShowCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private EvidenceFiles files;

  @Mixin private JsonOption json;

  @Override
  public Integer call() throws IOException, EvidenceException {
    Map<String, String> facts = EvidenceFacts.of(files.read());
    PrintWriter out = spec.commandLine().getOut();
    if (json.isGiven()) {
      json.print(out, facts);
    } else {
      int width = facts.keySet().stream().mapToInt(String::length).max().orElse(0);
      facts.forEach(
          (name, value) -> out.println(name + " ".repeat(width - name.length() + 2) + value));
      out.println();
      out.println("Nothing of this is verified: use 'asymml evidence verify'.");
    }
    out.flush();
    return ExitCode.OK;
  }
}
