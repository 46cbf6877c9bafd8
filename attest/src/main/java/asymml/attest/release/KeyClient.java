package asymml.attest.release;

import asymml.attest.EvidenceException;
import asymml.attest.policy.RunConfiguration;
import asymml.attest.seal.DataKey;
import asymml.attest.source.EvidenceSource;
import java.io.IOException;
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

/// Asks an owner for the data key by TLS 1.3, from within a TEE.
public final class KeyClient {
  private KeyClient() {}

  /// Asks.
  ///
  /// @param address the owner's
  /// @param owner the owner's TLS key; no other server is spoken to
  /// @param configuration what will be trained
  /// @param source of this process's evidence
  /// @param limit how long it may take in all, in which the evidence counts
  /// @return the data key, which the caller closes
  /// @throws IOException one line, if the owner refuses, cannot be reached, or is another
  /// @throws EvidenceException one line, if the source answers with something else than evidence
  /// @throws InterruptedException if the thread is interrupted while it waits for evidence
  public static DataKey request(
      OwnerAddress address,
      PublicKey owner,
      RunConfiguration configuration,
      EvidenceSource source,
      Duration limit)
      throws IOException, EvidenceException, InterruptedException {
    try (ScheduledExecutorService timer = SocketDeadline.timer();
        Socket socket = new Socket();
        SocketDeadline deadline = new SocketDeadline(timer, socket, limit)) {
      try {
        socket.connect(
            new InetSocketAddress(address.host(), address.port()),
            Math.toIntExact(limit.toMillis()));
        return talk(socket, address, owner, configuration, source);
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

  private static ReleaseException late(OwnerAddress address, Duration limit, IOException e) {
    return new ReleaseException(
        "%s gave no key within %s s".formatted(address, limit.toSeconds()), e);
  }

  private static ReleaseException failed(OwnerAddress address, IOException e) {
    for (@Nullable Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (e instanceof SSLHandshakeException && cause instanceof CertificateException) {
        return new ReleaseException("%s: %s".formatted(address, cause.getMessage()), e);
      }
    }
    return new ReleaseException("%s: %s".formatted(address, e.getMessage()), e);
  }

  private static DataKey talk(
      Socket socket,
      OwnerAddress address,
      PublicKey owner,
      RunConfiguration configuration,
      EvidenceSource source)
      throws IOException, EvidenceException, InterruptedException {
    try (SSLSocket tls =
        (SSLSocket)
            OwnerIdentity.pinning(owner)
                .getSocketFactory()
                .createSocket(socket, address.host(), address.port(), true)) {
      tls.setEnabledProtocols(new String[] {"TLSv1.3"});
      tls.startHandshake();
      KeyApplicant trainer = new KeyApplicant(owner, configuration);
      byte[] reportData = trainer.reportData(Message.receive(tls.getInputStream()));
      Message.send(tls.getOutputStream(), trainer.request(source.get(reportData)));
      return trainer.open(Message.receive(tls.getInputStream()));
    }
  }
}
