package asymml.serve;

import asymml.session.TrainedRun;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/// A server of a small model on a free port, and what asks it.
final class Serving implements AutoCloseable {
  static final ServeLimits LIMITS =
      new ServeLimits(16, 1 << 16, 64, Duration.ofSeconds(60), Duration.ZERO);

  final TrainedRun run;
  final ModelServer server;
  final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private @Nullable FutureTask<Void> computing;

  /// Listens; nothing is classified before [#compute].
  Serving(Path directory, ServeLimits limits, @Nullable HttpsFiles https) throws IOException {
    run = TrainedRun.open(directory);
    server =
        ModelServer.open(
            new ServedModel("tiny", run, null), new ServeSpec("127.0.0.1", 0, https, limits));
  }

  /// Serves.
  static Serving of(Path directory, ServeLimits limits) throws IOException {
    Serving serving = new Serving(directory, limits, null);
    serving.compute();
    return serving;
  }

  /// Classifies on a thread of its own.
  void compute() {
    FutureTask<Void> task =
        new FutureTask<>(() -> {
          server.serve();
          return null;
        });
    computing = task;
    Thread.ofPlatform().daemon().name("computing").start(task);
  }

  /// Stops and waits until all is answered.
  void stop() throws Exception {
    server.stop();
    if (computing != null) {
      computing.get();
    }
  }

  URI uri(String path) {
    return URI.create("http://127.0.0.1:" + server.port() + path);
  }

  HttpRequest image(byte[] body) {
    return HttpRequest.newBuilder(uri("/classify"))
        .header("Content-Type", "image/png")
        .POST(HttpRequest.BodyPublishers.ofByteArray(body))
        .build();
  }

  HttpRequest infer(String body) {
    return HttpRequest.newBuilder(uri("/v2/models/tiny/infer"))
        .header("Content-Type", "application/json; charset=utf-8")
        .POST(HttpRequest.BodyPublishers.ofString(body))
        .build();
  }

  HttpResponse<String> get(String path) throws Exception {
    return send(HttpRequest.newBuilder(uri(path)).build());
  }

  HttpResponse<String> send(HttpRequest request) throws Exception {
    return client.send(request, HttpResponse.BodyHandlers.ofString());
  }

  Socket connect() throws IOException {
    return new Socket("127.0.0.1", server.port());
  }

  /// Sends bytes as they are, and no more; then reads to the end.
  ///
  /// @param ends whether the client then says that nothing more will come
  String raw(byte[] bytes, boolean ends) throws IOException {
    try (Socket socket = connect()) {
      socket.getOutputStream().write(bytes);
      if (ends) {
        socket.shutdownOutput();
      }
      return all(socket.getInputStream());
    }
  }

  static String all(InputStream in) throws IOException {
    return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
  }

  /// Until a metric has a value: an answer is there before it has been counted.
  void awaitMetric(String line) throws Exception {
    while (!get("/metrics").body().contains(line + "\n")) {
      Thread.onSpinWait();
    }
  }

  @Override
  public void close() throws IOException, ExecutionException {
    client.shutdownNow();
    server.close();
    if (computing != null) {
      try {
        computing.get();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    run.close();
  }
}
