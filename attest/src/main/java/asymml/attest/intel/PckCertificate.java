package asymml.attest.intel;

import asymml.attest.EvidenceException;
import asymml.attest.crypto.Certificates;
import asymml.attest.crypto.DerValue;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a provisioning certification key's certificate says of its platform (Intel, SGX PCK
/// certificate profile, section 1.3.5).
///
/// @param certificate the leaf
/// @param ppid the platform, 16 bytes in hexadecimal
/// @param fmspc the kind of processor, 6 bytes in hexadecimal
/// @param pceId the provisioning certification enclave, 2 bytes in hexadecimal
/// @param componentSvns 16 numbers, 0 to 255
/// @param pceSvn 0 to 65535
public record PckCertificate(
    X509Certificate certificate,
    String ppid,
    String fmspc,
    String pceId,
    List<Integer> componentSvns,
    int pceSvn) {
  private static final String SGX = "1.2.840.113741.1.13.1";

  /// Copies the list.
  public PckCertificate {
    componentSvns = List.copyOf(componentSvns);
  }

  /// Reads Intel's extension.
  ///
  /// @param certificate a leaf
  /// @return what it says
  /// @throws EvidenceException if there is no such extension, or a part of it is missing
  static PckCertificate of(X509Certificate certificate) throws EvidenceException {
    byte @Nullable [] extension = Certificates.extension(certificate, SGX);
    if (extension == null) {
      throw new EvidenceException("the PCK certificate has no SGX extension");
    }
    Map<String, DerValue> parts = parts(DerValue.read(extension));
    Map<String, DerValue> tcb = parts(part(parts, ".2"));
    List<Integer> svns = new ArrayList<>();
    for (int i = 1; i <= 16; i++) {
      svns.add(part(tcb, ".2." + i).integer(255, "component SVN " + i));
    }
    HexFormat hex = HexFormat.of();
    return new PckCertificate(
        certificate,
        hex.formatHex(part(parts, ".1").octets(16, "PPID")),
        hex.formatHex(part(parts, ".4").octets(6, "FMSPC")),
        hex.formatHex(part(parts, ".3").octets(2, "PCE-ID")),
        svns,
        part(tcb, ".2.17").integer(65535, "PCESVN"));
  }

  private static Map<String, DerValue> parts(DerValue sequence) throws EvidenceException {
    Map<String, DerValue> parts = new HashMap<>();
    for (DerValue each : sequence.sequence("SGX extension")) {
      List<DerValue> pair = each.sequence("part of the SGX extension");
      if (pair.size() != 2 || parts.put(pair.getFirst().oid(), pair.getLast()) != null) {
        throw new EvidenceException("a part of the SGX extension is no pair, or is there twice");
      }
    }
    return parts;
  }

  private static DerValue part(Map<String, DerValue> parts, String arc) throws EvidenceException {
    DerValue value = parts.get(SGX + arc);
    if (value == null) {
      throw new EvidenceException("the SGX extension lacks " + SGX + arc);
    }
    return value;
  }

  /// Which of Intel's two CAs issued it, and so whose revocation list applies.
  ///
  /// @return `platform` or `processor`; `unknown` for any other
  public String ca() {
    return switch (Certificates.commonName(certificate.getIssuerX500Principal())) {
      case "Intel SGX PCK Platform CA" -> "platform";
      case "Intel SGX PCK Processor CA" -> "processor";
      default -> "unknown";
    };
  }
}
