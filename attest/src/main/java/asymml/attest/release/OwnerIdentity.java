package asymml.attest.release;

import asymml.attest.EvidenceException;
import asymml.attest.crypto.Certificates;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/// The owner's TLS key: of which the owner has the private half, and to which a trainer is pinned.
/// Names, dates and authorities of the certificate mean nothing.
public final class OwnerIdentity {
  /// A certificate has a few kilobytes.
  private static final int MOST_BYTES = 1 << 16;

  private static final String TLS = "TLSv1.3";

  private final SSLContext context;
  private final PublicKey key;

  private OwnerIdentity(SSLContext context, PublicKey key) {
    this.context = context;
    this.key = key;
  }

  /// Loads the owner's key.
  ///
  /// @param keystore a PKCS12 file with one key and its certificate
  /// @param passwordFile its first line is the password
  /// @return the identity
  /// @throws IOException one line, if a file cannot be read or used
  public static OwnerIdentity load(Path keystore, Path passwordFile) throws IOException {
    try (InputStream in = Files.newInputStream(keystore)) {
      List<String> lines = Files.readAllLines(passwordFile);
      char[] password = lines.isEmpty() ? new char[0] : lines.getFirst().toCharArray();
      KeyStore keys = KeyStore.getInstance("PKCS12");
      keys.load(in, password);
      List<String> own = Collections.list(keys.aliases());
      if (own.size() != 1 || !keys.isKeyEntry(own.getFirst())) {
        throw new ReleaseException(
            "%s must hold one key with its certificate, and nothing else: it has %s entries"
                .formatted(keystore, own.size()));
      }
      KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
      managers.init(keys, password);
      Arrays.fill(password, '\0');
      SSLContext context = SSLContext.getInstance(TLS);
      context.init(managers.getKeyManagers(), null, null);
      return new OwnerIdentity(context, keys.getCertificate(own.getFirst()).getPublicKey());
    } catch (ReleaseException e) {
      throw e;
    } catch (NoSuchFileException e) {
      throw new ReleaseException("no such file: " + e.getFile(), e);
    } catch (AccessDeniedException e) {
      throw new ReleaseException("permission denied: " + e.getFile(), e);
    } catch (IOException | GeneralSecurityException e) {
      throw new ReleaseException(
          "cannot use %s with the password in %s: %s"
              .formatted(keystore, passwordFile, e.getMessage()),
          e);
    }
  }

  /// Reads the key to which a trainer is pinned.
  ///
  /// @param certificate the owner's, PEM or DER
  /// @return its public key
  /// @throws IOException one line, if the file cannot be read, or is not one certificate
  public static PublicKey pinned(Path certificate) throws IOException {
    try (InputStream in = Files.newInputStream(certificate)) {
      byte[] bytes = in.readNBytes(MOST_BYTES + 1);
      if (bytes.length > MOST_BYTES) {
        throw new ReleaseException(certificate + " is too large for a certificate");
      }
      return Certificates.one(bytes, certificate.toString()).getPublicKey();
    } catch (NoSuchFileException e) {
      throw new ReleaseException("no such file: " + certificate, e);
    } catch (EvidenceException e) {
      throw new ReleaseException(String.valueOf(e.getMessage()), e);
    }
  }

  /// The public key.
  ///
  /// @return what trainers pin
  public PublicKey key() {
    return key;
  }

  /// A key's name.
  ///
  /// @param key public
  /// @return SHA-256 of its SPKI in hexadecimal
  public static String fingerprint(PublicKey key) {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(key.getEncoded()));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java lacks SHA-256", e);
    }
  }

  SSLContext context() {
    return context;
  }

  /// A context that accepts one key.
  static SSLContext pinning(PublicKey key) {
    try {
      SSLContext context = SSLContext.getInstance(TLS);
      context.init(null, new TrustManager[] {new Pin(key)}, null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java lacks TLS 1.3", e);
    }
  }

  /// Compares the server's key with the pinned one. That the server has the private half follows
  /// from the handshake.
  private static final class Pin extends X509ExtendedTrustManager {
    private final PublicKey pinned;

    Pin(PublicKey pinned) {
      this.pinned = pinned;
    }

    private void check(X509Certificate[] chain) throws CertificateException {
      PublicKey shown = chain[0].getPublicKey();
      if (!MessageDigest.isEqual(shown.getEncoded(), pinned.getEncoded())) {
        throw new CertificateException(
            "the server's key has the SHA-256 %s, expected the owner's, %s"
                .formatted(fingerprint(shown), fingerprint(pinned)));
      }
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      check(chain);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket)
        throws CertificateException {
      throw new CertificateException("no clients here");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
        throws CertificateException {
      throw new CertificateException("no clients here");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type)
        throws CertificateException {
      throw new CertificateException("no clients here");
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
