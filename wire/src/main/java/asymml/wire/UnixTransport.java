package asymml.wire;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PublicKey;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A Unix domain socket to a process on the same machine, over which the side that connects can
/// hand memory to the side that listens. One thread reads and one writes; they may be the same:
/// replies are read by the thread that waits for them, without a hop.
///
/// Memory goes as a file descriptor (`SCM_RIGHTS`), never as a path: a path can be opened, and the
/// file behind it be truncated, by every process of this user. The side that connects takes no
/// descriptors; the system closes what the other may send.
public final class UnixTransport implements Transport {
  private static final int NONE = -1;

  private final UnixSocket socket;
  private final boolean listened;
  private @Nullable Region outgoing;
  // The descriptor that came last and was not yet asked for.
  private int incoming = NONE;

  private UnixTransport(int fd, boolean listened) {
    this.socket = new UnixSocket(fd, "the peer does not answer");
    this.listened = listened;
  }

  /// Connects to a worker that listens.
  ///
  /// @param path the socket's file
  /// @return a new connection; the caller closes it
  /// @throws ProtocolException if nobody listens there
  public static UnixTransport connect(Path path) throws ProtocolException {
    checkLength(path);
    Posix.Call call = new Posix.Call();
    try {
      int fd = open(call);
      if (Posix.connect(call, fd, path) < 0) {
        IOException e = call.failure("connect");
        Posix.close(call, fd);
        throw e;
      }
      return new UnixTransport(fd, false);
    } catch (IOException e) {
      throw new ProtocolException(
          "no worker listens on unix:" + path + " (" + e.getMessage() + ")", e);
    }
  }

  /// Listens, waits for one peer, and stops listening. Only this user can connect.
  ///
  /// @param path the socket's file, which must not exist; removed before this returns
  /// @param deadline by when the peer must have come
  /// @param listening run once a peer can connect
  /// @return a new connection; the caller closes it
  /// @throws ProtocolException if the socket cannot be opened or nobody came
  public static UnixTransport accept(Path path, Deadline deadline, Runnable listening)
      throws ProtocolException {
    return accept(path, deadline, (Runnable _) -> listening.run());
  }

  /// Listens as the other method does, until a peer has come or the wait is ended.
  ///
  /// @param path the socket's file, which must not exist; removed before this returns
  /// @param deadline by when the peer must have come
  /// @param listening run once a peer can connect; gets what ends the wait, on any thread and at
  ///   any time: nothing happens if the peer has come
  /// @return a new connection; the caller closes it
  /// @throws ProtocolException if the socket cannot be opened or nobody came; as of a peer that
  ///   left if the wait was ended
  public static UnixTransport accept(Path path, Deadline deadline, Consumer<Runnable> listening)
      throws ProtocolException {
    checkLength(path);
    Posix.Call call = new Posix.Call();
    try {
      int fd = open(call);
      try (UnixSocket server = new UnixSocket(fd, "nobody connected to unix:" + path)) {
        if (Posix.bind(call, fd, path) < 0) {
          throw call.failure("bind");
        }
        try {
          if (Posix.listen(call, fd, 1) < 0) {
            throw call.failure("listen");
          }
          listening.accept(server::close);
          return new UnixTransport(server.accept(deadline), true);
        } finally {
          Files.deleteIfExists(path);
        }
      }
    } catch (ProtocolException e) {
      throw e;
    } catch (ClosedChannelException e) {
      throw new ProtocolException(
          ProtocolException.Reason.CLOSED, "the wait for it was ended before it connected", e);
    } catch (IOException e) {
      throw new ProtocolException(
          "cannot listen on unix:"
              + path
              + " ("
              + e.getMessage()
              + "): its folder must exist and the file must not",
          e);
    }
  }

  private static int open(Posix.Call call) throws IOException {
    Posix.requireLinux();
    int fd = Posix.socket(call);
    if (fd < 0) {
      throw call.failure("socket");
    }
    return fd;
  }

  private static void checkLength(Path path) throws ProtocolException {
    if (path.toString().getBytes(StandardCharsets.UTF_8).length > Posix.MAX_SOCKET_PATH_BYTES) {
      throw new ProtocolException(
          "a socket's path has at most " + Posix.MAX_SOCKET_PATH_BYTES + " bytes: " + path);
    }
  }

  @Override
  public Optional<PublicKey> peerKey() {
    return Optional.empty();
  }

  @Override
  public boolean sharesMemory() {
    return true;
  }

  @Override
  public void share(Region region) {
    outgoing = region;
  }

  @Override
  public Region shared(long sizeBytes) throws IOException {
    int fd = takeIncoming();
    if (fd == NONE) {
      throw new IOException("the peer has handed over no memory");
    }
    return Region.open(fd, sizeBytes);
  }

  private synchronized int takeIncoming() {
    int fd = incoming;
    incoming = NONE;
    return fd;
  }

  @Override
  public void write(ByteBuffer bytes, Deadline deadline) throws ProtocolException {
    try {
      while (bytes.hasRemaining()) {
        Region given = outgoing;
        if (given == null) {
          socket.write(bytes, NONE, deadline);
        } else {
          socket.write(bytes, given.descriptor(), deadline);
          outgoing = null;
          given.handedOver();
        }
      }
    } catch (ProtocolException e) {
      throw e;
    } catch (IOException e) {
      throw gone(e);
    }
  }

  @Override
  public int read(ByteBuffer into, Deadline deadline) throws ProtocolException {
    try {
      int count = socket.read(into, listened, deadline);
      if (listened && count > 0 && socket.taken() != NONE) {
        keep(socket.taken());
      }
      return count;
    } catch (ProtocolException e) {
      throw e;
    } catch (IOException e) {
      throw gone(e);
    }
  }

  private synchronized void keep(int fd) throws ProtocolException {
    if (incoming != NONE) {
      Posix.close(new Posix.Call(), fd);
      throw new ProtocolException("the peer hands over memory that was not asked for");
    }
    incoming = fd;
  }

  // A peer that dies with unread bytes resets the connection: gone all the same.
  private static ProtocolException gone(IOException e) {
    return new ProtocolException(
        ProtocolException.Reason.CLOSED, "the connection broke: " + e.getMessage(), e);
  }

  @Override
  public void close() {
    socket.close();
    int fd = takeIncoming();
    if (fd != NONE) {
      Posix.close(new Posix.Call(), fd);
    }
  }
}
