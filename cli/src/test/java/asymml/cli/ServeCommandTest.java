package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/// `asymml serve`, with a worker process of its own.
class ServeCommandTest {
  @TempDir static Path folder;

  private static Path run = Path.of("");
  private static Path image = Path.of("");

  @BeforeAll
  static void train() throws Exception {
    run = folder.resolve("run");
    Outcome outcome =
        Outcome.of(
            ("train --mode trusted-only --limit-train 64 --limit-test 20 --batch-size 32 --epochs 1"
                    + " --progress plain --out "
                    + run)
                .split(" "));
    assertThat(outcome.code()).isZero();
    image = folder.resolve("image.png");
    ImageIO.write(new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB), "png", image.toFile());
  }

  /// Hands out what is printed, flush by flush.
  private static final class Printed extends StringWriter {
    private final BlockingQueue<String> texts = new LinkedBlockingQueue<>();

    @Override
    public void flush() {
      texts.add(toString());
    }

    Matcher until(String pattern) throws InterruptedException {
      while (true) {
        Matcher matcher = Pattern.compile(pattern).matcher(texts.take());
        if (matcher.find()) {
          return matcher;
        }
      }
    }
  }

  /// Serves, asks for the classes of one image, and ends it with SIGTERM.
  private static String served(String... more) throws Exception {
    Printed out = new Printed();
    StringWriter err = new StringWriter();
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
    String[] arguments = new String[5 + more.length];
    System.arraycopy(
        new String[] {"serve", "--run", run.toString(), "--listen", "127.0.0.1:0"},
        0,
        arguments,
        0,
        5);
    System.arraycopy(more, 0, arguments, 5, more.length);
    FutureTask<Integer> server = new FutureTask<>(() -> Main.execute(line, arguments));
    Thread.ofPlatform().daemon().start(server);
    String address = out.until("serving  (http://127.0.0.1:[0-9]+)/v2/models/cnn ").group(1);
    try (HttpClient client = HttpClient.newHttpClient()) {
      HttpResponse<String> answer =
          client.send(
              HttpRequest.newBuilder(URI.create(address + "/classify"))
                  .header("Content-Type", "image/png")
                  .POST(HttpRequest.BodyPublishers.ofFile(image))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.body()).startsWith("{\"model\":\"cnn\",\"class\":\"");
    }
    String self = String.valueOf(ProcessHandle.current().pid());
    assertThat(new ProcessBuilder("kill", "-TERM", self).start().waitFor()).isZero();
    assertThat(server.get()).isEqualTo(143);
    assertThat(err.toString()).contains("stopping when all requests are answered");
    return out.toString();
  }

  @Test
  void without_a_worker_nothing_is_released_and_no_query_is_counted() throws Exception {
    assertThat(served())
        .contains(
            "worker   none: all is computed here, and nothing is released to a worker",
            "not running in a TEE (simulation, not protected)",
            "clients  all who reach the address, without TLS",
            "privacy  training images, against clients: released model: no (epsilon, delta) is"
                + " claimed",
            "/classify: 32x32x3 images, 10 classes")
        .doesNotContain("queries");
    assertThat(run.resolve("queries.jsonl")).doesNotExist();
  }

  @Test
  void with_a_worker_the_start_says_what_it_computes_and_queries_are_counted() throws Exception {
    assertThat(served("--worker", "local", "--noise-ratio", "0", "--batch-size", "2"))
        .contains(
            "linear layers at the worker",
            "worker   UNTRUSTED: cpu",
            "queries  1 images sent now, 1 since the model was trained: see queries.jsonl",
            "no guarantee (epsilon infinite)");
    assertThat(Files.readString(run.resolve("queries.jsonl"))).contains("\"queries\":1");
    Files.delete(run.resolve("queries.jsonl"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --batch-size 4                 | --batch-size has no effect without --worker
          --batch-wait 4                 | --batch-wait has no effect without --worker
          --noise-ratio 0.1              | --noise-ratio has no effect without --worker
          --worker local --batch-size 0  | --batch-size must be at least 1: 0
          --queue 0                      | images in the queue must be 1 to 65536: 0
          --connections 0                | connections must be 1 to 65536: 0
          --request-timeout 0            | a request may take 1 to 3600 s: 0
          --max-body 0                   | --max-body is 1 to 1024 MiB: 0
          --listen 127.0.0.1             | --listen is HOST:PORT, such as 127.0.0.1:8080
          --listen 127.0.0.1:99999       | a port is 0 to 65535: 99999
          --listen a@127.0.0.1:80        | --listen is HOST:PORT, such as 127.0.0.1:8080
          --listen 0.0.0.0:0             | other machines reach 0.0.0.0:0: give --https-certificate
          --https-certificate a.pem      | HTTPS needs both --https-certificate and --https-key
          --https-clients a.pem          | HTTPS needs both --https-certificate and --https-key
          --plain-http --https-certificate a --https-key b | --plain-http has no effect with --https
          --name a/b                     | a model's name has 1 to 64 letters, digits
          """)
  void mistakes_end_in_one_line(String options, String message) {
    Outcome outcome = Outcome.of(("serve --run " + run + " " + options).split(" "));
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).startsWith("asymml: ").contains(message).hasLineCount(1);
  }

  @Test
  void files_of_tls_that_are_not_there_end_it_with_one_line() {
    Outcome outcome =
        Outcome.of(
            "serve",
            "--run",
            run.toString(),
            "--https-certificate",
            "none.pem",
            "--https-key",
            "none.key");
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err())
        .isEqualTo("asymml: cannot read none.pem: no such file or directory\n");
  }
}
