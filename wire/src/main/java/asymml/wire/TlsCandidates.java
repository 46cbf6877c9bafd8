package asymml.wire;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Peers that have connected and are not known yet. Their TLS handshakes run side by side, so that
/// silent ones hold up nobody; the first that completes is the peer, and the others are closed.
///
/// There are at most [#MOST]: one more takes the place of the one that has been silent longest. A
/// peer that shakes hands is through long before.
final class TlsCandidates implements AutoCloseable {
  static final int MOST = 64;

  // What strangers can make a worker write to its log.
  private static final int MOST_REFUSALS = 20;

  /// Shakes hands with one that has connected.
  interface Handshake {
    TlsTransport with(Socket tcp) throws IOException;
  }

  private final Handshake handshake;
  private final Consumer<String> refused;
  // The rest is guarded by this.
  private final Deque<Socket> shaking = new ArrayDeque<>();
  private @Nullable TlsTransport peer;
  private @Nullable IOException failure;
  private boolean closed;
  private int refusals;

  /// @param refused given one line for each of the first that did not complete their handshakes
  TlsCandidates(Handshake handshake, Consumer<String> refused) {
    this.handshake = handshake;
    this.refused = refused;
  }

  /// Waits for the first that completes.
  ///
  /// @param server where they connect; the caller closes it, after this
  TlsTransport await(ServerSocket server, Deadline deadline) throws IOException {
    Thread.ofVirtual().name("tls-accept").start(() -> acceptAll(server));
    synchronized (this) {
      while (peer == null) {
        if (failure != null) {
          throw failure;
        }
        long nanos = deadline.remainingNanos();
        if (nanos <= 0) {
          throw new SocketTimeoutException("nobody connected");
        }
        try {
          TimeUnit.NANOSECONDS.timedWait(this, nanos);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("interrupted", e);
        }
      }
      TlsTransport first = peer;
      peer = null;
      closed = true;
      return first;
    }
  }

  private void acceptAll(ServerSocket server) {
    try {
      while (true) {
        admit(server.accept());
      }
    } catch (IOException e) {
      synchronized (this) {
        failure = e;
        notifyAll();
      }
    }
  }

  private void admit(Socket tcp) {
    synchronized (this) {
      if (closed) {
        closeQuietly(tcp);
        return;
      }
      if (shaking.size() == MOST) {
        closeQuietly(shaking.remove());
      }
      shaking.add(tcp);
    }
    Thread.ofVirtual().name("tls-handshake").start(() -> shake(tcp));
  }

  private void shake(Socket tcp) {
    try {
      TlsTransport done = handshake.with(tcp);
      synchronized (this) {
        shaking.remove(tcp);
        if (!closed && peer == null) {
          peer = done;
          notifyAll();
          return;
        }
      }
      done.close();
    } catch (IOException e) {
      // Not our peer, but a port scanner, say.
      closeQuietly(tcp);
      synchronized (this) {
        shaking.remove(tcp);
        refusals++;
        if (closed || refusals > MOST_REFUSALS) {
          return;
        }
      }
      refused.accept("a peer was refused: " + e.getMessage());
    }
  }

  private static void closeQuietly(Socket tcp) {
    try {
      tcp.close();
    } catch (IOException e) {
      // It is gone one way or the other.
    }
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      shaking.forEach(TlsCandidates::closeQuietly);
      shaking.clear();
      if (peer != null) {
        peer.close();
      }
    }
  }
}
