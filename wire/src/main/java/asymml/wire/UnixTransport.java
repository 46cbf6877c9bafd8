package asymml.wire;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.PublicKey;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// A Unix domain socket to a process on the same machine. One thread reads and one writes; they may
/// be the same: replies are read by the thread that waits for them, without a hop.
public final class UnixTransport implements Transport {
  // sockaddr_un.sun_path of Linux, less its final zero.
  private static final int MAX_SOCKET_PATH_BYTES = 107;

  private final SocketChannel channel;
  // Two, so that who waits for room need not wait for who waits for bytes.
  private final Selector readable;
  private final Selector writable;

  private UnixTransport(SocketChannel channel) throws IOException {
    this.channel = channel;
    channel.configureBlocking(false);
    this.readable = Selector.open();
    this.writable = Selector.open();
    channel.register(readable, SelectionKey.OP_READ);
    channel.register(writable, SelectionKey.OP_WRITE);
  }

  /// Connects to a worker that listens.
  ///
  /// @param path the socket's file
  /// @return a new connection; the caller closes it
  /// @throws ProtocolException if nobody listens there
  public static UnixTransport connect(Path path) throws ProtocolException {
    try {
      SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
      try {
        channel.configureBlocking(false);
        channel.connect(address(path));
        return new UnixTransport(channel);
      } catch (IOException e) {
        channel.close();
        throw e;
      }
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
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        Selector selector = Selector.open()) {
      server.bind(address(path), 1);
      try {
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
        server.configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
        listening.run();
        SocketChannel peer = server.accept();
        while (peer == null) {
          await(selector, deadline, "nobody connected to unix:" + path);
          peer = server.accept();
        }
        return new UnixTransport(peer);
      } finally {
        Files.deleteIfExists(path);
      }
    } catch (ProtocolException e) {
      throw e;
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

  private static UnixDomainSocketAddress address(Path path) throws ProtocolException {
    if (path.toString().getBytes(StandardCharsets.UTF_8).length > MAX_SOCKET_PATH_BYTES) {
      throw new ProtocolException(
          "a socket's path has at most " + MAX_SOCKET_PATH_BYTES + " bytes: " + path);
    }
    return UnixDomainSocketAddress.of(path);
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
  public void write(ByteBuffer bytes, Deadline deadline) throws ProtocolException {
    try {
      while (bytes.hasRemaining()) {
        if (channel.write(bytes) == 0) {
          await(writable, deadline, "the peer takes no more messages");
        }
      }
    } catch (ProtocolException e) {
      throw e;
    } catch (IOException | ClosedSelectorException | CancelledKeyException e) {
      throw gone(e);
    }
  }

  @Override
  public int read(ByteBuffer into, Deadline deadline) throws ProtocolException {
    try {
      int count = channel.read(into);
      while (count == 0) {
        await(readable, deadline, "the peer does not answer");
        count = channel.read(into);
      }
      return count;
    } catch (ProtocolException e) {
      throw e;
    } catch (IOException | ClosedSelectorException | CancelledKeyException e) {
      throw gone(e);
    }
  }

  private static void await(Selector selector, Deadline deadline, String late) throws IOException {
    long nanos = deadline.remainingNanos();
    if (nanos <= 0) {
      throw new ProtocolException(ProtocolException.Reason.TIMED_OUT, late);
    }
    // Zero would mean no limit to the selector: round up.
    long millis = deadline.limited() ? TimeUnit.NANOSECONDS.toMillis(nanos) + 1 : 0;
    selector.select(millis);
    selector.selectedKeys().clear();
  }

  // A peer that dies with unread bytes resets the connection: gone all the same.
  private static ProtocolException gone(Exception e) {
    return new ProtocolException(
        ProtocolException.Reason.CLOSED, "the connection broke: " + e.getMessage(), e);
  }

  @Override
  public void close() {
    try (readable;
        writable) {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close a socket", e);
    }
  }
}
