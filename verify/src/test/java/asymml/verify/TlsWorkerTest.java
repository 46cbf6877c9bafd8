package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.trusted.boundary.TlsTrust;
import asymml.untrusted.WorkerThread;
import asymml.wire.Encoding;
import asymml.wire.ProtocolException;
import asymml.wire.WorkerAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A worker that is reached by TLS: tensors go through the stream.
class TlsWorkerTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final ConvShape SMALL = new ConvShape(3, 7, 5, 6, 9, 3, 3, 2, 1);

  // 8 MB each way per request: far beyond what sockets buffer.
  private static final ConvShape WIDE = new ConvShape(128, 16, 16, 64, 64, 1, 1, 1, 0);

  @TempDir static Path folder;
  private final List<WorkerThread> workers = new ArrayList<>();
  private WorkerAddress address;

  @BeforeAll
  static void make_certificates() throws Exception {
    for (String name : List.of("worker", "other")) {
      Path keystore = folder.resolve(name + ".p12");
      keytool(
          "-genkeypair",
          "-alias",
          name,
          "-keyalg",
          "EC",
          "-dname",
          "CN=" + name,
          "-validity",
          "2",
          "-storetype",
          "PKCS12",
          "-keystore",
          keystore.toString());
      keytool(
          "-exportcert",
          "-rfc",
          "-alias",
          name,
          "-keystore",
          keystore.toString(),
          "-file",
          folder.resolve(name + ".pem").toString());
    }
    Files.writeString(folder.resolve("password"), "for this test only\n");
  }

  private static void keytool(String... args) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of(args));
    command.addAll(List.of("-storepass", "for this test only"));
    assertThat(new ProcessBuilder(command).redirectErrorStream(true).start().waitFor()).isZero();
  }

  @BeforeEach
  void start_a_worker() throws Exception {
    address = start("worker");
  }

  private WorkerAddress start(String name, String... more) throws Exception {
    List<String> options =
        new ArrayList<>(
            List.of(
                "--accept-seconds",
                "300",
                "--tls-keystore",
                folder.resolve(name + ".p12").toString(),
                "--tls-password-file",
                folder.resolve("password").toString()));
    options.addAll(List.of(more));
    WorkerThread worker = WorkerThread.at("tls:127.0.0.1:0", options.toArray(String[]::new));
    workers.add(worker);
    Matcher ready =
        Pattern.compile(
                "worker listening on (tls:127\\.0\\.0\\.1:\\d+), backend cpu \\(oneDNN [0-9.]+\\),"
                    + " float32, UNTRUSTED: receives what the release door releases")
            .matcher(worker.readyLine());
    assertThat(ready.matches()).isTrue();
    return WorkerAddress.parse(ready.group(1));
  }

  @AfterEach
  void the_workers_have_left() throws Exception {
    for (WorkerThread worker : workers) {
      assertThat(worker.awaitEnd()).isZero();
      worker.close();
    }
  }

  private static TlsTrust trust(String name) throws IOException {
    return TlsTrust.ofCertificates(folder.resolve(name + ".pem"));
  }

  @Test
  void a_remote_worker_computes_what_is_computed_here_and_counts_the_same_bytes() throws Exception {
    try (RemoteWorker worker = RemoteWorker.connect(address, trust("worker"), LIMIT);
        Exchange exchange = new Exchange(worker, SMALL, 41)) {
      exchange.run();
      exchange.assertSameAsHere();
      assertThat(worker.bytesToWorker()).isEqualTo(exchange.bytesOut());
      assertThat(worker.bytesFromWorker()).isEqualTo(exchange.bytesBack());
    }
  }

  @Test
  void rounded_on_the_line_half_the_bytes_give_results_to_three_digits() throws Exception {
    try (RemoteWorker worker = RemoteWorker.connect(address, trust("worker"), LIMIT)) {
      worker.encode(Encoding.BFLOAT16);
      try (Exchange exchange = new Exchange(worker, SMALL, 43)) {
        exchange.run();
        exchange.assertWithin(1e-4, 5e-3);
        assertThat(worker.bytesToWorker()).isEqualTo(exchange.bytesOut() / 2);
        assertThat(worker.bytesFromWorker()).isEqualTo(exchange.bytesBack() / 2);
      }
    }
  }

  @Test
  void both_sides_may_send_much_at_the_same_time() throws Exception {
    try (RemoteWorker worker = RemoteWorker.connect(address, trust("worker"), LIMIT);
        Exchange exchange = new Exchange(worker, WIDE, 42)) {
      exchange.loadWeights();
      Ticket last = new Ticket(0);
      for (int i = 0; i < 6; i++) {
        last = exchange.forward(exchange.releaseX());
      }
      worker.await(last);
      exchange.run();
      exchange.assertSameAsHere();
    }
  }

  @Test
  void a_worker_with_another_certificate_is_refused_and_it_waits_for_the_right_trainer()
      throws Exception {
    assertThatThrownBy(() -> RemoteWorker.connect(address, trust("other"), LIMIT))
        .isInstanceOf(ProtocolException.class)
        .hasMessageStartingWith("no connection to the worker at tls:127.0.0.1:");
    RemoteWorker.connect(address, trust("worker"), LIMIT).close();
  }

  @Test
  void a_second_trainer_is_refused_and_the_first_is_served_on() throws Exception {
    try (RemoteWorker worker = RemoteWorker.connect(address, trust("worker"), LIMIT);
        Exchange exchange = new Exchange(worker, SMALL, 45)) {
      assertThatThrownBy(() -> RemoteWorker.connect(address, trust("worker"), LIMIT))
          .isInstanceOf(ProtocolException.class)
          .hasMessageStartingWith("no connection to the worker at tls:127.0.0.1:")
          .hasMessageNotContainingAny("Exception", "\n");
      exchange.run();
      exchange.assertSameAsHere();
    }
  }

  @Test
  void a_worker_proves_to_hold_the_key_of_its_certificate() throws Exception {
    try (RemoteWorker one = RemoteWorker.connect(address, trust("worker"), LIMIT);
        RemoteWorker two = RemoteWorker.connect(start("worker"), trust("worker"), LIMIT);
        RemoteWorker other = RemoteWorker.connect(start("other"), trust("other"), LIMIT)) {
      assertThat(one.key()).isPresent().isEqualTo(two.key());
      assertThat(other.key()).isPresent().isNotEqualTo(one.key());
      assertThat(trust("worker").keys()).containsExactly(one.key().orElseThrow());
      assertThat(trust("other").keys()).containsExactly(other.key().orElseThrow());
    }
  }

  @Test
  void a_worker_that_pins_its_clients_serves_them_alone() throws Exception {
    WorkerAddress pinned = start("worker", "--tls-clients", folder.resolve("other.pem").toString());
    Path password = folder.resolve("password");
    assertThatThrownBy(() -> RemoteWorker.connect(pinned, trust("worker"), LIMIT))
        .isInstanceOf(ProtocolException.class);
    TlsTrust stranger =
        trust("worker").withKey(folder.resolve("worker.p12"), password, Clock.systemUTC(), false);
    assertThatThrownBy(() -> RemoteWorker.connect(pinned, stranger, LIMIT))
        .isInstanceOf(ProtocolException.class);
    TlsTrust client =
        trust("worker").withKey(folder.resolve("other.p12"), password, Clock.systemUTC(), false);
    try (RemoteWorker worker = RemoteWorker.connect(pinned, client, LIMIT);
        Exchange exchange = new Exchange(worker, SMALL, 44)) {
      exchange.run();
      exchange.assertSameAsHere();
    }
    RemoteWorker.connect(address, trust("worker"), LIMIT).close();
  }

  @Test
  void a_file_without_certificates_is_refused() throws Exception {
    Path empty = Files.createFile(folder.resolve("empty.pem"));
    assertThatThrownBy(() -> TlsTrust.ofCertificates(empty))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no certificate in");
    Path rubbish = Files.writeString(folder.resolve("rubbish.pem"), "rubbish");
    assertThatThrownBy(() -> TlsTrust.ofCertificates(rubbish)).isInstanceOf(IOException.class);
    RemoteWorker.connect(address, trust("worker"), LIMIT).close();
  }
}
