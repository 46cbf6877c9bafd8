package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.policy.PolicyFile;
import asymml.attest.policy.RunConfiguration;
import asymml.attest.release.Decision;
import asymml.attest.release.DecisionLog;
import asymml.attest.release.EvidenceReader;
import asymml.attest.release.KeyClient;
import asymml.attest.release.KeyGrant;
import asymml.attest.release.KeyOwner;
import asymml.attest.release.KeyServer;
import asymml.attest.release.OwnerAddress;
import asymml.attest.release.OwnerIdentity;
import asymml.attest.release.ReleaseException;
import asymml.attest.release.RequiredTee;
import asymml.attest.release.ServerListener;
import asymml.attest.seal.DataKey;
import asymml.attest.source.EvidenceSource;
import asymml.attest.source.None;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Keys over real TLS connections on this machine, with evidence of a simulated platform.
@SuppressWarnings("NullAway.Init") // a test that needs a server starts it
class KeyServerTest {
  private static final Duration LONG = Duration.ofMinutes(2);
  private static final String PASSWORD = "for this test only";

  @TempDir Path folder;

  private final DataKey key = DataKey.draw(new SecureRandom());
  private final BlockingQueue<Decision> decisions = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> failures = new LinkedBlockingQueue<>();
  private static SimulatedPlatform platform;
  private TestAuthority owner;
  private Path logFile;
  private DecisionLog log;
  private KeyServer server;
  private FutureTask<Void> serving;

  @BeforeAll
  static void there_is_a_platform() throws Exception {
    platform = new SimulatedPlatform();
  }

  @BeforeEach
  void an_owner_has_keys_and_a_log() throws Exception {
    platform.debug = false;
    platform.write(folder.resolve("collateral"));
    owner = TestAuthority.root("owner", 256);
    KeyStore keys = KeyStore.getInstance("PKCS12");
    keys.load(null, null);
    keys.setKeyEntry(
        "owner",
        owner.keys().getPrivate(),
        PASSWORD.toCharArray(),
        new Certificate[] {owner.certificate()});
    try (OutputStream out = Files.newOutputStream(folder.resolve("owner.p12"))) {
      keys.store(out, PASSWORD.toCharArray());
    }
    Files.writeString(folder.resolve("password"), PASSWORD + "\n");
    Files.writeString(folder.resolve("owner.pem"), owner.pem());
    logFile = folder.resolve("owner.log");
    log = DecisionLog.open(logFile);
  }

  @AfterEach
  void the_owner_ends() throws Exception {
    if (server != null) {
      server.close();
      serving.get();
    }
    log.close();
    key.close();
  }

  private void serve(KeyServer.Limits limits) throws Exception {
    OwnerIdentity identity =
        OwnerIdentity.load(folder.resolve("owner.p12"), folder.resolve("password"));
    KeyOwner decides =
        new KeyOwner(
            identity.key(),
            PolicyFile.parse(
                platform.specimen.policy() + platform.simulation() + KeyReleaseTest.RUN),
            new EvidenceReader(Optional.of(folder.resolve("collateral")), Optional.empty()),
            key,
            new SettableClock(SimulatedPlatform.AT),
            new SecureRandom());
    ServerListener listener =
        new ServerListener() {
          @Override
          public void decided(Decision decision) {
            decisions.add(decision);
          }

          @Override
          public void failed(String line) {
            failures.add(line);
          }
        };
    server =
        new KeyServer(
            identity, OwnerAddress.parse("tls:127.0.0.1:0"), decides, log, limits, listener);
    serving =
        new FutureTask<>(() -> {
          server.serve();
          return null;
        });
    Thread.ofPlatform().daemon().start(serving);
  }

  private void serve() throws Exception {
    serve(new KeyServer.Limits(4, LONG));
  }

  /// Gramine's files, behind which a thread makes a quote about what is written to them.
  private EvidenceSource gramine() throws Exception {
    Path root = Files.createTempDirectory(folder, "trainer");
    Path attestation = Files.createDirectories(root.resolve("dev/attestation"));
    Files.writeString(attestation.resolve("attestation_type"), "dcap");
    for (String name : List.of("user_report_data", "quote")) {
      Path pipe = attestation.resolve(name);
      assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    }
    Thread.ofPlatform()
        .daemon()
        .start(
            new FutureTask<>(() -> {
              byte[] data = Files.readAllBytes(attestation.resolve("user_report_data"));
              return Files.write(attestation.resolve("quote"), platform.quote(data));
            }));
    return EvidenceSource.find(root, LONG);
  }

