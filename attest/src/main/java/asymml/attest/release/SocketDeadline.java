package asymml.attest.release;

import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/// Closes a socket when its time is over, which ends every read and write on it.
final class SocketDeadline implements AutoCloseable {
  private final ScheduledFuture<?> end;
  private volatile boolean over;

  SocketDeadline(ScheduledExecutorService timer, Socket socket, Duration limit) {
    end =
        timer.schedule(
            () -> {
              over = true;
              try {
                socket.close();
              } catch (IOException e) {
                // It is closed all the same.
              }
            },
            limit.toMillis(),
            TimeUnit.MILLISECONDS);
  }

  /// One thread that ends with the program.
  static ScheduledExecutorService timer() {
    ScheduledThreadPoolExecutor timer =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("release-deadlines").factory());
    timer.setRemoveOnCancelPolicy(true);
    return timer;
  }

  boolean isOver() {
    return over;
  }

  @Override
  public void close() {
    end.cancel(false);
  }
}
