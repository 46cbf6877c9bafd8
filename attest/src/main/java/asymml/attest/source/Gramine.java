package asymml.attest.source;

import asymml.attest.EvidenceException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;

/// The files by which Gramine gives an enclave its quote. They belong to the whole process: one
/// thread at a time uses them.
public final class Gramine implements EvidenceSource {
  private static final int REPORT_DATA = 64;

  private final Path folder;
  private final Duration deadline;

  /// In a file tree.
  ///
  /// @param root of the file tree, `/` but in tests
  /// @param deadline how long to wait for an answer in all
  public Gramine(Path root, Duration deadline) {
    folder = root.resolve("dev/attestation");
    this.deadline = deadline;
  }

  /// Whether the process runs under Gramine.
  ///
  /// @return true if its folder is there
  public boolean isPresent() {
    return Files.isDirectory(folder);
  }

  @Override
  public RawEvidence get(byte[] reportData)
      throws IOException, EvidenceException, InterruptedException {
    if (reportData.length != REPORT_DATA) {
      throw new IllegalArgumentException("report data has 64 bytes: " + reportData.length);
    }
    byte[] data = reportData.clone();
    return TimeLimit.ask(deadline, folder.toString(), () -> ask(data));
  }

  private synchronized RawEvidence ask(byte[] reportData) throws IOException, EvidenceException {
    String type =
        new String(BoundedFile.read(folder.resolve("attestation_type")), StandardCharsets.US_ASCII)
            .strip();
    if (!type.equals("dcap")) {
      throw new IOException(
          "attestation_type is '%s', expected dcap: set sgx.remote_attestation = \"dcap\" in the manifest"
              .formatted(type));
    }
    Files.write(folder.resolve("user_report_data"), reportData, StandardOpenOption.WRITE);
    byte[] quote = BoundedFile.read(folder.resolve("quote"));
    if (quote.length == 0) {
      throw new EvidenceException(
          folder.resolve("quote") + " is empty: the host's quoting service cannot be reached");
    }
    return new RawEvidence("gramine", quote, new byte[0]);
  }

  @Override
  public String description() {
    return "Gramine (" + folder + ")";
  }
}
