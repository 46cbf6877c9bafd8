package asymml.attest.release;

import asymml.attest.EvidenceException;
import asymml.attest.amd.SnpCertificates;
import asymml.attest.amd.SnpReport;
import asymml.attest.intel.Collateral;
import asymml.attest.intel.Quote;
import asymml.attest.policy.Evidence;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// Reads a trainer's evidence with what the owner has beside it. Files are read for each request,
/// so that collateral can be renewed while an owner serves.
///
/// @param collateral the folder of Intel's collateral; empty if no quotes are expected
/// @param vek the VCEK or VLEK certificate of the trainer's machine, for hosts that hand out no
///   certificate table
public record EvidenceReader(Optional<Path> collateral, Optional<Path> vek) {
  /// A VEK has about 1,400.
  private static final int MOST_VEK = 1 << 16;

  /// Reads evidence. Nothing of it is verified.
  ///
  /// @param evidence a quote or a report of SEV-SNP
  /// @param certificates the host's table; may be empty
  /// @return the evidence
  /// @throws EvidenceException one line, if it cannot be read, or is none of a TEE
  /// @throws IOException one line, if a file of the owner's cannot be read
  public Evidence read(byte[] evidence, byte[] certificates) throws EvidenceException, IOException {
    return switch (Evidence.kind(evidence)) {
      case QUOTE -> {
        Quote quote = Quote.parse(evidence);
        yield new Evidence.Intel(
            quote,
            collateral.isEmpty()
                ? Optional.empty()
                : Optional.of(Collateral.read(collateral.get())));
      }
      case SNP -> {
        SnpReport report = SnpReport.parse(evidence);
        yield new Evidence.Snp(report, snp(report, certificates));
      }
      case GPU -> throw new EvidenceException("a GPU's report makes no process trusted");
    };
  }

  private SnpCertificates snp(SnpReport report, byte[] certificates)
      throws EvidenceException, IOException {
    if (certificates.length > 0) {
      return SnpCertificates.table(certificates, report.signingKey());
    }
    if (vek.isEmpty()) {
      return SnpCertificates.none();
    }
    try (InputStream in = Files.newInputStream(vek.get())) {
      byte[] bytes = in.readNBytes(MOST_VEK + 1);
      if (bytes.length > MOST_VEK) {
        throw new EvidenceException(vek.get() + " is too large for a certificate");
      }
      return SnpCertificates.of(bytes);
    }
  }
}
