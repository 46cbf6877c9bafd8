package asymml.serve;

import asymml.serve.ServerMetrics.Endpoint;
import asymml.trusted.data.DataException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/// Which request is answered with what.
final class Routes extends Handler.Abstract {
  /// The attribute of requests whose answer is counted here.
  static final String COUNTED = Routes.class.getName();

  private static final String VERSION = "2";
  private static final String MODELS = "/v2/models/";
  private static final String METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
  private static final int OK = 200;
  private static final int INTERNAL = 500;

  private final ServedModel model;
  private final BatchQueue queue;
  private final ServerMetrics metrics;
  private final ConnectionWatch watch;
  private final ByteBudget budget;
  private final Executor decoders;
  private final ServeLimits limits;
  private final BooleanSupplier ready;

  /// @param model which is served
  /// @param queue in which its images wait
  /// @param metrics hear of answers
  /// @param watch hears of requests
  /// @param budget of bodies
  /// @param decoders decode images
  /// @param limits on bodies
  /// @param ready whether requests are answered
  Routes(
      ServedModel model,
      BatchQueue queue,
      ServerMetrics metrics,
      ConnectionWatch watch,
      ByteBudget budget,
      Executor decoders,
      ServeLimits limits,
      BooleanSupplier ready) {
    this.model = model;
    this.queue = queue;
    this.metrics = metrics;
    this.watch = watch;
    this.budget = budget;
    this.decoders = decoders;
    this.limits = limits;
    this.ready = ready;
  }

  @Override
  public boolean handle(Request request, Response response, Callback callback) {
    watch.began(request);
    ByteBudget.Share share = budget.share();
    String path = Request.getPathInContext(request);
    Endpoint endpoint = endpoint(path);
    request.setAttribute(COUNTED, true);
    long began = request.getBeginNanoTime();
    Request.addCompletionListener(
        request,
        _ -> {
          share.close();
          metrics.answered(endpoint, response.getStatus(), System.nanoTime() - began);
        });
    var _ =
        answer(request, path, share)
            .handle((reply, failure) -> failure == null ? reply : Reply.of(refusal(failure)))
            .thenAccept(reply -> write(reply, endpoint, response, callback))
            .exceptionally(failure -> {
              callback.failed(failure);
              return null;
            });
    return true;
  }

