package asymml.wire;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.security.PublicKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/// TCP with TLS 1.3 to a process on another machine. One thread may read while another writes.
///
/// The socket blocks; a deadline is kept by a timer that closes the TCP socket below TLS, which
/// ends reads and writes alike. (Closing the TLS socket itself would wait for a stuck writer.)
public final class TlsTransport implements Transport {
  /// How long a peer may take for the TLS handshake.
  private static final Duration HANDSHAKE_LIMIT = Duration.ofSeconds(10);

  private static final int CHUNK_BYTES = 1 << 16;

  private final Socket tcp;
  private final InputStream in;
  private final OutputStream out;
  private final Optional<PublicKey> peerKey;
  private final byte[] inChunk = new byte[CHUNK_BYTES];
  private final byte[] outChunk = new byte[CHUNK_BYTES];
  private final ScheduledThreadPoolExecutor timer;
  private volatile boolean late;

  private TlsTransport(Socket tcp, SSLSocket tls, Deadline handshake) throws IOException {
    this.tcp = tcp;
    tls.setEnabledProtocols(new String[] {"TLSv1.3"});
    tcp.setTcpNoDelay(true);
    // A host that vanishes without a word is noticed in the end, even by a worker without a limit.
    tcp.setKeepAlive(true);
    this.timer =
        new ScheduledThreadPoolExecutor(
            1, task -> Thread.ofPlatform().daemon().name("tls-deadline").unstarted(task));
    timer.setRemoveOnCancelPolicy(true);
    @Nullable Future<?> limit = arm(handshake);
    try {
      tls.startHandshake();
      this.in = tls.getInputStream();
      this.out = tls.getOutputStream();
      this.peerKey = keyOf(tls.getSession());
    } catch (IOException e) {
      timer.shutdownNow();
      tcp.close();
      throw late ? new SocketTimeoutException("the TLS handshake took too long") : e;
    } finally {
      disarm(limit);
    }
  }

  private static Optional<PublicKey> keyOf(SSLSession session) {
    try {
      return Optional.of(session.getPeerCertificates()[0].getPublicKey());
    } catch (SSLPeerUnverifiedException e) {
      return Optional.empty(); // the peer is the one that connected, and was not asked
    }
  }

  /// Connects to a worker that listens.
  ///
  /// @param address its host and port
  /// @param trust which certificates to accept; whose they are decides, not the host's name
  /// @param deadline by when the TLS handshake must be done
  /// @return a new connection; the caller closes it
  /// @throws ProtocolException if nobody listens there, or not with an accepted certificate
  public static TlsTransport connect(WorkerAddress.Tls address, SSLContext trust, Deadline deadline)
      throws ProtocolException {
    Socket tcp = new Socket();
    try {
      long millis = TimeUnit.NANOSECONDS.toMillis(deadline.remainingNanos());
      tcp.connect(
          new InetSocketAddress(address.host(), address.port()),
          Math.clamp(millis, 1, Integer.MAX_VALUE));
      SSLSocket tls =
          (SSLSocket)
              trust.getSocketFactory().createSocket(tcp, address.host(), address.port(), true);
      return new TlsTransport(tcp, tls, deadline);
    } catch (IOException e) {
      closeQuietly(tcp);
      throw new ProtocolException(
          "no connection to the worker at " + address + " (" + e.getMessage() + ")", e);
    }
  }

  /// Which peers may connect to one that listens.
  public enum Clients {
    /// All.
    ANY,
    /// Those that prove to hold the key of a certificate which the listener's context trusts.
    TRUSTED
  }

  /// Listens, waits for one peer that completes a TLS handshake, whoever it is, and stops
  /// listening.
  ///
  /// @param address interface and port to listen on; port 0 is any free one
  /// @param identity this side's certificate and key
  /// @param deadline by when the peer must have come
  /// @param listening given the port once a peer can connect
  /// @param refused given one line for each of the first 20 peers that did not complete a
  ///   handshake, by any thread
  /// @return a new connection; the caller closes it
  /// @throws ProtocolException if the port cannot be opened or nobody came
  public static TlsTransport accept(
      WorkerAddress.Tls address,
      SSLContext identity,
      Deadline deadline,
      IntConsumer listening,
      Consumer<String> refused)
      throws ProtocolException {
    return accept(address, identity, Clients.ANY, deadline, listening, refused);
  }

