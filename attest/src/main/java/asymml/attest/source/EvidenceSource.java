package asymml.attest.source;

import asymml.attest.EvidenceException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/// Where a process gets evidence about itself.
public sealed interface EvidenceSource permits ConfigfsTsm, Gramine, None {
  /// The asset tag of every virtual machine of Azure.
  String AZURE = "7783-7084-3265-9085-8269-3286-77";

  /// What this process has: Gramine's files, else those of the kernel, else none.
  ///
  /// @param root of the file tree, `/` but in tests
  /// @param deadline how long it may take for an answer
  /// @return one that is there
  /// @throws IOException if a file of the machine cannot be read
  static EvidenceSource find(Path root, Duration deadline) throws IOException {
    Gramine gramine = new Gramine(root, deadline);
    if (gramine.isPresent()) {
      return gramine;
    }
    Path tag = root.resolve("sys/class/dmi/id/chassis_asset_tag");
    if (Files.isReadable(tag)
        && new String(BoundedFile.read(tag), StandardCharsets.US_ASCII).strip().equals(AZURE)) {
      return new None(
          "on Azure the paravisor owns the report, which is not supported by this version");
    }
    ConfigfsTsm tsm = new ConfigfsTsm(root, deadline);
    return tsm.isPresent()
        ? tsm
        : new None(
            "this process is not running in a TEE that gives any (neither %s nor %s exists)"
                .formatted(
                    root.resolve("dev/attestation"), root.resolve("sys/kernel/config/tsm/report")));
  }

  /// Asks for evidence about 64 bytes. It can take seconds.
  ///
  /// @param reportData 64 bytes
  /// @return evidence that holds them
  /// @throws IOException one line, if the file interface fails or is not there
  /// @throws EvidenceException one line, if it answers with something else than evidence
  /// @throws InterruptedException if the thread is interrupted while it waits
  RawEvidence get(byte[] reportData) throws IOException, EvidenceException, InterruptedException;

  /// What it is.
  ///
  /// @return a few words
  String description();
}
