package asymml.attest.release;

import asymml.attest.EvidenceException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.security.PublicKey;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/// A trainer's connection to an owner: TLS 1.3 to the one pinned key, within a limit.
final class OwnerConnection {
  private OwnerConnection() {}

  /// What is said on it.
  interface Talk<T> {
    T with(InputStream in, OutputStream out)
        throws IOException, EvidenceException, InterruptedException;
  }

  static <T> T open(OwnerAddress address, PublicKey owner, Duration limit, Talk<T> talk)
      throws IOException, EvidenceException, InterruptedException {
    try (ScheduledExecutorService timer = SocketDeadline.timer();
        Socket socket = new Socket();
        SocketDeadline deadline = new SocketDeadline(timer, socket, limit)) {
      try {
        socket.connect(
            new InetSocketAddress(address.host(), address.port()),
            Math.toIntExact(limit.toMillis()));
        return talk(socket, address, owner, talk);
      } catch (ReleaseException e) {
        throw new ReleaseException(address + ": " + e.getMessage(), e);
      } catch (UnknownHostException e) {
        throw new ReleaseException("no such host: " + address.host(), e);
      } catch (SocketTimeoutException e) {
        throw late(address, limit, e);
      } catch (IOException e) {
        throw deadline.isOver() ? late(address, limit, e) : failed(address, e);
      }
    }
  }

  private static <T> T talk(Socket socket, OwnerAddress address, PublicKey owner, Talk<T> talk)
      throws IOException, EvidenceException, InterruptedException {
    try (SSLSocket tls =
        (SSLSocket)
            OwnerIdentity.pinning(owner)
                .getSocketFactory()
                .createSocket(socket, address.host(), address.port(), true)) {
      tls.setEnabledProtocols(new String[] {"TLSv1.3"});
      tls.startHandshake();
      return talk.with(tls.getInputStream(), tls.getOutputStream());
    }
  }

  private static ReleaseException late(OwnerAddress address, Duration limit, IOException e) {
    return new ReleaseException(
        "%s gave no answer within %s s".formatted(address, limit.toSeconds()), e);
  }

  private static ReleaseException failed(OwnerAddress address, IOException e) {
    for (@Nullable Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (e instanceof SSLHandshakeException && cause instanceof CertificateException) {
        return new ReleaseException("%s: %s".formatted(address, cause.getMessage()), e);
      }
    }
    return new ReleaseException("%s: %s".formatted(address, e.getMessage()), e);
  }
}
