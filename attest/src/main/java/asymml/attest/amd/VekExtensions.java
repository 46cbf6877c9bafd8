package asymml.attest.amd;

import asymml.attest.EvidenceException;
import asymml.attest.crypto.Certificates;
import asymml.attest.crypto.DerValue;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What AMD's certificates say beyond X.509, below 1.3.6.1.4.1.3704.1 (AMD 57230, section 3).
///
/// @param tcb that the key was derived for
/// @param chipId of the chip; empty in VLEKs
/// @param cspId of the cloud provider; empty in VCEKs
@SuppressWarnings("ArrayRecordComponent") // Not compared.
record VekExtensions(TcbVersion tcb, byte[] chipId, String cspId) {
  private static final String ARC = "1.3.6.1.4.1.3704.1.";
  private static final int CHIP_ID = 64;

  /// Turin's chips have shorter names, which reports fill up with zeros.
  private static final int SHORT_CHIP_ID = 8;

  static VekExtensions of(X509Certificate vek) throws EvidenceException {
    byte @Nullable [] csp = Certificates.extension(vek, ARC + "5");
    return new VekExtensions(
        new TcbVersion(
            Certificates.extension(vek, ARC + "3.9") == null ? 0 : svn(vek, 9),
            svn(vek, 1),
            svn(vek, 2),
            svn(vek, 3),
            svn(vek, 8)),
        chipId(vek),
        csp == null ? "" : DerValue.read(csp).text("CSP id"));
  }

  private static int svn(X509Certificate vek, int part) throws EvidenceException {
    byte @Nullable [] value = Certificates.extension(vek, ARC + "3." + part);
    if (value == null) {
      throw new EvidenceException("the VEK certificate has no SVN 3." + part);
    }
    return DerValue.read(value).integer(255, "SVN 3." + part);
  }

  /// Raw bytes, or the same in an OCTET STRING: both forms exist.
  private static byte[] chipId(X509Certificate vek) throws EvidenceException {
    byte @Nullable [] value = Certificates.extension(vek, ARC + "4");
    if (value == null) {
      return new byte[0];
    }
    if (value.length == CHIP_ID || value.length == SHORT_CHIP_ID) {
      return value;
    }
    return DerValue.read(value).octets(value.length - 2, "hwID");
  }

  /// Whether the certificate is of a chip.
  boolean isOf(byte[] chip) {
    return (chipId.length == CHIP_ID || chipId.length == SHORT_CHIP_ID)
        && Arrays.equals(Arrays.copyOf(chipId, chip.length), chip);
  }
}
