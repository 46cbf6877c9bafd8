package asymml.serve;

import java.io.IOException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.util.thread.ScheduledExecutorScheduler;
import org.jspecify.annotations.Nullable;

/// A model that answers HTTP/1.1 requests. Jetty's threads read, check and decode; the thread that
/// calls [#serve] classifies, and nobody else touches the model.
///
/// Memory is bounded: by the number of connections, by the bytes of all bodies together, by the
/// images in the queue, and by the number of images that are decoded at a time.
public final class ModelServer implements AutoCloseable {
  private static final int THREADS = 16;
  private static final int HEADER_BYTES = 8 << 10;

  /// A decoder needs up to so many bytes for each pixel.
  private static final long DECODER_PIXEL_BYTES = 16;

  /// The parts of the heap that bodies may take, and decoders.
  private static final int HEAP_SHARE = 4;

  private final ServeLimits limits;
  private final ServerMetrics metrics = new ServerMetrics();
  private final BatchQueue queue;
  private final ServedModel model;
  private final Server server;
  private final ServerConnector connector;
  private final ExecutorService decoders;
  private volatile boolean stopping;

  private ModelServer(ServedModel model, ServeSpec spec) throws IOException {
    this.model = model;
    limits = spec.limits();
    queue = new BatchQueue(limits, model.batchSize(), metrics);
    long share = Runtime.getRuntime().maxMemory() / HEAP_SHARE;
    if (limits.bodyBytes() > share) {
      throw new IllegalArgumentException(
          "a body of %s bytes is more than a quarter of the Java heap (%s bytes): lower the limit, or give Java more"
              .formatted(limits.bodyBytes(), Runtime.getRuntime().maxMemory()));
    }
    long decoding = Math.max(1, share / (DECODER_PIXEL_BYTES * model.imagePixels()));
    decoders =
        Executors.newFixedThreadPool(
            (int) Math.min(Runtime.getRuntime().availableProcessors(), decoding),
            Thread.ofPlatform().name("decoder-", 0).daemon().factory());
    QueuedThreadPool threads = new QueuedThreadPool(THREADS);
    threads.setName("http");
    threads.setDaemon(true);
    ScheduledExecutorScheduler scheduler = new ScheduledExecutorScheduler("http-timer", true);
    server = new Server(threads, scheduler, null);
    ConnectionWatch watch =
        new ConnectionWatch(scheduler, limits.requestTimeout(), spec.https() != null);
    connector = connector(server, spec, watch);
    server.addConnector(connector);
    server.addBean(watch);
    server.addBean(new NetworkConnectionLimit(limits.connections(), server));
    server.setErrorHandler(new JsonErrors(metrics));
    server.setHandler(
        new GracefulHandler(
            new Routes(
                model,
                queue,
                metrics,
                watch,
                new ByteBudget(share),
                decoders,
                limits,
                () -> !stopping)));
    // A request that has come is answered: it may still take the time of its body and of the queue.
    server.setStopTimeout(limits.requestTimeout().multipliedBy(2).toMillis());
  }

  private static ServerConnector connector(Server server, ServeSpec spec, ConnectionWatch watch)
      throws IOException {
    HttpConfiguration http = new HttpConfiguration();
    http.setSendServerVersion(false);
    http.setRequestHeaderSize(HEADER_BYTES);
    SslContextFactory.@Nullable Server ssl = null;
    if (spec.https() != null) {
      ssl = new SslContextFactory.Server();
      ssl.setSslContext(spec.https().context());
      ssl.setIncludeProtocols("TLSv1.3", "TLSv1.2");
      ssl.setNeedClientAuth(spec.https().clients() != null);
    }
    ServerConnector connector = new ServerConnector(server, ssl, new HttpConnectionFactory(http));
    connector.setHost(spec.host());
    connector.setPort(spec.port());
    // Beyond that of the watch, which answers with 408; for clients that do not read their answer.
    connector.setIdleTimeout(spec.limits().requestTimeout().multipliedBy(2).toMillis());
    connector.addEventListener(watch);
    return connector;
  }

  /// Begins to listen. Requests wait until [#serve].
  ///
  /// @param model that answers; it stays the caller's, who closes it after this
  /// @param spec where, how, and how much
  /// @return the server, which the caller closes
  /// @throws IOException one line, if the port is not to be had or a file of TLS cannot be used
  /// @throws IllegalArgumentException if a body of the largest size does not fit into memory
  public static ModelServer open(ServedModel model, ServeSpec spec) throws IOException {
    ModelServer opened = new ModelServer(model, spec);
    try {
      opened.server.start();
      return opened;
    } catch (Exception e) { // Jetty declares no less
      opened.close();
      @Nullable Throwable cause =
          e instanceof IOException && e.getCause() != null ? e.getCause() : e;
      throw new IOException(
          "cannot listen on %s:%s: %s".formatted(spec.host(), spec.port(), cause.getMessage()), e);
    }
  }

  /// Where it listens.
  ///
  /// @return a port from 1 to 65535
  public int port() {
    return connector.getLocalPort();
  }

  /// Classifies the images of requests on this thread, until [#stop] and all that had come before
  /// are answered.
  ///
  /// @throws IOException if the model fails, for example because a worker does; all requests are
  ///   then refused
  public void serve() throws IOException {
    queue.run(model::classify);
  }

  /// Takes no more requests, answers those that have come, and lets [#serve] return. Returns at
  /// once; may be called from any thread, any number of times.
  public void stop() {
    if (stopping) {
      return;
    }
    stopping = true;
    Thread.ofPlatform()
        .name("http-stop")
        .start(() -> {
          stopServer();
          queue.close();
        });
  }

  private void stopServer() {
    try {
      server.stop();
    } catch (Exception e) { // Jetty declares no less
      // It has stopped listening; requests that outlived the time to stop end with close().
    }
  }

  /// Ends it, whether all are answered or not. Idempotent.
  @Override
  public void close() {
    stopping = true;
    queue.close();
    server.setStopTimeout(0);
    stopServer();
    decoders.shutdownNow();
    server.destroy();
  }
}