  private OwnerAddress address() {
    return new OwnerAddress("127.0.0.1", server.port());
  }

  private KeyGrant ask(Path certificate, EvidenceSource source) throws Exception {
    return ask(certificate, source, RequiredTee.SGX);
  }

  private KeyGrant ask(Path certificate, EvidenceSource source, RequiredTee tee) throws Exception {
    return KeyClient.request(
        address(),
        OwnerIdentity.pinned(certificate),
        RunConfiguration.of(KeyReleaseTest.SETTINGS),
        source,
        tee,
        LONG);
  }

  @Test
  void a_trainer_in_another_tee_than_is_required_asks_for_nothing() throws Exception {
    serve();
    assertThatThrownBy(() -> ask(folder.resolve("owner.pem"), gramine(), RequiredTee.SNP))
        .isInstanceOf(EvidenceException.class)
        .hasMessage("this process has evidence of sgx, and snp is required");
    assertThat(logFile).isEmptyFile();
  }

  @Test
  void an_accepted_trainer_gets_the_key_and_the_log_says_so() throws Exception {
    serve();
    try (KeyGrant released = ask(folder.resolve("owner.pem"), gramine())) {
      assertThat(released.key().id()).isEqualTo(key.id());
      assertThat(released.evidence().provider()).isEqualTo("gramine");
    }
    Decision decision = decisions.take();
    assertThat(decision.granted()).isTrue();
    String line = Files.readString(logFile);
    assertThat(line)
        .hasLineCount(1)
        .contains("\"verdict\":\"granted\"", "SIMULATION: not a vendor's root");
    assertThat(Files.getPosixFilePermissions(logFile))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    key.write(folder.resolve("data.key"));
    String hex = Files.readString(folder.resolve("data.key")).strip().split(" ", -1)[1];
    assertThat(line)
        .doesNotContain(hex)
        .doesNotContain(new String(HexFormat.of().parseHex(hex), StandardCharsets.ISO_8859_1));
  }

  @Test
  void a_refused_trainer_is_told_to_see_the_log_which_has_the_reasons() throws Exception {
    serve();
    platform.debug = true;
    assertThatThrownBy(() -> ask(folder.resolve("owner.pem"), gramine()))
        .isInstanceOf(ReleaseException.class)
        .hasMessage(address() + ": refused, see the owner's log");
    List<Decision> logged = new ArrayList<>();
    assertThat(DecisionLog.read(logFile, logged::add)).isEmpty();
    assertThat(logged).containsExactly(decisions.take());
    assertThat(logged.getFirst().reasons())
        .containsExactly(
            "debug: found a TEE whose memory the host can read; expected debug switched off; no"
                + " policy key accepts this");
  }

  @Test
  void a_trainer_speaks_to_no_server_with_another_key() throws Exception {
    serve();
    Files.writeString(folder.resolve("other.pem"), TestAuthority.root("owner", 256).pem());
    assertThatThrownBy(() -> ask(folder.resolve("other.pem"), new None("never asked")))
        .isInstanceOf(ReleaseException.class)
        .hasMessageContaining("the server's key has the SHA-256 ")
        .hasMessageContaining(OwnerIdentity.fingerprint(owner.keys().getPublic()));
    assertThat(failures.take()).startsWith("connection from 127.0.0.1:");
    assertThat(logFile).isEmptyFile();
  }

  @Test
  void a_trainer_without_a_tee_asks_for_nothing() throws Exception {
    serve();
    assertThatThrownBy(() -> ask(folder.resolve("owner.pem"), new None("no TEE")))
        .hasMessageContaining("no evidence: no TEE");
    assertThat(failures.take()).contains("ended the connection before its message");
    assertThat(logFile).isEmptyFile();
  }

