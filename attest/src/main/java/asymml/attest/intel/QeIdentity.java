package asymml.attest.intel;

import asymml.attest.EvidenceException;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Intel's quoting enclave, as Intel's service describes it (PCS v4, enclave identity version 2).
///
/// @param id `QE` or `TD_QE`
/// @param issueDate when it was issued
/// @param nextUpdate until when it is valid
/// @param evaluation number of Intel's evaluation of TCBs
/// @param levels highest first
record QeIdentity(
    String id,
    Instant issueDate,
    Instant nextUpdate,
    int evaluation,
    Expected expected,
    List<SvnLevel> levels) {
  /// What the enclave's report must say.
  ///
  /// @param miscSelect 4 bytes, big endian as in the JSON
  /// @param attributes 16 bytes
  /// @param mrSigner 32 bytes
  @SuppressWarnings("ArrayRecordComponent") // Not compared.
  record Expected(
      long miscSelect,
      long miscSelectMask,
      byte[] attributes,
      byte[] attributesMask,
      byte[] mrSigner,
      int isvProdId) {}

  static QeIdentity parse(SignedJson json) throws EvidenceException {
    JsonNode node = json.parse();
    int version = SignedJson.integer(node, "version", 65535);
    if (version != 2) {
      throw new EvidenceException("enclave identity version %s, expected 2".formatted(version));
    }
    return new QeIdentity(
        SignedJson.text(node, "id"),
        SignedJson.time(node, "issueDate"),
        SignedJson.time(node, "nextUpdate"),
        SignedJson.integer(node, "tcbEvaluationDataNumber", Integer.MAX_VALUE),
        new Expected(
            bigEndian(node, "miscselect"),
            bigEndian(node, "miscselectMask"),
            SignedJson.hex(node, "attributes", 16),
            SignedJson.hex(node, "attributesMask", 16),
            SignedJson.hex(node, "mrsigner", 32),
            SignedJson.integer(node, "isvprodid", 65535)),
        SvnLevel.of(node));
  }

  private static long bigEndian(JsonNode node, String name) throws EvidenceException {
    return HexFormat.fromHexDigitsToLong(
        HexFormat.of().formatHex(SignedJson.hex(node, name, Integer.BYTES)));
  }

  /// Why an enclave is not the one described.
  ///
  /// @return found and expected; empty if it is
  List<String> difference(EnclaveReport report) {
    HexFormat hex = HexFormat.of();
    if (!Arrays.equals(report.mrSigner(), expected.mrSigner)) {
      return List.of(
          "MRSIGNER " + hex.formatHex(report.mrSigner()), hex.formatHex(expected.mrSigner));
    }
    if (report.isvProdId() != expected.isvProdId) {
      return List.of("ISVPRODID " + report.isvProdId(), String.valueOf(expected.isvProdId));
    }
    if ((report.miscSelect() & expected.miscSelectMask)
        != (expected.miscSelect & expected.miscSelectMask)) {
      return List.of("MISCSELECT " + report.miscSelect(), String.valueOf(expected.miscSelect));
    }
    byte[] attributes = report.attributes();
    if (!Masked.equal(attributes, expected.attributes, expected.attributesMask)) {
      return List.of("ATTRIBUTES " + hex.formatHex(attributes), hex.formatHex(expected.attributes));
    }
    return report.debug() ? List.of("a quoting enclave with DEBUG", "DEBUG off") : List.of();
  }
}
