package asymml.serve;

import asymml.model.FileReason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/// The files by which a server proves who it is, and by which it knows its clients.
///
/// @param certificates the server's certificate and those that have signed it, PEM
/// @param key its private key, PEM (PKCS 8), without a pass phrase
/// @param clients certificates, PEM or DER, of the clients that may connect, or of those who have
///   signed theirs; null if all may
public record HttpsFiles(Path certificates, Path key, @Nullable Path clients) {
  private static final String BEGIN = "-----BEGIN PRIVATE KEY-----";
  private static final String END = "-----END PRIVATE KEY-----";

  /// Reads the files.
  ///
  /// @return a context that presents the certificate and, if clients are named, trusts these alone
  /// @throws IOException one line, if a file cannot be read or used, the key is not that of the
  ///   certificate, or a certificate is expired or not yet valid
  SSLContext context() throws IOException {
    List<X509Certificate> chain = read(certificates);
    PublicKey publicKey = chain.getFirst().getPublicKey();
    PrivateKey privateKey = privateKey(publicKey.getAlgorithm());
    char[] none = new char[0];
    try {
      if (!isPair(publicKey, privateKey)) {
        throw new IOException(
            "%s is not the key of the first certificate in %s".formatted(key, certificates));
      }
      KeyStore keys = KeyStore.getInstance("PKCS12");
      keys.load(null, null);
      keys.setKeyEntry("server", privateKey, none, chain.toArray(Certificate[]::new));
      KeyManagerFactory own = KeyManagerFactory.getInstance("PKIX");
      own.init(keys, none);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(own.getKeyManagers(), clients == null ? null : trust(clients), null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IOException(
          "cannot use %s with %s: %s".formatted(certificates, key, e.getMessage()), e);
    }
  }

  private static List<X509Certificate> read(Path file) throws IOException {
    List<X509Certificate> read = new ArrayList<>();
    try (InputStream in = Files.newInputStream(file)) {
      for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        X509Certificate certificate = (X509Certificate) each;
        certificate.checkValidity();
        read.add(certificate);
      }
    } catch (GeneralSecurityException e) {
      throw new IOException(
          "cannot use the certificates in %s: %s".formatted(file, e.getMessage()), e);
    } catch (IOException e) {
      throw new IOException("cannot read %s: %s".formatted(file, FileReason.of(e)), e);
    }
    if (read.isEmpty()) {
      throw new IOException("no certificate in " + file);
    }
    return read;
  }

  private PrivateKey privateKey(String algorithm) throws IOException {
    byte[] content;
    try {
      content = Files.readAllBytes(key);
    } catch (IOException e) {
      throw new IOException("cannot read %s: %s".formatted(key, FileReason.of(e)), e);
    }
    String text = new String(content, StandardCharsets.ISO_8859_1);
    Arrays.fill(content, (byte) 0);
    int from = text.indexOf(BEGIN);
    int to = text.indexOf(END);
    if (from < 0 || to < from) {
      throw new IOException(
          "%s holds no private key in PKCS 8 without a pass phrase: make one with 'openssl pkcs8 -topk8 -nocrypt -in OLD -out %s'"
              .formatted(key, key));
    }
    try {
      byte[] der = Base64.getMimeDecoder().decode(text.substring(from + BEGIN.length(), to));
      return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(der));
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      throw new IOException(
          "%s holds no private key of the kind %s, which the certificate has"
              .formatted(key, algorithm),
          e);
    }
  }

  private static boolean isPair(PublicKey publicKey, PrivateKey privateKey)
      throws GeneralSecurityException {
    String algorithm = publicKey.getAlgorithm().toUpperCase(Locale.ROOT);
    Signature signature =
        Signature.getInstance(
            switch (algorithm) {
              case "RSA" -> "SHA256withRSA";
              case "EC" -> "SHA256withECDSA";
              default -> publicKey.getAlgorithm();
            });
    byte[] text = {1, 2, 3};
    signature.initSign(privateKey);
    signature.update(text);
    byte[] signed = signature.sign();
    signature.initVerify(publicKey);
    signature.update(text);
    return signature.verify(signed);
  }

  private static TrustManager[] trust(Path clients) throws IOException, GeneralSecurityException {
    KeyStore accepted = KeyStore.getInstance("PKCS12");
    accepted.load(null, null);
    for (X509Certificate certificate : read(clients)) {
      accepted.setCertificateEntry("client-" + accepted.size(), certificate);
    }
    TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
    managers.init(accepted);
    return managers.getTrustManagers();
  }
}
