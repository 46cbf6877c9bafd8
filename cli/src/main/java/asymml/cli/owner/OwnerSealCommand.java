package asymml.cli.owner;

import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealedTree;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `asymml owner seal`.
@Command(
    name = "seal",
    mixinStandardHelpOptions = true,
    description =
        "Seals a file, or a folder with all files below it, into one file: contents and names are"
            + " encrypted and authenticated. What was sealed stays where it is.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml owner seal images images.sealed --key data.key",
      "  asymml owner seal images.zip images.zip.sealed --key data.key"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class OwnerSealCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "DATA", description = "The file or folder to seal.")
  private Path source;

  @Parameters(
      index = "1",
      paramLabel = "OUT",
      description = "The sealed file to write, in place of an earlier one.")
  private Path target;

  @Mixin private KeyOptions key;

  @Override
  public Integer call() throws IOException {
    if (!Files.exists(source)) {
      throw new IOException("no such file or folder: " + source);
    }
    if (Files.isDirectory(target)) {
      throw new IOException(target + " is a folder: name the sealed file to write");
    }
    String sealed;
    try (DataKey read = DataKey.read(key.file())) {
      if (Files.isDirectory(source)) {
        sealed = "%s files".formatted(SealedTree.seal(source, target, read, new SecureRandom()));
      } else {
        SealedTree.sealFile(source, target, read, new SecureRandom());
        sealed = "one file";
      }
    }
    PrintWriter out = spec.commandLine().getOut();
    out.println("written: %s, %s, %s bytes".formatted(target, sealed, Files.size(target)));
    out.flush();
    return ExitCode.OK;
  }
}
