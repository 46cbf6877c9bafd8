package asymml.cli.owner;

import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealKind;
import asymml.attest.seal.SealedReader;
import asymml.attest.seal.SealedTree;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `asymml owner open`.
@Command(
    name = "open",
    mixinStandardHelpOptions = true,
    description =
        "Opens a sealed file or folder and writes it in clear. A part that was changed ends the"
            + " command; what was written before it is genuine, and incomplete.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml owner open images.sealed opened --key data.key",
      "  asymml owner open images.zip.sealed images.zip --key data.key"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class OwnerOpenCommand implements Callable<Integer> {
  private static final int BUFFER = 1 << 16;

  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "SEALED", description = "A sealed file.")
  private Path sealed;

  @Parameters(
      index = "1",
      paramLabel = "OUT",
      description = "The file or folder to write; it must not exist.")
  private Path out;

  @Mixin private KeyOptions key;

  /// Reads a part of what is sealed.
  private interface Part {
    byte[] read(long position, int size) throws IOException;
  }

  @Override
  public Integer call() throws IOException {
    if (Files.exists(out)) {
      throw new IOException(out + " exists: name a new file or folder");
    }
    long files = 0;
    try (DataKey read = DataKey.read(key.file())) {
      boolean tree;
      try (SealedReader reader = new SealedReader(sealed, read)) {
        tree = reader.kind() == SealKind.TREE;
        if (!tree) {
          copy(reader::read, reader.length(), out);
          files = 1;
        }
      }
      if (tree) {
        try (SealedTree all = SealedTree.open(sealed, read)) {
          Files.createDirectories(out);
          for (String name : all.names()) {
            Path target = out.resolve(name);
            Files.createDirectories(target.getParent());
            copy((at, size) -> all.read(name, at, size), all.size(name), target);
            files++;
          }
        }
      }
    }
    PrintWriter said = spec.commandLine().getOut();
    said.println("written: %s, %s files, in clear".formatted(out, files));
    said.flush();
    return ExitCode.OK;
  }

  private static void copy(Part part, long size, Path target) throws IOException {
    try (OutputStream written = Files.newOutputStream(target, StandardOpenOption.CREATE_NEW)) {
      for (long at = 0; at < size; at += BUFFER) {
        written.write(part.read(at, (int) Math.min(BUFFER, size - at)));
      }
    }
  }
}
