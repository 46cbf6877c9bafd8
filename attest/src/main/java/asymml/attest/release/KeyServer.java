package asymml.attest.release;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import javax.net.ssl.SSLSocket;

/// Serves an owner's key by TLS 1.3: a bounded number of connections, each with one challenge, one
/// request, one decision in the log, and a deadline.
public final class KeyServer implements AutoCloseable {
  private static final String[] PROTOCOLS = {"TLSv1.3"};

  private final OwnerIdentity identity;
  private final KeyOwner owner;
  private final DecisionLog log;
  private final Limits limits;
  private final ServerListener listener;
  private final ServerSocket listening;
  private final Semaphore free;

  /// What a server may be used for.
  ///
  /// @param connections at the same time, at least 1; further ones are closed at once
  /// @param deadline of a connection, from its acceptance to its end; above 0
  public record Limits(int connections, Duration deadline) {
    /// Checks the ranges.
    public Limits {
      if (connections < 1) {
        throw new IllegalArgumentException("at least 1 connection: " + connections);
      }
      if (!deadline.isPositive()) {
        throw new IllegalArgumentException("the deadline must be above 0: " + deadline);
      }
    }
  }

  /// Listens.
  ///
  /// @param identity the owner's TLS key, the same as `owner` has
  /// @param address where
  /// @param owner decides
  /// @param log gets each decision before its answer is sent; not closed
  /// @param limits of use
  /// @param listener hears what happens
  /// @throws IOException one line, if the address cannot be used
  public KeyServer(
      OwnerIdentity identity,
      OwnerAddress address,
      KeyOwner owner,
      DecisionLog log,
      Limits limits,
      ServerListener listener)
      throws IOException {
    this.identity = identity;
    this.owner = owner;
    this.log = log;
    this.limits = limits;
    this.listener = listener;
    free = new Semaphore(limits.connections());
    listening = new ServerSocket();
    try {
      listening.bind(new InetSocketAddress(address.host(), address.port()));
    } catch (IOException e) {
      listening.close();
      throw new ReleaseException("cannot listen at %s: %s".formatted(address, e.getMessage()), e);
    }
  }

  /// The port.
  ///
  /// @return 1 to 65535
  public int port() {
    return listening.getLocalPort();
  }

  /// Serves until closed; connections that are open then are brought to their end.
  ///
  /// @throws IOException one line, if the system gives no further connections
  public void serve() throws IOException {
    try (ScheduledExecutorService timer = SocketDeadline.timer();
        ExecutorService connections = Executors.newVirtualThreadPerTaskExecutor()) {
      while (true) {
        Socket socket;
        try {
          socket = listening.accept();
        } catch (SocketException e) {
          if (listening.isClosed()) {
            return;
          }
          throw e;
        }
        if (free.tryAcquire()) {
          connections.execute(() -> {
            try {
              connection(socket, timer);
            } finally {
              free.release();
            }
          });
        } else {
          listener.failed(
              "connection from %s turned away: %s connections are open"
                  .formatted(peer(socket), limits.connections()));
          socket.close();
        }
      }
    }
  }

  private static String peer(Socket socket) {
    return socket.getRemoteSocketAddress() instanceof InetSocketAddress address
        ? address.getAddress().getHostAddress() + ":" + address.getPort()
        : "unknown";
  }

  private void connection(Socket socket, ScheduledExecutorService timer) {
    String peer = peer(socket);
    try (socket;
        SocketDeadline deadline = new SocketDeadline(timer, socket, limits.deadline())) {
      try (SSLSocket tls =
          (SSLSocket) identity.context().getSocketFactory().createSocket(socket, null, true)) {
        tls.setUseClientMode(false);
        tls.setEnabledProtocols(PROTOCOLS);
        tls.startHandshake();
        exchange(tls, owner.begin(peer));
      } catch (IOException e) {
        listener.failed(
            deadline.isOver()
                ? "connection from %s did not finish within %s s"
                    .formatted(peer, limits.deadline().toSeconds())
                : "connection from %s ended: %s".formatted(peer, e.getMessage()));
      }
    } catch (IOException e) {
      listener.failed("connection from %s could not be closed: %s".formatted(peer, e.getMessage()));
    }
  }

  private void exchange(SSLSocket tls, KeyOwner.Exchange exchange) throws IOException {
    Message.send(tls.getOutputStream(), exchange.challenge());
    KeyOwner.Answer answer;
    try {
      byte[] received = Message.receive(tls.getInputStream());
      if (Message.isLease(received)) {
        lease(tls, exchange, received);
        return;
      }
      answer = exchange.answer(received);
    } catch (ReleaseException e) {
      answer = exchange.unreadable(String.valueOf(e.getMessage()));
    }
    byte[] message = answer.message();
    try {
      log.append(answer.decision());
      listener.decided(answer.decision());
    } catch (IOException e) {
      // What is not in the log did not happen.
      listener.failed("refused, since the log cannot be written: " + e.getMessage());
      message = KeyOwner.refusal();
    }
    Message.send(tls.getOutputStream(), message);
  }

  private void lease(SSLSocket tls, KeyOwner.Exchange exchange, byte[] received)
      throws IOException {
    byte[] message;
    try {
      message = exchange.lease(received);
    } catch (IOException e) {
      listener.failed("no steps counted: " + e.getMessage());
      message = KeyOwner.refusal();
    }
    Message.send(tls.getOutputStream(), message);
  }

  /// Accepts no further connection; [#serve] returns when the open ones have ended.
  @Override
  public void close() {
    try {
      listening.close();
    } catch (IOException e) {
      listener.failed("the port could not be closed: " + e.getMessage());
    }
  }
}
