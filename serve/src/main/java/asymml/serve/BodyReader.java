package asymml.serve;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.thread.Scheduler;

/// Reads the body of a request without a thread that waits: at most so many bytes, in at most so
/// much time. What is too long is read on and thrown away for a while, so that a client that is
/// still sending hears the answer instead of a connection that breaks.
final class BodyReader implements Runnable {
  /// How much of a refused body is read, in bodies of the largest size.
  private static final int DISCARDED = 4;

  private final Request request;
  private final int most;
  private final ByteBudget.Share share;
  private final CompletableFuture<byte[]> body = new CompletableFuture<>();
  private final ByteArrayOutputStream read = new ByteArrayOutputStream();
  private final long discardable;
  private @org.jspecify.annotations.Nullable Refusal refusal;
  private long discarded;

  private BodyReader(Request request, int most, ByteBudget.Share share) {
    this.request = request;
    this.most = most;
    this.share = share;
    discardable = (long) DISCARDED * most;
  }

  /// Reads the body.
  ///
  /// @param request whose body it is
  /// @param limits its size and time
  /// @param share what its bytes are taken from
  /// @return the body, or a [Refusal]: 400 if it is not all there, 408 if it is too slow, 413 if it
  ///   is too long, 503 if there are too many of them
  static CompletableFuture<byte[]> read(
      Request request, ServeLimits limits, ByteBudget.Share share) {
    return new BodyReader(request, limits.bodyBytes(), share).start(limits);
  }

  /// Reads a body that does not matter.
  ///
  /// @param request whose body it is
  /// @param limits its size and time
  /// @param share from which nothing is taken
  /// @param refusal why
  /// @return never a body; that refusal, when the body has been read or enough of it
  static CompletableFuture<byte[]> discard(
      Request request, ServeLimits limits, ByteBudget.Share share, Refusal refusal) {
    BodyReader reader = new BodyReader(request, limits.bodyBytes(), share);
    reader.refusal = refusal;
    return reader.start(limits);
  }

  private CompletableFuture<byte[]> start(ServeLimits limits) {
    long length = request.getLength();
    if (length > most && refusal == null) {
      refusal = tooLong();
    }
    if (refusal != null && request.getHeaders().contains("Expect")) {
      body.completeExceptionally(refusal); // the client waits for this before it sends the body
      return body;
    }
    Scheduler.Task timeout =
        request
            .getComponents()
            .getScheduler()
            .schedule(
                () ->
                    body.completeExceptionally(
                        new Refusal(
                            Refusal.TIMEOUT,
                            "the body did not arrive within %s s"
                                .formatted(limits.requestTimeout().toSeconds()))),
                limits.requestTimeout().toMillis(),
                TimeUnit.MILLISECONDS);
    run();
    return body.whenComplete((_, _) -> timeout.cancel());
  }

  private Refusal tooLong() {
    return new Refusal(Refusal.TOO_LARGE, "the body has more than %s bytes".formatted(most));
  }

  /// Takes what has arrived. Jetty runs it once more whenever there is more.
  @Override
  public void run() {
    while (!body.isDone()) {
      Content.Chunk chunk = request.read();
      if (chunk == null) {
        request.demand(this);
        return;
      }
      if (Content.Chunk.isFailure(chunk)) {
        body.completeExceptionally(
            refusal == null ? Refusal.badRequest("the body is not all there") : refusal);
        return;
      }
      boolean last = chunk.isLast();
      take(chunk.getByteBuffer());
      chunk.release();
      if (refusal != null && (last || discarded > discardable)) {
        body.completeExceptionally(refusal);
      } else if (last) {
        body.complete(read.toByteArray());
      }
    }
  }

  private void take(ByteBuffer bytes) {
    int count = bytes.remaining();
    if (refusal == null && read.size() + count > most) {
      refusal = tooLong();
    }
    if (refusal == null && !share.add(count)) {
      refusal = Refusal.unavailable("too many requests at the same time: try again later");
    }
    if (refusal != null) {
      discarded += count;
      read.reset();
      return;
    }
    byte[] copy = new byte[count];
    bytes.get(copy);
    read.write(copy, 0, count);
  }
}
