package asymml.attest.policy;

import asymml.attest.Finding;
import asymml.attest.Problem;
import asymml.attest.intel.EnclaveReport;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/// An enclave that is accepted: exactly one of the two ways to name it.
///
/// @param mrEnclave its measurement, 32 bytes in hexadecimal
/// @param signer who signed it, and as what
public record SgxIdentity(Optional<String> mrEnclave, Optional<Signer> signer) {
  /// Any enclave of a signer.
  ///
  /// @param mrSigner digest of the signer's key, 32 bytes in hexadecimal
  /// @param isvProdId the signer's product number
  /// @param leastIsvSvn the least security version number
  public record Signer(String mrSigner, int isvProdId, int leastIsvSvn) {}

  /// Checks that there is one.
  public SgxIdentity {
    if (mrEnclave.isPresent() == signer.isPresent()) {
      throw new IllegalArgumentException("an enclave is named by mrenclave or by mrsigner");
    }
  }

  List<Finding> check(EnclaveReport report, String key) {
    HexFormat hex = HexFormat.of();
    List<Finding> refused = new ArrayList<>();
    String enclave = hex.formatHex(report.mrEnclave());
    if (mrEnclave.isPresent() && !mrEnclave.get().equals(enclave)) {
      refused.add(
          Finding.refused(
              Problem.IDENTITY, "MRENCLAVE " + enclave, mrEnclave.get(), key + ".mrenclave"));
    }
    signer.ifPresent(expected -> {
      String found = hex.formatHex(report.mrSigner());
      if (!expected.mrSigner.equals(found)) {
        refused.add(
            Finding.refused(
                Problem.IDENTITY, "MRSIGNER " + found, expected.mrSigner, key + ".mrsigner"));
      }
      if (expected.isvProdId != report.isvProdId()) {
        refused.add(
            Finding.refused(
                Problem.IDENTITY,
                "ISVPRODID " + report.isvProdId(),
                String.valueOf(expected.isvProdId),
                key + ".isvProdId"));
      }
      if (report.isvSvn() < expected.leastIsvSvn) {
        refused.add(
            Finding.refused(
                Problem.IDENTITY,
                "ISVSVN " + report.isvSvn(),
                "at least " + expected.leastIsvSvn,
                key + ".isvSvn"));
      }
    });
    return refused;
  }
}
