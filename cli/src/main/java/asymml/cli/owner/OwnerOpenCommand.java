package asymml.cli.owner;

import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealKind;
import asymml.attest.seal.SealedReader;
import asymml.attest.seal.SealedTree;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `asymml owner open`.
@Command(
    name = "open",
    mixinStandardHelpOptions = true,
    description =
        "Opens a sealed file or folder, or the files of a sealed run, and writes it in clear. A"
            + " part that was changed ends the command; what was written before it is genuine, and"
            + " incomplete.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml owner open images.sealed opened --key data.key",
      "  asymml owner open images.zip.sealed images.zip --key data.key",
      "  asymml owner open runs/sealed opened --key data.key --leases owner.leases"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class OwnerOpenCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "SEALED",
      description = "A sealed file, or the directory of a sealed run.")
  private Path sealed;

  @Parameters(
      index = "1",
      paramLabel = "OUT",
      description = "The file or folder to write; it must not exist.")
  private Path out;

  @Mixin private KeyOptions key;

  @Option(
      names = "--leases",
      paramLabel = "FILE",
      description =
          "The file in which 'asymml owner serve' has counted the steps of runs: a run whose ledger"
              + " lists others is refused, as an old copy or one that was killed.")
  private @Nullable Path leases;

  @Override
  public Integer call() throws IOException {
    if (Files.exists(out)) {
      throw new IOException(out + " exists: name a new file or folder");
    }
    long files = 0;
    try (DataKey read = DataKey.read(key.file())) {
      if (Files.isDirectory(sealed)) {
        return said(new OpenedRun(sealed, out, leases).write(read));
      }
      if (leases != null) {
        throw new ParameterException(
            spec.commandLine(), "--leases is for the directory of a run, which counts steps");
      }
      boolean tree;
      try (SealedReader reader = new SealedReader(sealed, read)) {
        tree = reader.kind() == SealKind.TREE;
        if (!tree) {
          Clear.write(reader::read, reader.length(), out);
          files = 1;
        }
      }
      if (tree) {
        try (SealedTree all = SealedTree.open(sealed, read)) {
          Files.createDirectories(out);
          for (String name : all.names()) {
            Path target = out.resolve(name);
            Files.createDirectories(target.getParent());
            Clear.write((at, size) -> all.read(name, at, size), all.size(name), target);
            files++;
          }
        }
      }
    }
    return said(files);
  }

  private int said(long files) {
    PrintWriter said = spec.commandLine().getOut();
    said.println("written: %s, %s files, in clear".formatted(out, files));
    said.flush();
    return ExitCode.OK;
  }
}
