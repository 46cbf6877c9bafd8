package asymml.untrusted;

import asymml.wire.CertificateDates;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Clock;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/// The certificate and key by which a trainer recognises this worker, and the certificates of the
/// trainers that may connect.
final class TlsIdentity {
  private static final String REMEDY = "make a new one, or allow it with --tls-allow-expired";

  private TlsIdentity() {}

  /// Loads them.
  ///
  /// @param keystore a PKCS12 file
  /// @param passwordFile its first line is the password
  /// @param clients X.509 certificates, PEM or DER: whose holders may connect; null if all may
  /// @param allowExpired whether certificates outside their dates are used all the same
  /// @param clock says whether they are
  /// @return a context that presents the former and trusts the latter alone
  /// @throws ProtocolException if a file cannot be read or used, or a certificate is expired or not
  ///   yet valid though that is not allowed
  static SSLContext load(
      Path keystore, Path passwordFile, @Nullable Path clients, boolean allowExpired, Clock clock)
      throws ProtocolException {
    TrustManager @Nullable [] trusted =
        clients == null ? null : trust(clients, allowExpired, clock);
    try (InputStream in = Files.newInputStream(keystore)) {
      List<String> lines = Files.readAllLines(passwordFile);
      char[] password = lines.isEmpty() ? new char[0] : lines.getFirst().toCharArray();
      KeyStore keys = KeyStore.getInstance("PKCS12");
      keys.load(in, password);
      if (!allowExpired) {
        for (String alias : Collections.list(keys.aliases())) {
          @Nullable Certificate own = keys.getCertificate(alias);
          if (own != null && keys.isKeyEntry(alias)) {
            CertificateDates.require(
                own, "'" + alias + "' in " + keystore, clock.instant(), REMEDY);
          }
        }
      }
      KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
      managers.init(keys, password);
      Arrays.fill(password, '\0');
      SSLContext context = SSLContext.getInstance("TLSv1.3");
      context.init(managers.getKeyManagers(), trusted, null);
      return context;
    } catch (ProtocolException e) {
      throw e;
    } catch (IOException | GeneralSecurityException e) {
      throw new ProtocolException(
          "cannot use " + keystore + " with the password in " + passwordFile + ": " + why(e), e);
    }
  }

  private static TrustManager[] trust(Path clients, boolean allowExpired, Clock clock)
      throws ProtocolException {
    try (InputStream in = Files.newInputStream(clients)) {
      KeyStore accepted = KeyStore.getInstance("PKCS12");
      accepted.load(null, null);
      for (Certificate certificate :
          CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        if (!allowExpired) {
          CertificateDates.require(certificate, "in " + clients, clock.instant(), REMEDY);
        }
        accepted.setCertificateEntry("client-" + accepted.size(), certificate);
      }
      if (accepted.size() == 0) {
        throw new ProtocolException("no certificate in " + clients);
      }
      TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
      managers.init(accepted);
      return managers.getTrustManagers();
    } catch (ProtocolException e) {
      throw e;
    } catch (IOException | GeneralSecurityException e) {
      throw new ProtocolException(
          "cannot read certificates of clients from " + clients + ": " + why(e), e);
    }
  }

  /// Java's exceptions of files often have the path alone for a message.
  private static String why(Exception e) {
    return switch (e) {
      case NoSuchFileException file -> "no such file: " + file.getFile();
      case AccessDeniedException file -> "permission denied: " + file.getFile();
      default -> String.valueOf(e.getMessage());
    };
  }
}
