package asymml.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Many requests from many clients, and requests of every kind that is wrong. The system properties
/// `asymml.serve.requests` and `asymml.serve.malformed` raise their numbers; figures are printed.
class AbuseTest {
  private static final int REQUESTS = Integer.getInteger("asymml.serve.requests", 200);
  private static final int MALFORMED = Integer.getInteger("asymml.serve.malformed", 200);
  private static final int CLIENTS = 32;
  private static final Pattern BUCKET =
      Pattern.compile(
          "asymml_request_seconds_bucket\\{endpoint=\"classify\",le=\"([^\"]+)\"\\} (\\d+)");

  @TempDir static Path shared;
  private static Path trained;

  @BeforeAll
  static void train() throws Exception {
    trained = ServedRun.train(shared.resolve("run"));
  }

  /// Does something so many times, in all, from [#CLIENTS] threads.
  private interface Work {
    void run(int number) throws Exception;
  }

  private static void spread(int count, Work work) throws Exception {
    AtomicInteger next = new AtomicInteger();
    List<FutureTask<Void>> all = new ArrayList<>();
    for (int c = 0; c < CLIENTS; c++) {
      FutureTask<Void> task =
          new FutureTask<>(() -> {
            for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
              work.run(i);
            }
            return null;
          });
      all.add(task);
      Thread.ofPlatform().daemon().start(task);
    }
    for (FutureTask<Void> each : all) {
      each.get();
    }
  }

  @Test
  void of_requests_from_many_clients_none_is_lost() throws Exception {
    ServeLimits limits = new ServeLimits(64, 1 << 16, 64, Duration.ofSeconds(60), Duration.ZERO);
    String metrics;
    try (Serving serving = Serving.of(trained, limits)) {
      String[] expected = new String[10];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = serving.send(serving.image(ServedRun.png(i))).body();
      }
      spread(
          REQUESTS,
          i -> {
            HttpResponse<String> answer =
                serving.send(serving.image(ServedRun.png(i % expected.length)));
            assertThat(answer.statusCode()).isEqualTo(200);
            assertThat(answer.body()).isEqualTo(expected[i % expected.length]);
          });
      int all = REQUESTS + expected.length;
      serving.awaitMetric("asymml_requests_total{endpoint=\"classify\",status=\"200\"} " + all);
      serving.awaitMetric("asymml_images_total " + all);
      metrics = serving.get("/metrics").body();
    }
    System.out.printf(
        "%n%s requests from %s clients, none lost; by /metrics half took at most %s s, 99 %% at"
            + " most %s s%n",
        REQUESTS, CLIENTS, quantile(metrics, 0.5), quantile(metrics, 0.99));
  }

  /// The bound of the bucket in which a share of the times is.
  private static String quantile(String metrics, double share) {
    List<MatchResult> buckets = BUCKET.matcher(metrics).results().toList();
    double all = Double.parseDouble(buckets.getLast().group(2));
    return buckets.stream()
        .filter(bucket -> Double.parseDouble(bucket.group(2)) >= share * all)
        .findFirst()
        .orElseThrow()
        .group(1);
  }

  /// What a client sends, and whether it then says that nothing more will come.
  private record Sent(String kind, byte[] bytes, boolean ends) {}

  private static Sent wrong(Random random) throws IOException {
    return switch (random.nextInt(9)) {
      case 0 -> sent("wrong type", "text/html", "hello".getBytes(StandardCharsets.UTF_8), 0, false);
      case 1 -> {
        byte[] image = ServedRun.png(random.nextInt());
        yield sent("truncated body", "image/png", image, 1 + random.nextInt(100), true);
      }
      case 2 ->
          sent(
              "truncated image",
              "image/png",
              Arrays.copyOf(ServedRun.png(random.nextInt()), 1 + random.nextInt(100)),
              0,
              false);
      case 3 ->
          sent(
              "huge body",
              "image/png",
              new byte[(1 << 16) + 1 + random.nextInt(1 << 17)],
              0,
              false);
      case 4 -> sent("huge length", "image/png", new byte[100], Integer.MAX_VALUE, true);
      case 5 -> sent("slow body", "image/png", new byte[100], 50, false);
      case 6 ->
          new Sent(
              "slow header",
              "POST /classify HTTP/1.1\r\nHost".getBytes(StandardCharsets.US_ASCII),
              false);
      case 7 -> {
        byte[] garbage = new byte[1 + random.nextInt(300)];
        random.nextBytes(garbage);
        byte[] end = "\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
        byte[] all = Arrays.copyOf(garbage, garbage.length + end.length);
        System.arraycopy(end, 0, all, garbage.length, end.length);
        all[0] = (byte) (random.nextInt(26) + 'a'); // line ends before a request are allowed
        yield new Sent("no HTTP", all, true);
      }
      default -> {
        byte[] image = ServedRun.png(ServedRun.pixels(1), 1 + random.nextInt(7), 9);
        yield sent("wrong size", "image/png", image, 0, false);
      }
    };
  }

  private static Sent sent(String kind, String type, byte[] body, int missing, boolean ends)
      throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.write(
        "POST /classify HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %s\r\n\r\n"
            .formatted(type, (long) body.length + missing)
            .getBytes(StandardCharsets.US_ASCII));
    all.write(body);
    return new Sent(kind, all.toByteArray(), ends);
  }

  /// Sends it in pieces and reads the status. A client that hears the answer while it is still
  /// sending reads it all the same.
  private static int status(Serving serving, Sent sent) throws IOException {
    try (Socket socket = serving.connect()) {
      OutputStream out = socket.getOutputStream();
      out.write(sent.bytes);
      if (sent.ends) {
        socket.shutdownOutput();
      }
      String answer = Serving.all(socket.getInputStream());
      return answer.startsWith("HTTP/1.1 ") ? Integer.parseInt(answer.substring(9, 12)) : 0;
    }
  }

  /// Seed 2.
  @Test
  void requests_that_are_wrong_are_refused_with_a_status_of_the_client_in_bounded_memory()
      throws Exception {
    ServeLimits limits = new ServeLimits(64, 1 << 16, 64, Duration.ofSeconds(2), Duration.ZERO);
    Map<String, AtomicInteger> counts = new ConcurrentHashMap<>();
    Map<String, AtomicInteger> unexpected = new ConcurrentHashMap<>();
    try (Serving serving = Serving.of(trained, limits)) {
      long before = used();
      spread(
          MALFORMED,
          i -> {
            Sent sent = wrong(new Random(2_000_000L + i));
            int status = status(serving, sent);
            String key = sent.kind + " " + status;
            (status / 100 == 4 ? counts : unexpected)
                .computeIfAbsent(key, _ -> new AtomicInteger())
                .incrementAndGet();
          });
      assertThat(unexpected).isEmpty();
      assertThat(counts.values().stream().mapToInt(AtomicInteger::get).sum()).isEqualTo(MALFORMED);
      assertThat(serving.send(serving.image(ServedRun.png(1))).statusCode()).isEqualTo(200);
      serving.awaitMetric("asymml_body_bytes 0");
      serving.awaitMetric("asymml_queue_images 0");
      long after = used();
      System.out.printf(
          "%n%s malformed requests: %s; heap in use before %s KiB, after %s KiB%n",
          MALFORMED, new TreeMap<>(counts), before >> 10, after >> 10);
      assertThat(after - before).isLessThan(32L << 20);
    }
  }

  private static long used() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }
}
