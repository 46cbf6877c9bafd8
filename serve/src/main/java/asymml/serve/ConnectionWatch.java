package asymml.serve;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.eclipse.jetty.util.thread.Scheduler;

/// Closes connections on which no request's header has come for too long, whether nothing comes or
/// one byte now and then: Jetty's own time-out starts again with every byte.
final class ConnectionWatch extends AbstractLifeCycle implements Connection.Listener {
  private static final long PERIOD_MILLIS = 250;
  private static final byte[] TOO_SLOW =
      "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
          .getBytes(StandardCharsets.US_ASCII);

  private static final class Watched {
    volatile long since = System.nanoTime();
    volatile long bytes;
    volatile boolean answering;

    /// @param bytes that had come when the last request was answered; -1 before the first, so that
    ///   whoever never asks hears why the connection ends
    Watched(long bytes) {
      this.bytes = bytes;
    }
  }

  private final Scheduler scheduler;
  private final long most;
  private final boolean https;
  private final Map<Connection, Watched> all = new ConcurrentHashMap<>();

  /// @param scheduler runs the checks
  /// @param most how long a connection may be without a whole header
  /// @param https whether connections are TLS
  ConnectionWatch(Scheduler scheduler, Duration most, boolean https) {
    this.scheduler = scheduler;
    this.https = https;
    this.most = most.toNanos();
  }

  /// How many connections there are.
  int connections() {
    return all.size();
  }

  @Override
  public void onOpened(Connection connection) {
    if (connection instanceof ConnectionMetaData) {
      // Before the handshake of TLS is done nothing can be said. Asking Jetty here whether this
      // is TLS would ask for a session that is not there yet, and break it.
      all.put(connection, new Watched(https ? 0 : -1));
    }
  }

  @Override
  public void onClosed(Connection connection) {
    all.remove(connection);
  }

  /// A request's header is there: until its answer, time counts otherwise.
  void began(Request request) {
    Connection connection = request.getConnectionMetaData().getConnection();
    Watched watched = all.get(connection);
    if (watched != null) {
      watched.answering = true;
      Request.addCompletionListener(
          request,
          _ -> {
            watched.bytes = connection.getBytesIn();
            watched.since = System.nanoTime();
            watched.answering = false;
          });
    }
  }

  @Override
  protected void doStart() {
    scheduler.schedule(this::check, PERIOD_MILLIS, TimeUnit.MILLISECONDS);
  }

  private void check() {
    try {
      long now = System.nanoTime();
      all.forEach((connection, watched) -> {
        if (!watched.answering && now - watched.since > most) {
          all.remove(connection);
          end(connection, connection.getBytesIn() > watched.bytes);
        }
      });
    } finally {
      if (isRunning() || isStarting()) {
        scheduler.schedule(this::check, PERIOD_MILLIS, TimeUnit.MILLISECONDS);
      }
    }
  }

  private static void end(Connection connection, boolean begun) {
    if (begun) {
      connection
          .getEndPoint()
          .write(
              Callback.from(
                  () -> connection.getEndPoint().close(), _ -> connection.getEndPoint().close()),
              ByteBuffer.wrap(TOO_SLOW));
    } else {
      connection.getEndPoint().close();
    }
  }
}
