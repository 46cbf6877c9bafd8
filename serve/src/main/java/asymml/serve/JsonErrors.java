package asymml.serve;

import asymml.serve.ServerMetrics.Endpoint;
import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/// What Jetty itself refuses, such as requests that are no HTTP, in the form of our own refusals.
final class JsonErrors extends ErrorHandler {
  private final ServerMetrics metrics;

  JsonErrors(ServerMetrics metrics) {
    this.metrics = metrics;
  }

  @Override
  protected void generateResponse(
      Request request,
      Response response,
      int code,
      @Nullable String message,
      @Nullable Throwable cause,
      Callback callback) {
    // What has no version of HTTP that is known is seldom HTTP at all: the client's fault.
    int status = code == HttpStatus.HTTP_VERSION_NOT_SUPPORTED_505 ? Refusal.BAD_REQUEST : code;
    response.setStatus(status);
    if (request.getAttribute(Routes.COUNTED) == null) {
      metrics.answered(Endpoint.OTHER, status, 0);
    }
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
    response.write(
        true, ByteBuffer.wrap(InferAnswer.error(HttpStatus.getMessage(status))), callback);
  }
}
