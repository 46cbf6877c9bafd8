package asymml.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HttpsTest {
  private static final char[] PASSWORD = "for this test only".toCharArray();

  @TempDir static Path shared;
  private static Path trained;
  private static Party server;
  private static Party client;

  /// A certificate with its key, made by this JDK's keytool.
  private record Party(KeyStore keys, Path certificate, Path key) {
    static Party of(String name, String algorithm, String... more) throws Exception {
      Path file = shared.resolve(name + ".p12");
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
      command.addAll(List.of("-genkeypair", "-alias", "it", "-keyalg", algorithm));
      command.addAll(List.of("-dname", "CN=" + name, "-storetype", "PKCS12"));
      command.addAll(List.of("-ext", "san=ip:127.0.0.1"));
      command.addAll(List.of("-keystore", file.toString(), "-storepass", new String(PASSWORD)));
      command.addAll(List.of(more));
      assertThat(new ProcessBuilder(command).redirectErrorStream(true).start().waitFor()).isZero();
      KeyStore keys = KeyStore.getInstance(file.toFile(), PASSWORD);
      Key key = keys.getKey("it", PASSWORD);
      return new Party(
          keys,
          pem(name + ".pem", "CERTIFICATE", keys.getCertificate("it").getEncoded()),
          pem(name + ".key", "PRIVATE KEY", key.getEncoded()));
    }

    private static Path pem(String name, String what, byte[] der) throws IOException {
      return Files.writeString(
          shared.resolve(name),
          "-----BEGIN %s-----\n%s\n-----END %s-----\n"
              .formatted(what, Base64.getMimeEncoder().encodeToString(der), what));
    }

    /// A client that trusts a server and can show the certificates of a store.
    static HttpClient trusting(Certificate trusted, KeyStore own) throws Exception {
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      store.setCertificateEntry("server", trusted);
      TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
      trust.init(store);
      KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
      keys.init(own, PASSWORD);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
      return HttpClient.newBuilder().sslContext(context).build();
    }
  }

  @BeforeAll
  static void train() throws Exception {
    trained = ServedRun.train(shared.resolve("run"));
    server = Party.of("server", "EC");
    client = Party.of("client", "EC");
  }

  private static HttpResponse<String> classify(HttpClient with, Serving serving) throws Exception {
    return with.send(
        HttpRequest.newBuilder(
                URI.create("https://127.0.0.1:" + serving.server.port() + "/classify"))
            .header("Content-Type", "image/png")
            .POST(HttpRequest.BodyPublishers.ofByteArray(ServedRun.png(1)))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void images_are_classified_by_https_and_http_is_not_understood() throws Exception {
    HttpsFiles files = new HttpsFiles(server.certificate, server.key, null);
    try (Serving serving = new Serving(trained, Serving.LIMITS, files);
        HttpClient with = Party.trusting(server.keys.getCertificate("it"), client.keys)) {
      serving.compute();
      HttpResponse<String> answer = classify(with, serving);
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
      String plain =
          serving.raw(
              "GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(StandardCharsets.US_ASCII), false);
      assertThat(plain).doesNotContain("HTTP");
    }
  }

  @Test
  void only_clients_whose_certificates_are_known_are_let_in() throws Exception {
    HttpsFiles files = new HttpsFiles(server.certificate, server.key, client.certificate);
    Certificate trusted = server.keys.getCertificate("it");
    Party stranger = Party.of("stranger", "RSA");
    try (Serving serving = new Serving(trained, Serving.LIMITS, files);
        HttpClient known = Party.trusting(trusted, client.keys);
        HttpClient unknown = Party.trusting(trusted, stranger.keys)) {
      serving.compute();
      assertThat(classify(known, serving).statusCode()).isEqualTo(200);
      assertThatThrownBy(() -> classify(unknown, serving)).isInstanceOf(IOException.class);
    }
  }

  @Test
  void a_handshake_that_does_not_go_on_is_ended() throws Exception {
    HttpsFiles files = new HttpsFiles(server.certificate, server.key, null);
    ServeLimits limits = new ServeLimits(16, 1 << 16, 64, Duration.ofSeconds(1), Duration.ZERO);
    try (Serving serving = new Serving(trained, limits, files)) {
      try (Socket silent = serving.connect()) {
        assertThat(Serving.all(silent.getInputStream())).isEmpty();
      }
      try (Socket begun = serving.connect()) {
        begun.getOutputStream().write(new byte[] {22, 3, 1, 2, 0, 1});
        assertThat(Serving.all(begun.getInputStream())).doesNotContain("HTTP");
      }
    }
  }

  @Test
  void files_that_do_not_fit_are_said_in_one_line() throws Exception {
    Path none = shared.resolve("none");
    refused(new HttpsFiles(none, server.key, null), "cannot read " + none);
    refused(new HttpsFiles(server.certificate, none, null), "cannot read " + none);
    refused(new HttpsFiles(server.certificate, server.key, none), "cannot read " + none);
    refused(
        new HttpsFiles(server.certificate, client.key, null),
        server.certificate.getFileName().toString(),
        "is not the key of the first certificate");
    refused(new HttpsFiles(server.key, server.key, null), "the certificates in " + server.key);
    Path text = Files.writeString(shared.resolve("text"), "");
    refused(new HttpsFiles(text, server.key, null), "no certificate in " + text);
    refused(new HttpsFiles(server.certificate, text, null), "openssl pkcs8 -topk8 -nocrypt");
    Party rsa = Party.of("rsa", "RSA");
    refused(new HttpsFiles(server.certificate, rsa.key, null), "no private key of the kind EC");
    assertThat(new HttpsFiles(rsa.certificate, rsa.key, null).context()).isNotNull();
    Party old = Party.of("old", "EC", "-startdate", "-3d", "-validity", "1");
    refused(new HttpsFiles(old.certificate, old.key, null), "the certificates in", "NotAfter");
  }

  private static void refused(HttpsFiles files, String... why) {
    assertThatThrownBy(files::context)
        .isInstanceOf(IOException.class)
        .satisfies(e -> assertThat(e.getMessage()).contains(why).doesNotContain("\n"));
  }
}
