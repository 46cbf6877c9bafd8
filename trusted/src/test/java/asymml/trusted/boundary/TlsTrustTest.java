package asymml.trusted.boundary;

import static asymml.trusted.boundary.FakeWorker.soon;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.wire.Message;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Which workers are who they should be: `signer` has signed the certificate of `worker`.
class TlsTrustTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  @TempDir static Path folder;
  private static Certificates certificates;

  @TempDir Path own;

  @BeforeAll
  static void make_certificates() throws Exception {
    certificates = new Certificates(folder);
    certificates.add("signer", "-ext", "bc:c");
    certificates.addSigned("worker", "signer");
    certificates.add("other");
  }

  private TlsTrust trust(String... names) throws Exception {
    StringBuilder text = new StringBuilder();
    for (String name : names) {
      text.append(certificates.pem(name));
    }
    return TlsTrust.ofCertificates(Files.writeString(own.resolve("accepted.pem"), text));
  }

  @Test
  void the_keys_are_those_of_all_certificates_in_the_file() throws Exception {
    assertThat(trust("worker").keys()).containsExactly(certificates.key("worker"));
    assertThat(trust("worker", "other", "worker").keys())
        .containsExactlyInAnyOrder(certificates.key("worker"), certificates.key("other"));
    assertThatThrownBy(() -> trust("worker").keys().clear())
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void a_binary_certificate_is_as_good_as_a_text() throws Exception {
    Path file = Files.write(own.resolve("accepted.der"), certificates.der("other"));
    assertThat(TlsTrust.ofCertificates(file).keys()).containsExactly(certificates.key("other"));
  }

  @Test
  void a_file_without_certificates_is_named_with_the_reason() throws Exception {
    Path empty = Files.createFile(own.resolve("empty.pem"));
    assertThatThrownBy(() -> TlsTrust.ofCertificates(empty))
        .isInstanceOf(IOException.class)
        .hasMessage("no certificate in " + empty);
    Path half = own.resolve("half.pem");
    String pem = certificates.pem("worker");
    Files.writeString(half, pem.substring(0, pem.length() / 2));
    assertThatThrownBy(() -> TlsTrust.ofCertificates(half))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("not a file of X.509 certificates: " + half + " (");
    Path absent = own.resolve("absent.pem");
    assertThatThrownBy(() -> TlsTrust.ofCertificates(absent))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot read " + absent + ": no such file or directory");
  }

  @Test
  void a_certificate_outside_its_dates_is_refused_unless_it_is_allowed() throws Exception {
    Path file = Files.writeString(own.resolve("dated.pem"), certificates.pem("other"));
    Clock early = Clock.offset(Clock.systemUTC(), Duration.ofDays(-1));
    Clock late = Clock.offset(Clock.systemUTC(), Duration.ofDays(3));
    assertThatThrownBy(() -> TlsTrust.ofCertificates(file, late, false))
        .isInstanceOf(ProtocolException.class)
        .hasMessageStartingWith("the certificate in " + file + " expired at 20")
        .hasMessageEndingWith("or allow it with --tls-allow-expired");
    assertThatThrownBy(() -> TlsTrust.ofCertificates(file, early, false))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining(" is not valid before 20");
    for (Clock clock : new Clock[] {early, late}) {
      assertThat(TlsTrust.ofCertificates(file, clock, true).keys())
          .containsExactly(certificates.key("other"));
    }
  }

  /// A worker that waits for the goodbye.
  private static FakeWorker worker(String name) throws Exception {
    return FakeWorker.remote(
        certificates.identity(name),
        FakeWorker.politely(
            (link, _) -> assertThat(link.receive(soon())).isInstanceOf(Message.Bye.class)));
  }

  /// By the certificate itself, whoever signed it, or by that of the signer; the host's name, which
  /// stands in neither, decides nothing.
  @Test
  void a_worker_is_accepted_by_its_certificate_or_by_that_of_its_signer() throws Exception {
    for (String accepted : new String[] {"worker", "signer"}) {
      TlsTrust trust = trust(accepted, "other");
      try (FakeWorker fake = worker("worker");
          RemoteWorker connected = RemoteWorker.connect(fake.address(), trust, LIMIT)) {
        assertThat(connected.key()).contains(certificates.key("worker"));
        assertThat(trust.keys().contains(certificates.key("worker")))
            .isEqualTo(accepted.equals("worker"));
      }
    }
  }

  @Test
  void a_worker_with_another_key_is_refused_and_a_certificate_vouches_for_no_signer()
      throws Exception {
    String[][] pairs = {{"other", "worker"}, {"other", "signer"}, {"signer", "worker"}};
    for (String[] pair : pairs) {
      try (FakeWorker fake = worker(pair[0])) {
        assertThatThrownBy(() -> RemoteWorker.connect(fake.address(), trust(pair[1]), LIMIT))
            .as("%s where %s is accepted", pair[0], pair[1])
            .isInstanceOf(ProtocolException.class)
            .hasMessageStartingWith("no connection to the worker at tls:127.0.0.1:");
        // It waits for the right trainer.
        RemoteWorker.connect(fake.address(), trust(pair[0]), LIMIT).close();
      }
    }
  }
}
