package asymml.attest.crypto;

import java.security.GeneralSecurityException;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Path validation (PKIX, RFC 5280) without a network: revocation is checked by hand, and there is
/// no store of trusted certificates but the one anchor.
public final class CertificatePath {
  private CertificatePath() {}

  /// Why a path does not hold at any moment: signatures, names, constraints. What is expired or not
  /// yet valid at the owner's moment is another question, with other names.
  ///
  /// @param path leaf first, without the anchor; not empty
  /// @param anchor whose key signed the last one
  /// @param at the owner's moment, moved into the time in which all are valid
  /// @return null if it holds
  public static @Nullable String fault(
      List<X509Certificate> path, X509Certificate anchor, Instant at) {
    Instant begin = Instant.MIN;
    Instant end = Instant.MAX;
    for (X509Certificate certificate : path) {
      begin = later(begin, certificate.getNotBefore().toInstant());
      end = earlier(end, certificate.getNotAfter().toInstant());
    }
    if (begin.isAfter(end)) {
      return "certificates that are never valid together";
    }
    Instant moment = earlier(later(at, begin), end);
    try {
      CertPath certificates =
          CertificateFactory.getInstance("X.509").generateCertPath(List.copyOf(path));
      PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(anchor, null)));
      // The JDK's checker would ask the network.
      parameters.setRevocationEnabled(false);
      parameters.setDate(Date.from(moment));
      CertPathValidator.getInstance("PKIX").validate(certificates, parameters);
      return null;
    } catch (GeneralSecurityException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private static Instant later(Instant a, Instant b) {
    return a.isAfter(b) ? a : b;
  }

  private static Instant earlier(Instant a, Instant b) {
    return a.isBefore(b) ? a : b;
  }
}
