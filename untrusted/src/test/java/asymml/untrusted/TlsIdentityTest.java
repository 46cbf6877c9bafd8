package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.wire.ProtocolException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Clock;
import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A worker's certificate is made by this JDK's keytool and good for two days.
class TlsIdentityTest {
  private static final String PASSWORD = "for this test only";
  private static final Clock NOW = Clock.systemUTC();

  @TempDir static Path folder;
  private static Path keystore;
  private static Path passwordFile;
  private static Path certificate;

  @BeforeAll
  static void make_a_certificate() throws Exception {
    keystore = folder.resolve("worker.p12");
    passwordFile = Files.writeString(folder.resolve("password"), PASSWORD);
    certificate = folder.resolve("client.der");
    String keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
    Process process =
        new ProcessBuilder(
                keytool,
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
                keystore.toString(),
                "-storepass",
                PASSWORD)
            .redirectErrorStream(true)
            .start();
    assertThat(process.waitFor()).isZero();
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(keystore)) {
      keys.load(in, PASSWORD.toCharArray());
    }
    Files.write(certificate, keys.getCertificate("worker").getEncoded());
  }

  @Test
  void a_certificate_is_used_within_its_dates() throws Exception {
    assertThat(TlsIdentity.load(keystore, passwordFile, certificate, false, NOW).getProtocol())
        .isEqualTo("TLSv1.3");
  }

  @Test
  void an_own_certificate_outside_its_dates_is_refused_unless_it_is_allowed() throws Exception {
    Clock late = Clock.offset(NOW, Duration.ofDays(3));
    assertThatThrownBy(() -> TlsIdentity.load(keystore, passwordFile, null, false, late))
        .isInstanceOf(ProtocolException.class)
        .hasMessageStartingWith("the certificate 'worker' in " + keystore + " expired at 20")
        .hasMessageEndingWith("or allow it with --tls-allow-expired");
    Clock early = Clock.offset(NOW, Duration.ofDays(-1));
    assertThatThrownBy(() -> TlsIdentity.load(keystore, passwordFile, null, false, early))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("is not valid before 20");
    assertThat(TlsIdentity.load(keystore, passwordFile, null, true, late)).isNotNull();
  }

  @Test
  void a_trainers_certificate_outside_its_dates_is_refused_unless_it_is_allowed() throws Exception {
    Clock late = Clock.offset(NOW, Duration.ofDays(3));
    assertThatThrownBy(() -> TlsIdentity.load(keystore, passwordFile, certificate, false, late))
        .isInstanceOf(ProtocolException.class)
        .hasMessageStartingWith("the certificate in " + certificate + " expired at 20");
    assertThat(TlsIdentity.load(keystore, passwordFile, certificate, true, late)).isNotNull();
  }
}
