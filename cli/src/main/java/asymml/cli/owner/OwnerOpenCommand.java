package asymml.cli.owner;

import asymml.attest.release.LeaseBook;
import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealKind;
import asymml.attest.seal.SealedReader;
import asymml.attest.seal.SealedTree;
import asymml.model.PrivateFiles;
import asymml.privacy.Ledger;
import asymml.session.TrainedRun;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
  private static final int BUFFER = 1 << 16;
  private static final List<String> EVIDENCE =
      List.of("evidence.bin", "certificates.bin", "configuration.json", "decision.json");

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
      if (Files.isDirectory(sealed)) {
        return said(openRun(read));
      }
      if (leases != null) {
        throw new ParameterException(
            spec.commandLine(), "--leases is for the directory of a run, which counts steps");
      }
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
    return said(files);
  }

  /// The files of a run, which must all be of the same one, and its settings.
  private long openRun(DataKey read) throws IOException {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(sealed, "*" + RunLayout.SEALED)) {
      all.forEach(files::add);
    }
    if (files.isEmpty()) {
      throw new IOException(sealed + " has no sealed files of a run (*" + RunLayout.SEALED + ")");
    }
    files.sort(null);
    byte @Nullable [] run = null;
    for (Path file : files) {
      try (SealedReader reader = new SealedReader(file, read)) {
        if (!reader.kind().isOfRun() || (run != null && !Arrays.equals(run, reader.metadata()))) {
          throw new IOException(
              file + " is no file of the run to which the others here belong: move it away");
        }
        run = reader.metadata();
        PrivateFiles.createDirectories(out);
        String name = file.getFileName().toString();
        copy(
            reader::read,
            reader.length(),
            out.resolve(name.substring(0, name.length() - RunLayout.SEALED.length())));
      }
    }
    Path settings = new RunLayout(sealed).config();
    if (Files.exists(settings)) {
      Files.copy(settings, new RunLayout(out).config());
    }
    copyEvidence();
    if (leases != null) {
      requireNewest(leases, run);
    }
    requireLedger();
    return files.size();
  }

  /// What the run was accepted with, for its report. It lies in clear: the host can have changed
  /// it, and a verifier would notice.
  private void copyEvidence() throws IOException {
    for (int i = 1; Files.isDirectory(sealed.resolve("evidence/" + i)); i++) {
      Path from = sealed.resolve("evidence/" + i);
      Path to = out.resolve("evidence/" + i);
      PrivateFiles.createDirectories(to);
      for (String name : EVIDENCE) {
        if (Files.isRegularFile(from.resolve(name), LinkOption.NOFOLLOW_LINKS)) {
          Files.copy(from.resolve(name), to.resolve(name));
        }
      }
    }
  }

  /// Ledger and model may both be old.
  private void requireNewest(Path book, byte[] run) throws IOException {
    long counted = LeaseBook.counted(book, run);
    @Nullable Ledger ledger = LedgerFile.readIfAny(new RunLayout(out));
    long listed = ledger == null ? 0 : ledger.steps();
    if (counted != listed) {
      throw new IOException(
          "%s is not the newest of the run: its ledger lists %s steps, and %s are counted in %s; it is an old copy, or was killed and not resumed, or that file is an old one"
              .formatted(sealed, listed, counted, book));
    }
  }

  /// Each file of a run is genuine, but the host may have kept an old one: a ledger that is older
  /// than the model states too small an epsilon.
  private void requireLedger() throws IOException {
    if (Files.exists(new RunLayout(out).checkpoint())
        && Files.exists(new RunLayout(out).config())) {
      try (TrainedRun run = TrainedRun.open(out)) {
        run.modelStatement();
      }
    }
  }

  private int said(long files) {
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
