package asymml.attest.policy;

import asymml.attest.EvidenceException;
import asymml.attest.amd.SnpCertificates;
import asymml.attest.amd.SnpReport;
import asymml.attest.crypto.LittleEndian;
import asymml.attest.intel.Collateral;
import asymml.attest.intel.Quote;
import asymml.attest.nvidia.GpuReport;
import java.util.HexFormat;
import java.util.Optional;

/// Evidence with what came beside it. Nothing of it is verified.
public sealed interface Evidence {
  /// The kinds, as told by the first bytes.
  enum Kind {
    /// A quote of SGX or TDX.
    QUOTE,
    /// A report of SEV-SNP.
    SNP,
    /// A report of an NVIDIA GPU.
    GPU
  }

  /// A quote of SGX or TDX.
  ///
  /// @param quote as read
  /// @param collateral of its platform; empty if there was none
  record Intel(Quote quote, Optional<Collateral> collateral) implements Evidence {}

  /// A report of SEV-SNP.
  ///
  /// @param report as read
  /// @param certificates that came with it
  record Snp(SnpReport report, SnpCertificates certificates) implements Evidence {}

  /// A report of an NVIDIA GPU.
  ///
  /// @param report as read
  /// @param chain its certificates in PEM, not changed
  @SuppressWarnings("ArrayRecordComponent") // Not compared.
  record Gpu(GpuReport report, byte[] chain) implements Evidence {}

  /// The kind and the measurement.
  ///
  /// @return a few words
  default String summary() {
    HexFormat hex = HexFormat.of();
    return switch (this) {
      case Intel(Quote quote, _) ->
          quote
              .enclave()
              .map(e -> "SGX enclave " + hex.formatHex(e.mrEnclave()))
              .or(() -> quote.td().map(td -> "TDX domain " + hex.formatHex(td.mrTd())))
              .orElseThrow();
      case Snp(SnpReport report, _) -> "SEV-SNP guest " + hex.formatHex(report.measurement());
      case Gpu(GpuReport report, _) -> "NVIDIA GPU, driver " + report.driver();
    };
  }

  /// What bytes look like.
  ///
  /// @param bytes of a file or a message
  /// @return the kind whose reader should read them
  /// @throws EvidenceException if they begin as none
  static Kind kind(byte[] bytes) throws EvidenceException {
    if (bytes.length < 4) {
      throw new EvidenceException("evidence of %s bytes is none".formatted(bytes.length));
    }
    long first = LittleEndian.read(bytes, 0, 2);
    long second = LittleEndian.read(bytes, 2, 2);
    if (first == 0xe011) {
      return Kind.GPU;
    }
    if (bytes.length == SnpReport.SIZE && second == 0) {
      return Kind.SNP;
    }
    if (first >= 1 && first <= 16) {
      return Kind.QUOTE;
    }
    throw new EvidenceException(
        "bytes that begin with %02x%02x%02x%02x are no quote of SGX or TDX (version 3 to 5), no"
                .formatted(bytes[0], bytes[1], bytes[2], bytes[3])
            + " report of SEV-SNP (1184 bytes), and no report of an NVIDIA GPU");
  }
}
