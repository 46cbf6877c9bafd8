package asymml.trusted.boundary;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/// Keys and certificates made by this JDK's keytool, good for two days.
final class Certificates {
  private static final String PASSWORD = "for this test only";

  private final Path file;

  /// Starts with none.
  Certificates(Path folder) {
    this.file = folder.resolve("keys.p12");
  }

  /// Makes a key, with a certificate that it signs itself.
  void add(String name, String... more) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of("-genkeypair", "-keyalg", "EC", "-validity", "2"));
    command.addAll(List.of("-alias", name, "-dname", "CN=" + name));
    command.addAll(List.of("-keystore", file.toString(), "-storepass", PASSWORD));
    command.addAll(List.of("-storetype", "PKCS12"));
    command.addAll(List.of(more));
    if (new ProcessBuilder(command).redirectErrorStream(true).start().waitFor() != 0) {
      throw new AssertionError("keytool failed: " + command);
    }
  }

  /// Makes a key whose certificate another one signs.
  void addSigned(String name, String signer) throws IOException, InterruptedException {
    add(name, "-signer", signer);
  }

  private KeyStore keys() throws IOException, GeneralSecurityException {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(file)) {
      keys.load(in, PASSWORD.toCharArray());
    }
    return keys;
  }

  PublicKey key(String name) throws IOException, GeneralSecurityException {
    return keys().getCertificate(name).getPublicKey();
  }

  byte[] der(String name) throws IOException, GeneralSecurityException {
    return keys().getCertificate(name).getEncoded();
  }

  String pem(String name) throws IOException, GeneralSecurityException {
    Base64.Encoder lines = Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII));
    return "-----BEGIN CERTIFICATE-----\n"
        + lines.encodeToString(der(name))
        + "\n-----END CERTIFICATE-----\n";
  }

  /// What a worker shows that has this key.
  SSLContext identity(String name) throws IOException, GeneralSecurityException {
    KeyStore all = keys();
    KeyStore own = KeyStore.getInstance("PKCS12");
    own.load(null, null);
    own.setKeyEntry(
        name,
        all.getKey(name, PASSWORD.toCharArray()),
        PASSWORD.toCharArray(),
        all.getCertificateChain(name));
    KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
    managers.init(own, PASSWORD.toCharArray());
    SSLContext identity = SSLContext.getInstance("TLSv1.3");
    identity.init(managers.getKeyManagers(), null, null);
    return identity;
  }
}
