package asymml.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.TrainedRun;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ModelServerTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir static Path shared;
  private static Path trained;

  @BeforeAll
  static void train() throws Exception {
    trained = ServedRun.train(shared.resolve("run"));
  }

  private static Serving serve() throws IOException {
    return Serving.of(trained, Serving.LIMITS);
  }

  @Test
  void an_image_gets_the_probabilities_that_predict_gives_to_the_bit() throws Exception {
    try (Serving serving = serve();
        TrainedRun run = TrainedRun.open(trained)) {
      Path file = shared.resolve("some.png");
      for (int i = 0; i < 6; i++) {
        Files.write(file, ServedRun.png(i));
        List<TrainedRun.Prediction> expected = run.predict(file);
        HttpResponse<String> answer = serving.send(serving.image(ServedRun.png(i)));
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.headers().firstValue("Cache-Control")).contains("no-store");
        JsonNode json = JSON.readTree(answer.body());
        assertThat(json.get("model").asString()).isEqualTo("tiny");
        assertThat(json.get("class").asString()).isEqualTo(expected.getFirst().className());
        for (TrainedRun.Prediction each : expected) {
          assertThat(json.get("probabilities").get(each.className()).asDouble())
              .isEqualTo(each.probability());
        }
        JsonNode tensors = JSON.readTree(serving.send(serving.infer(ServedRun.request(i))).body());
        assertThat(tensors.get("id").asString()).isEqualTo("n" + i);
        assertThat(tensors.get("model_name").asString()).isEqualTo("tiny");
        JsonNode probabilities = tensors.get("outputs").get(0);
        assertThat(probabilities.get("shape").toString()).isEqualTo("[1,2]");
        for (TrainedRun.Prediction each : expected) {
          int at = ServedRun.CLASSES.indexOf(each.className());
          assertThat(probabilities.get("data").get(at).asDouble()).isEqualTo(each.probability());
        }
        assertThat(tensors.get("outputs").get(1).get("data").get(0).asString())
            .isEqualTo(expected.getFirst().className());
      }
    }
  }

  @Test
  void several_images_of_one_request_are_answered_in_order() throws Exception {
    try (Serving serving = serve()) {
      StringBuilder data = new StringBuilder();
      for (int i = 0; i < 5; i++) {
        for (byte pixel : ServedRun.pixels(i)) {
          data.append(data.isEmpty() ? "" : ",").append(pixel & 0xFF);
        }
      }
      String body =
          "{\"inputs\":[{\"name\":\"pixels\",\"datatype\":\"UINT8\",\"shape\":[5,8,8,3],\"data\":[%s]}],\"outputs\":[{\"name\":\"class\"}]}"
              .formatted(data);
      JsonNode outputs = JSON.readTree(serving.send(serving.infer(body)).body()).get("outputs");
      assertThat(outputs.size()).isEqualTo(1);
      for (int i = 0; i < 5; i++) {
        JsonNode alone = JSON.readTree(serving.send(serving.image(ServedRun.png(i))).body());
        assertThat(outputs.get(0).get("data").get(i)).isEqualTo(alone.get("class"));
      }
    }
  }

  @Test
  void server_and_model_describe_themselves() throws Exception {
    try (Serving serving = serve()) {
      assertThat(serving.get("/v2").body())
          .isEqualTo("{\"name\":\"asymml\",\"version\":\"2\",\"extensions\":[]}");
      assertThat(serving.get("/v2/health/live").body()).isEqualTo("{\"live\":true}");
      assertThat(serving.get("/v2/health/ready").body()).isEqualTo("{\"ready\":true}");
      assertThat(serving.get("/v2/models/tiny/ready").statusCode()).isEqualTo(200);
      JsonNode model = JSON.readTree(serving.get("/v2/models/tiny").body());
      assertThat(model.get("inputs").toString())
          .isEqualTo("[{\"name\":\"pixels\",\"datatype\":\"UINT8\",\"shape\":[-1,8,8,3]}]");
      assertThat(model.get("outputs").get(0).get("shape").toString()).isEqualTo("[-1,2]");
      assertThat(model.get("parameters").get("classes").toString())
          .isEqualTo("[\"bright\",\"dark\"]");
      serving.send(serving.image(ServedRun.png(1)));
      serving.awaitMetric("asymml_requests_total{endpoint=\"classify\",status=\"200\"} 1");
      HttpResponse<String> metrics = serving.get("/metrics");
      assertThat(metrics.headers().firstValue("Content-Type").orElseThrow())
          .startsWith("text/plain; version=0.0.4");
      assertThat(metrics.body())
          .contains(
              "asymml_images_total 1\n", "asymml_ready 1\n", "asymml_queue_capacity_images 16\n");
      HttpRequest head =
          HttpRequest.newBuilder(serving.uri("/v2"))
              .method("HEAD", HttpRequest.BodyPublishers.noBody())
              .build();
      assertThat(serving.send(head).statusCode()).isEqualTo(200);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          GET    | /                      | -                | 404
          POST   | /v2/models/other/infer | application/json | 404
          GET    | /v2/models/tiny/infer  | -                | 405
          PUT    | /classify              | image/png        | 405
          POST   | /v2/health/live        | application/json | 405
          POST   | /metrics               | -                | 405
          POST   | /classify              | -                | 415
          POST   | /classify              | text/plain       | 415
          POST   | /v2/models/tiny/infer  | image/png        | 415
          POST   | /v2/models/tiny/infer  | application/json | 400
          POST   | /v2/models/tiny/infer  | -                | 400
          POST   | /classify              | image/jpeg       | 400
          """)
  void what_is_not_served_is_refused_in_json(String method, String path, String type, int status)
      throws Exception {
    try (Serving serving = serve()) {
      HttpRequest.Builder request =
          HttpRequest.newBuilder(serving.uri(path))
              .method(method, HttpRequest.BodyPublishers.ofString("some text"));
      if (!type.equals("-")) {
        request.header("Content-Type", type);
      }
      HttpResponse<String> answer = serving.send(request.build());
      assertThat(answer.statusCode()).isEqualTo(status);
      assertThat(JSON.readTree(answer.body()).get("error").asString()).isNotEmpty();
      assertThat(answer.headers().firstValue("Allow").isPresent()).isEqualTo(status == 405);
    }
  }

  @Test
  void images_of_another_size_and_damaged_ones_are_refused_without_their_pixels() throws Exception {
    try (Serving serving = serve()) {
      HttpResponse<String> large =
          serving.send(serving.image(ServedRun.png(ServedRun.pixels(1), 9, 8)));
      assertThat(large.statusCode()).isEqualTo(400);
      assertThat(large.body())
          .contains(
              "the image is 9 x 8 pixels (width x height), but the network takes 8 x 8; resize it");
      byte[] cut = java.util.Arrays.copyOf(ServedRun.png(1), 60);
      HttpResponse<String> damaged = serving.send(serving.image(cut));
      assertThat(damaged.statusCode()).isEqualTo(400);
      assertThat(damaged.body()).contains("the image is corrupt or truncated");
      assertThat(serving.send(serving.image(new byte[0])).body()).contains("the image is empty");
    }
  }

  @Test
  void bodies_beyond_the_limit_are_refused_whether_their_length_is_declared_or_not()
      throws Exception {
    try (Serving serving = serve()) {
      byte[] large = new byte[Serving.LIMITS.bodyBytes() + 1];
      assertThat(serving.send(serving.image(large)).statusCode()).isEqualTo(413);
      HttpRequest chunked =
          HttpRequest.newBuilder(serving.uri("/classify"))
              .header("Content-Type", "image/png")
              .POST(
                  HttpRequest.BodyPublishers.ofInputStream(
                      () -> new java.io.ByteArrayInputStream(large)))
              .build();
      HttpResponse<String> answer = serving.send(chunked);
      assertThat(answer.statusCode()).isEqualTo(413);
      assertThat(answer.body()).contains("the body has more than 65536 bytes");
      String waiting =
          serving.raw(
              ("POST /classify HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"
                      + "Expect: 100-continue\r\nContent-Length: 999999999999\r\n\r\n")
                  .getBytes(StandardCharsets.US_ASCII),
              false);
      assertThat(waiting).startsWith("HTTP/1.1 413 ");
      serving.awaitMetric("asymml_body_bytes 0");
    }
  }

  @Test
  void what_is_no_http_is_refused() throws Exception {
    try (Serving serving = serve()) {
      String nothing =
          serving.raw("what is this\r\n\r\n".getBytes(StandardCharsets.US_ASCII), false);
      assertThat(nothing).startsWith("HTTP/1.1 400 ").contains("{\"error\":");
      String header = "GET /v2 HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n".formatted("x".repeat(20_000));
      assertThat(serving.raw(header.getBytes(StandardCharsets.US_ASCII), false))
          .startsWith("HTTP/1.1 431 ");
      String uri = "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n".formatted("x".repeat(20_000));
      assertThat(serving.raw(uri.getBytes(StandardCharsets.US_ASCII), false))
          .startsWith("HTTP/1.1 414 ");
      String both =
          "POST /classify HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 3\r\n"
              + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
      assertThat(serving.raw(both.getBytes(StandardCharsets.US_ASCII), false))
          .startsWith("HTTP/1.1 400 ");
      String truncated =
          "POST /classify HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"
              + "Content-Length: 100\r\n\r\nabc";
      assertThat(serving.raw(truncated.getBytes(StandardCharsets.US_ASCII), true))
          .startsWith("HTTP/1.1 400 ")
          .contains("the body is not all there");
      assertThat(serving.get("/metrics").body())
          .contains("asymml_requests_total{endpoint=\"other\",status=\"431\"} 1\n");
    }
  }

  @Test
  void slow_headers_and_slow_bodies_are_ended_with_408_and_idle_connections_without_a_word()
      throws Exception {
    ServeLimits limits = new ServeLimits(16, 1 << 16, 64, Duration.ofSeconds(1), Duration.ZERO);
    try (Serving serving = Serving.of(trained, limits)) {
      String begun = "POST /classify HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n";
      assertThat(serving.raw(begun.getBytes(StandardCharsets.US_ASCII), false))
          .startsWith("HTTP/1.1 408 ");
      assertThat(
              serving.raw(
                  (begun + "Content-Length: 100\r\n\r\nabc").getBytes(StandardCharsets.US_ASCII),
                  false))
          .startsWith("HTTP/1.1 408 ")
          .contains("the body did not arrive within 1 s");
      assertThat(serving.raw(new byte[0], false)).startsWith("HTTP/1.1 408 ");
      String used =
          serving.raw(
              "GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(StandardCharsets.US_ASCII), false);
      assertThat(used).startsWith("HTTP/1.1 200 ").doesNotContain("408");
    }
  }

  @Test
  void a_full_queue_is_said_with_a_time_to_try_again_and_nobody_in_it_is_lost() throws Exception {
    try (Serving serving = new Serving(trained, Serving.LIMITS, null)) {
      List<CompletableFuture<HttpResponse<String>>> waiting = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        waiting.add(
            serving.client.sendAsync(
                serving.image(ServedRun.png(i)), HttpResponse.BodyHandlers.ofString()));
      }
      serving.awaitMetric("asymml_queue_images 16");
      HttpResponse<String> refused = serving.send(serving.image(ServedRun.png(1)));
      assertThat(refused.statusCode()).isEqualTo(503);
      assertThat(refused.headers().firstValue("Retry-After")).contains("1");
      assertThat(refused.body()).contains("the queue of 16 images is full");
      assertThat(serving.send(serving.infer(ServedRun.request(1))).statusCode()).isEqualTo(503);
      assertThat(serving.get("/v2/health/live").statusCode()).isEqualTo(200);
      serving.compute();
      for (CompletableFuture<HttpResponse<String>> each : waiting) {
        assertThat(each.get().statusCode()).isEqualTo(200);
      }
      assertThat(serving.send(serving.image(ServedRun.png(1))).statusCode()).isEqualTo(200);
    }
  }

  @Test
  void what_has_come_is_answered_before_the_server_stops() throws Exception {
    try (Serving serving = new Serving(trained, Serving.LIMITS, null)) {
      List<CompletableFuture<HttpResponse<String>>> waiting = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        waiting.add(
            serving.client.sendAsync(
                serving.image(ServedRun.png(i)), HttpResponse.BodyHandlers.ofString()));
      }
      serving.awaitMetric("asymml_queue_images 5");
      int port = serving.server.port();
      serving.server.stop();
      serving.server.stop();
      serving.compute();
      serving.stop();
      for (CompletableFuture<HttpResponse<String>> each : waiting) {
        assertThat(each.get().statusCode()).isEqualTo(200);
      }
      assertThatThrownBy(() -> new Socket("127.0.0.1", port).close())
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void clients_that_hang_up_give_their_places_back() throws Exception {
    try (Serving serving = new Serving(trained, Serving.LIMITS, null)) {
      for (int i = 0; i < 4; i++) {
        byte[] image = ServedRun.png(i);
        String header =
            "POST /classify HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: %s\r\n\r\n"
                .formatted(image.length);
        try (Socket socket = serving.connect()) {
          socket.getOutputStream().write(header.getBytes(StandardCharsets.US_ASCII));
          socket.getOutputStream().write(image);
          serving.awaitMetric("asymml_queue_images " + (i + 1));
          socket.setSoLinger(true, 0);
        }
      }
      serving.compute();
      assertThat(serving.send(serving.image(ServedRun.png(1))).statusCode()).isEqualTo(200);
      serving.awaitMetric("asymml_queue_images 0");
      serving.awaitMetric("asymml_body_bytes 0");
    }
  }

  @Test
  void a_port_that_is_taken_and_a_name_that_is_none_are_said_in_one_line() throws Exception {
    try (Serving serving = serve();
        TrainedRun run = TrainedRun.open(trained)) {
      int port = serving.server.port();
      ServedModel model = new ServedModel("tiny", run, null);
      assertThatThrownBy(
              () -> ModelServer.open(model, new ServeSpec("127.0.0.1", port, null, Serving.LIMITS)))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("cannot listen on 127.0.0.1:" + port + ": ");
      assertThatThrownBy(() -> new ServedModel("a/b", run, null))
          .hasMessageContaining("begins with a letter or a digit: a/b");
      ServeLimits beyond = new ServeLimits(1, 1 << 30, 1, Duration.ofSeconds(1), Duration.ZERO);
      assertThatThrownBy(() -> ModelServer.open(model, new ServeSpec("127.0.0.1", 0, null, beyond)))
          .hasMessageContaining("more than a quarter of the Java heap");
    }
  }
}
