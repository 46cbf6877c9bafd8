package asymml.wire;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/// A self-signed certificate made by this JDK's keytool, and contexts that hold and trust it.
///
/// @param both holds it and trusts it
record TlsFixture(SSLContext identity, SSLContext trust, SSLContext both) {
  static TlsFixture create(Path folder) throws Exception {
    Path file = folder.resolve("worker.p12");
    String password = "for this test only";
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "worker",
                "-keyalg",
                "EC",
                "-dname",
                "CN=worker",
                "-validity",
                "2",
                "-storetype",
                "PKCS12",
                "-keystore",
                file.toString(),
                "-storepass",
                password)
            .inheritIO()
            .start();
    if (keytool.waitFor() != 0) {
      throw new AssertionError("keytool failed");
    }
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(file)) {
      keys.load(in, password.toCharArray());
    }
    KeyManagerFactory keyManagers = KeyManagerFactory.getInstance("PKIX");
    keyManagers.init(keys, password.toCharArray());
    KeyStore certificates = KeyStore.getInstance("PKCS12");
    certificates.load(null, null);
    certificates.setCertificateEntry("worker", keys.getCertificate("worker"));
    TrustManagerFactory trustManagers = TrustManagerFactory.getInstance("PKIX");
    trustManagers.init(certificates);
    SSLContext identity = SSLContext.getInstance("TLSv1.3");
    identity.init(keyManagers.getKeyManagers(), null, null);
    SSLContext trust = SSLContext.getInstance("TLSv1.3");
    trust.init(null, trustManagers.getTrustManagers(), null);
    SSLContext both = SSLContext.getInstance("TLSv1.3");
    both.init(keyManagers.getKeyManagers(), trustManagers.getTrustManagers(), null);
    return new TlsFixture(identity, trust, both);
  }
}
