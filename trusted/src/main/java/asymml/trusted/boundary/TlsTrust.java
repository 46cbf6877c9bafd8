package asymml.trusted.boundary;

import asymml.model.FileReason;
import asymml.wire.CertificateDates;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PublicKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Clock;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/// Which remote workers are accepted: those that prove to hold the key of a given certificate, or
/// of one that it has signed. The system's certificate authorities count for nothing, nor does the
/// host's name.
///
/// A worker stays untrusted: its certificate protects the line against third parties, no more.
public final class TlsTrust {
  private final TrustManager[] managers;
  private final SSLContext context;
  private final Set<PublicKey> keys;

  private TlsTrust(TrustManager[] managers, SSLContext context, Set<PublicKey> keys) {
    this.managers = managers;
    this.context = context;
    this.keys = Set.copyOf(keys);
  }

  /// Accepts the certificates of a file, which must be valid now.
  ///
  /// @param certificates X.509 certificates, PEM or DER, at least one
  /// @return the trust in exactly these
  /// @throws IOException if the file cannot be read or holds none, or one is expired or not yet
  ///   valid
  public static TlsTrust ofCertificates(Path certificates) throws IOException {
    return ofCertificates(certificates, Clock.systemUTC(), false);
  }

  /// Accepts the certificates of a file.
  ///
  /// @param certificates X.509 certificates, PEM or DER, at least one
  /// @param clock says whether they are valid
  /// @param allowExpired whether those outside their dates are accepted all the same; certificates
  ///   that these have signed must be valid anyway
  /// @return the trust in exactly these
  /// @throws IOException if the file cannot be read or holds none, or one is expired or not yet
  ///   valid though that is not allowed
  public static TlsTrust ofCertificates(Path certificates, Clock clock, boolean allowExpired)
      throws IOException {
    try (InputStream in = Files.newInputStream(certificates)) {
      KeyStore accepted = KeyStore.getInstance("PKCS12");
      accepted.load(null, null);
      Set<PublicKey> keys = new HashSet<>();
      for (Certificate certificate :
          CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        if (!allowExpired) {
          CertificateDates.require(
              certificate,
              "in " + certificates,
              clock.instant(),
              "get a new one from the worker's owner, or allow it with --tls-allow-expired");
        }
        accepted.setCertificateEntry("worker-" + accepted.size(), certificate);
        keys.add(certificate.getPublicKey());
      }
      if (accepted.size() == 0) {
        throw new IOException("no certificate in " + certificates);
      }
      TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
      managers.init(accepted);
      SSLContext context = SSLContext.getInstance("TLSv1.3");
      context.init(null, managers.getTrustManagers(), null);
      return new TlsTrust(managers.getTrustManagers(), context, keys);
    } catch (FileSystemException e) {
      throw new IOException("cannot read %s: %s".formatted(certificates, FileReason.of(e)), e);
    } catch (GeneralSecurityException e) {
      throw new IOException(
          "not a file of X.509 certificates: " + certificates + " (" + e.getMessage() + ")", e);
    }
  }

  /// The same trust of a side that can prove to a worker who it is.
  ///
  /// @param keystore a PKCS12 file with a certificate and its key
  /// @param passwordFile its first line is the password
  /// @param clock says whether the certificate is valid
  /// @param allowExpired whether one outside its dates is used all the same
  /// @return the trust with that key
  /// @throws IOException if a file cannot be read or used, or the certificate is expired or not yet
  ///   valid though that is not allowed
  public TlsTrust withKey(Path keystore, Path passwordFile, Clock clock, boolean allowExpired)
      throws IOException {
    try (InputStream in = Files.newInputStream(keystore)) {
      List<String> lines = Files.readAllLines(passwordFile);
      char[] password = lines.isEmpty() ? new char[0] : lines.getFirst().toCharArray();
      KeyStore own = KeyStore.getInstance("PKCS12");
      own.load(in, password);
      if (!allowExpired) {
        for (String alias : Collections.list(own.aliases())) {
          @Nullable Certificate certificate = own.getCertificate(alias);
          if (certificate != null && own.isKeyEntry(alias)) {
            CertificateDates.require(
                certificate,
                "'%s' in %s".formatted(alias, keystore),
                clock.instant(),
                "make a new one, or allow it with --tls-allow-expired");
          }
        }
      }
      KeyManagerFactory ownKeys = KeyManagerFactory.getInstance("PKIX");
      ownKeys.init(own, password);
      Arrays.fill(password, '\0');
      SSLContext proving = SSLContext.getInstance("TLSv1.3");
      proving.init(ownKeys.getKeyManagers(), managers, null);
      return new TlsTrust(managers, proving, keys);
    } catch (ProtocolException e) {
      throw e;
    } catch (FileSystemException e) {
      throw new IOException("cannot read %s: %s".formatted(e.getFile(), FileReason.of(e)), e);
    } catch (IOException | GeneralSecurityException e) {
      throw new IOException(
          "cannot use %s with the password in %s: %s"
              .formatted(keystore, passwordFile, e.getMessage()),
          e);
    }
  }

  /// The keys of the certificates in the file.
  ///
  /// @return unmodifiable; not those that they have signed
  public Set<PublicKey> keys() {
    return keys;
  }

  SSLContext context() {
    return context;
  }
}
