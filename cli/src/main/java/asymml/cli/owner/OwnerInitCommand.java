package asymml.cli.owner;

import asymml.attest.seal.DataKey;
import java.io.IOException;
import java.io.PrintWriter;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `asymml owner init`.
@Command(
    name = "init",
    mixinStandardHelpOptions = true,
    description =
        "Draws a data key and writes it to a new file that its owner alone can read. An existing"
            + " file is never overwritten.",
    footerHeading = "%nExample:%n",
    footer = "  asymml owner init --key data.key")
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class OwnerInitCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private KeyOptions key;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    try (DataKey drawn = DataKey.draw(new SecureRandom())) {
      drawn.write(key.file());
      out.println(
          "written: %s, the data key %s: keep a copy in a safe place"
              .formatted(key.file(), HexFormat.of().formatHex(drawn.id())));
    }
    out.flush();
    return ExitCode.OK;
  }
}
