package asymml.wire;

import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Instant;

/// When a certificate is valid. TLS itself does not look at the dates of a certificate that is
/// accepted as such: only at those of what it has signed.
public final class CertificateDates {
  private CertificateDates() {}

  /// Refuses a certificate outside its dates.
  ///
  /// @param certificate of either side
  /// @param where which one, for the message
  /// @param now the time
  /// @param remedy what to do about it, for the message
  /// @throws ProtocolException if it is expired or not yet valid
  public static void require(Certificate certificate, String where, Instant now, String remedy)
      throws ProtocolException {
    if (!(certificate instanceof X509Certificate dated)) {
      return;
    }
    Instant from = dated.getNotBefore().toInstant();
    Instant to = dated.getNotAfter().toInstant();
    if (now.isBefore(from) || now.isAfter(to)) {
      throw new ProtocolException(
          "the certificate "
              + where
              + (now.isBefore(from) ? " is not valid before " + from : " expired at " + to)
              + ": "
              + remedy);
    }
  }
}