  private SSLSocket connect(String protocol) throws Exception {
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("owner", owner.certificate());
    TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
    managers.init(trusted);
    SSLContext context = SSLContext.getInstance(protocol);
    context.init(null, managers.getTrustManagers(), null);
    SSLSocket socket =
        (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", server.port());
    socket.setEnabledProtocols(new String[] {protocol});
    return socket;
  }

  @Test
  void garbled_and_oversized_messages_are_refused_and_logged() throws Exception {
    serve();
    byte[] nothing = new byte[4];
    byte[] endless = ByteBuffer.allocate(4).putInt(-1).array();
    byte[] large = ByteBuffer.allocate(4).putInt(1 << 20).array();
    byte[] unknown = {0, 0, 0, 1, 9};
    byte[] challenge = {0, 0, 0, 1, 4};
    for (byte[] sent : List.of(nothing, endless, large, unknown, challenge)) {
      try (SSLSocket socket = connect("TLSv1.3")) {
        socket.getOutputStream().write(sent);
        int size = ByteBuffer.wrap(socket.getInputStream().readNBytes(4)).getInt();
        socket.getInputStream().readNBytes(size);
        byte[] refusal = {0, 0, 0, 1, KeyOwner.refusal()[0]};
        assertThat(socket.getInputStream().readAllBytes()).isEqualTo(refusal);
      }
      assertThat(decisions.take().reasons()).singleElement().asString().startsWith("request: ");
    }
    assertThat(Files.readString(logFile)).hasLineCount(5);
  }

  @Test
  void older_tls_is_refused() throws Exception {
    serve();
    try (SSLSocket socket = connect("TLSv1.2")) {
      assertThatThrownBy(socket::startHandshake).isInstanceOf(SSLException.class);
    }
    assertThat(failures.take()).isNotBlank();
  }

  @Test
  void connections_are_bounded_and_each_has_a_deadline() throws Exception {
    serve(new KeyServer.Limits(1, LONG));
    try (Socket first = new Socket(InetAddress.getLoopbackAddress(), server.port());
        Socket second = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      assertThat(second.getInputStream().read()).isNegative();
      assertThat(failures.take()).endsWith("turned away: 1 connections are open");
      assertThat(first.isClosed()).isFalse();
    }
    assertThat(failures.take()).contains(" ended: ");
    server.close();
    serving.get();
    serve(new KeyServer.Limits(1, Duration.ofMillis(50)));
    try (Socket silent = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      assertThat(silent.getInputStream().read()).isNegative();
    }
    assertThat(failures.take()).endsWith("did not finish within 0 s");
  }

  @Test
  void what_cannot_be_logged_is_not_released() throws Exception {
    serve();
    log.close();
    assertThatThrownBy(() -> ask(folder.resolve("owner.pem"), gramine()))
        .hasMessageContaining("refused, see the owner's log");
    assertThat(failures.take()).startsWith("refused, since the log cannot be written: ");
    assertThat(decisions).isEmpty();
  }

  @Test
  void a_log_is_appended_to_after_a_torn_line_and_has_one_writer() throws Exception {
    assertThatThrownBy(() -> DecisionLog.open(logFile)).hasMessageContaining("is in use already");
    log.close();
    Files.writeString(logFile, "{\"at\":\"2025");
    log = DecisionLog.open(logFile);
    Decision decision =
        new Decision(
            SimulatedPlatform.AT, "p", false, false, "", "", "", "ab", List.of("r\n\u001b\u00e9"));
    log.append(decision);
    List<Decision> read = new ArrayList<>();
    assertThat(DecisionLog.read(logFile, read::add)).containsExactly(1);
    assertThat(read).containsExactly(decision);
    assertThat(Files.readString(logFile)).hasLineCount(2).matches("[\\x20-\\x7e\\n]+");
  }

  @Test
  void mistakes_with_files_are_one_line() throws IOException {
    Path keys = folder.resolve("owner.p12");
    assertThatThrownBy(() -> OwnerIdentity.load(folder.resolve("none"), keys))
        .hasMessage("no such file: " + folder.resolve("none"));
    Files.writeString(folder.resolve("wrong"), "wrong");
    assertThatThrownBy(() -> OwnerIdentity.load(keys, folder.resolve("wrong")))
        .hasMessageStartingWith("cannot use " + keys + " with the password in ");
    assertThatThrownBy(() -> OwnerIdentity.pinned(folder.resolve("wrong")))
        .hasMessageContaining("is no certificate");
    for (String wrong : List.of("127.0.0.1:1", "tls:x", "tls::1", "tls:::1:2", "tls:h:70000")) {
      assertThatThrownBy(() -> OwnerAddress.parse(wrong))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(OwnerAddress.parse("tls:[::1]:4433")).hasToString("tls:[::1]:4433");
  }
}