  /// Listens, waits for one peer that completes a TLS handshake, and stops listening. Handshakes
  /// run side by side, each for 10 s at most.
  ///
  /// @param address interface and port to listen on; port 0 is any free one
  /// @param context this side's certificate and key, and which peers it trusts
  /// @param clients which peers may connect
  /// @param deadline by when the peer must have come
  /// @param listening given the port once a peer can connect
  /// @param refused given one line for each of the first 20 peers that did not complete a
  ///   handshake, by any thread
  /// @return a new connection; the caller closes it
  /// @throws ProtocolException if the port cannot be opened or nobody came
  public static TlsTransport accept(
      WorkerAddress.Tls address,
      SSLContext context,
      Clients clients,
      Deadline deadline,
      IntConsumer listening,
      Consumer<String> refused)
      throws ProtocolException {
    try (TlsCandidates candidates =
            new TlsCandidates(tcp -> handshake(tcp, context, clients), refused);
        ServerSocket server =
            new ServerSocket(
                address.port(), TlsCandidates.MOST, InetAddress.getByName(address.host()))) {
      listening.accept(server.getLocalPort());
      return candidates.await(server, deadline);
    } catch (IOException e) {
      throw new ProtocolException(
          "cannot serve a peer on " + address + " (" + e.getMessage() + ")", e);
    }
  }

  private static TlsTransport handshake(Socket tcp, SSLContext context, Clients clients)
      throws IOException {
    SSLSocket tls = (SSLSocket) context.getSocketFactory().createSocket(tcp, null, true);
    tls.setUseClientMode(false);
    tls.setNeedClientAuth(clients == Clients.TRUSTED);
    return new TlsTransport(tcp, tls, Deadline.in(HANDSHAKE_LIMIT));
  }

  @Override
  public Optional<PublicKey> peerKey() {
    return peerKey;
  }

  @Override
  public boolean sharesMemory() {
    return false;
  }

  @Override
  public void share(Region region) {
    throw new UnsupportedOperationException("two machines share no memory");
  }

  @Override
  public Region shared(long sizeBytes) {
    throw new UnsupportedOperationException("two machines share no memory");
  }

  @Override
  public void write(ByteBuffer bytes, Deadline deadline) throws ProtocolException {
    @Nullable Future<?> limit = null;
    try {
      limit = arm(deadline);
      while (bytes.hasRemaining()) {
        int count = Math.min(bytes.remaining(), CHUNK_BYTES);
        bytes.get(outChunk, 0, count);
        out.write(outChunk, 0, count);
      }
    } catch (IOException e) {
      throw broken("the peer takes no more messages", e);
    } finally {
      disarm(limit);
    }
  }

  @Override
  public int read(ByteBuffer into, Deadline deadline) throws ProtocolException {
    @Nullable Future<?> limit = null;
    try {
      limit = arm(deadline);
      int count = in.read(inChunk, 0, Math.min(into.remaining(), CHUNK_BYTES));
      if (count > 0) {
        into.put(inChunk, 0, count);
      }
      return count;
    } catch (IOException e) {
      throw broken("the peer does not answer", e);
    } finally {
      disarm(limit);
    }
  }

  private @Nullable Future<?> arm(Deadline deadline) throws IOException {
    if (!deadline.limited()) {
      return null;
    }
    try {
      return timer.schedule(
          () -> {
            late = true;
            closeQuietly(tcp);
          },
          Math.max(deadline.remainingNanos(), 0),
          TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      throw new IOException("closed", e);
    }
  }

  private static void disarm(@Nullable Future<?> limit) {
    if (limit != null) {
      limit.cancel(false);
    }
  }

  private ProtocolException broken(String whenLate, IOException e) {
    // In TLS 1.3 whoever connects learns only here that its certificate does not do.
    if (!late
        && e instanceof SSLException
        && String.valueOf(e.getMessage()).contains("certificate")) {
      return new ProtocolException(
          "the peer does not accept this side's certificate, or asks for one ("
              + e.getMessage()
              + ")",
          e);
    }
    return late
        ? new ProtocolException(ProtocolException.Reason.TIMED_OUT, whenLate, e)
        : new ProtocolException(
            ProtocolException.Reason.CLOSED, "the connection broke: " + e.getMessage(), e);
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close a socket", e);
    }
  }

  @Override
  public void close() {
    timer.shutdownNow();
    closeQuietly(tcp);
  }
}