  private static void write(Reply reply, Endpoint endpoint, Response response, Callback callback) {
    response.setStatus(reply.status());
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, reply.contentType());
    response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
    if (reply.status() == Refusal.UNAVAILABLE) {
      response.getHeaders().put(HttpHeader.RETRY_AFTER, "1");
    }
    if (reply.status() == Refusal.METHOD_NOT_ALLOWED) {
      response.getHeaders().put(HttpHeader.ALLOW, method(endpoint));
    }
    response.write(true, ByteBuffer.wrap(reply.body()), callback);
  }

  private static Refusal refusal(Throwable failure) {
    @Nullable Throwable cause =
        failure instanceof CompletionException ? failure.getCause() : failure;
    return cause instanceof Refusal refusal
        ? refusal
        : new Refusal(INTERNAL, "internal error: " + (cause == null ? failure : cause).getClass());
  }

  private Endpoint endpoint(String path) {
    if (path.equals(MODELS + model.name() + "/infer")) {
      return Endpoint.INFER;
    }
    if (path.equals("/classify")) {
      return Endpoint.CLASSIFY;
    }
    return status(path) == null ? Endpoint.OTHER : Endpoint.STATUS;
  }

  private static String method(Endpoint endpoint) {
    return endpoint == Endpoint.STATUS ? "GET, HEAD" : "POST";
  }

  private CompletableFuture<Reply> answer(Request request, String path, ByteBudget.Share share) {
    try {
      return switch (endpoint(path)) {
        case STATUS -> {
          require(request, request.getMethod().equals("HEAD") ? "HEAD" : "GET");
          yield CompletableFuture.completedFuture(status(path));
        }
        case INFER -> {
          require(request, "POST");
          requireType(request, "application/json", true);
          yield body(request, share).thenCompose(body -> infer(request, body));
        }
        case CLASSIFY -> {
          require(request, "POST");
          requireType(request, "image/", false);
          yield body(request, share).thenCompose(body -> classify(request, body));
        }
        case OTHER ->
            throw new Refusal(
                Refusal.NOT_FOUND,
                "there is no such path here; the model is %s%s".formatted(MODELS, model.name()));
      };
    } catch (Refusal refusal) {
      return BodyReader.discard(request, limits, share, refusal).thenApply(_ -> Reply.of(refusal));
    }
  }

  private CompletableFuture<byte[]> body(Request request, ByteBudget.Share share) {
    return BodyReader.read(request, limits, share);
  }

  private static void require(Request request, String method) throws Refusal {
    if (!request.getMethod().equals(method)) {
      throw new Refusal(
          Refusal.METHOD_NOT_ALLOWED, "this path takes %s requests".formatted(method));
    }
  }

  private static void requireType(Request request, String type, boolean optional) throws Refusal {
    @Nullable String given = request.getHeaders().get(HttpHeader.CONTENT_TYPE);
    if (given == null ? !optional : !given.toLowerCase(Locale.ROOT).startsWith(type)) {
      throw new Refusal(
          Refusal.UNSUPPORTED_TYPE,
          "this path takes the content type %s".formatted(type.endsWith("/") ? type + "*" : type));
    }
    if (request.getHeaders().contains(HttpHeader.CONTENT_ENCODING)) {
      throw new Refusal(Refusal.UNSUPPORTED_TYPE, "bodies are taken without a content encoding");
    }
    if (request.getHeaders().contains("Inference-Header-Content-Length")) {
      throw new Refusal(
          Refusal.UNSUPPORTED_TYPE, "binary tensors are not taken: send 'data' as JSON");
    }
  }

  /// What asks for no image; null if there is no such path.
  private @Nullable Reply status(String path) {
    return switch (path) {
      case "/v2", "/v2/" -> Reply.json(InferAnswer.server(VERSION));
      case "/v2/health/live" -> state("live", true);
      case "/v2/health/ready" -> state("ready", ready.getAsBoolean());
      case "/metrics" ->
          new Reply(OK, METRICS_TYPE, metrics.text(gauges()).getBytes(StandardCharsets.UTF_8));
      default ->
          path.equals(MODELS + model.name())
              ? Reply.json(InferAnswer.model(model))
              : path.equals(MODELS + model.name() + "/ready")
                  ? state("ready", ready.getAsBoolean())
                  : null;
    };
  }

  private static Reply state(String name, boolean is) {
    return Reply.json(
        is ? OK : Refusal.UNAVAILABLE,
        InferAnswer.json(json -> json.writeBooleanProperty(name, is)));
  }

  private Map<String, Long> gauges() {
    Map<String, Long> gauges = new LinkedHashMap<>();
    gauges.put("asymml_queue_images", (long) queue.taken());
    gauges.put("asymml_queue_capacity_images", (long) queue.capacity());
    gauges.put("asymml_body_bytes", budget.taken());
    gauges.put("asymml_connections", (long) watch.connections());
    gauges.put("asymml_ready", ready.getAsBoolean() ? 1L : 0L);
    return gauges;
  }

  private CompletableFuture<Reply> infer(Request request, byte[] body) {
    try {
      InferRequest asked = InferRequest.parse(body, model.input());
      return place(request, asked.pixels().size())
          .submit(asked.pixels())
          .thenApply(
              all -> Reply.json(InferAnswer.outputs(model, asked.id(), asked.outputs(), all)));
    } catch (Refusal refusal) {
      return CompletableFuture.failedFuture(refusal);
    }
  }

  private CompletableFuture<Reply> classify(Request request, byte[] body) {
    try {
      BatchQueue.Place place = place(request, 1);
      return CompletableFuture.supplyAsync(() -> decoded(body), decoders)
          .thenCompose(pixels -> place.submit(List.of(pixels)))
          .thenApply(all -> Reply.json(InferAnswer.classes(model, all.getFirst())));
    } catch (Refusal refusal) {
      return CompletableFuture.failedFuture(refusal);
    }
  }

  /// Places in the queue until the request has been answered.
  private BatchQueue.Place place(Request request, int images) throws Refusal {
    BatchQueue.Place place = queue.reserve(images);
    Request.addCompletionListener(request, _ -> place.close());
    return place;
  }

  private byte[] decoded(byte[] image) {
    try {
      return model.pixels(image);
    } catch (DataException e) {
      throw new CompletionException(
          new Refusal(
              e.isAboveLimit() ? Refusal.TOO_LARGE : Refusal.BAD_REQUEST,
              String.valueOf(e.getMessage())));
    }
  }
}
