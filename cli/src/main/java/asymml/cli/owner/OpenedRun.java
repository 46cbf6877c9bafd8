package asymml.cli.owner;

import asymml.attest.release.LeaseBook;
import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealedReader;
import asymml.model.PrivateFiles;
import asymml.privacy.Ledger;
import asymml.session.TrainedRun;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The directory of a sealed run that its owner opens. Of the owner's commands this alone knows
/// what a run is made of.
///
/// @param sealed the directory of the run
/// @param out where its files are written in clear
/// @param leases in which the owner has counted its steps; null to compare nothing
record OpenedRun(Path sealed, Path out, @Nullable Path leases) {
  private static final List<String> EVIDENCE =
      List.of("evidence.bin", "certificates.bin", "configuration.json", "decision.json");

  /// The files of a run, which must all be of the same one, and its settings.
  ///
  /// @param read the owner's key
  /// @return how many
  long write(DataKey read) throws IOException {
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
        Clear.write(reader::read, reader.length(), opened(file));
      }
    }
    Path settings = new RunLayout(sealed).config();
    if (Files.exists(settings)) {
      Files.copy(settings, new RunLayout(out).config());
    }
    copyEvidence();
    try {
      if (leases != null && run != null) {
        requireNewest(leases, run);
      }
      requireLedger();
    } catch (IOException e) {
      // What states too small an epsilon must not stay as a run.
      for (Path file : files) {
        Files.delete(opened(file));
      }
      throw e;
    }
    return files.size();
  }

  private Path opened(Path file) {
    String name = file.getFileName().toString();
    return out.resolve(name.substring(0, name.length() - RunLayout.SEALED.length()));
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
    RunLayout opened = new RunLayout(out);
    // Without a ledger nothing is claimed.
    if (Files.exists(opened.ledger())
        && Files.exists(opened.checkpoint())
        && Files.exists(opened.config())) {
      try (TrainedRun run = TrainedRun.open(out)) {
        run.modelStatement();
      }
    }
  }
}
