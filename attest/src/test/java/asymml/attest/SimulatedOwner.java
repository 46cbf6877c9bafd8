package asymml.attest;

import asymml.attest.policy.PolicyFile;
import asymml.attest.release.Decision;
import asymml.attest.release.DecisionLog;
import asymml.attest.release.EvidenceReader;
import asymml.attest.release.KeyOwner;
import asymml.attest.release.KeyServer;
import asymml.attest.release.LeaseBook;
import asymml.attest.release.OwnerAddress;
import asymml.attest.release.OwnerIdentity;
import asymml.attest.release.ServerListener;
import asymml.attest.seal.DataKey;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/// An owner who serves a data key by TLS on a thread of the test.
public final class SimulatedOwner implements AutoCloseable {
  private static final String PASSWORD = "for this test only";

  private final DataKey key;
  private final OwnerIdentity identity;
  private final DecisionLog log;
  private final @Nullable LeaseBook leases;
  private final KeyServer server;
  private final FutureTask<Void> serving;
  private final BlockingQueue<Decision> decisions = new LinkedBlockingQueue<>();

  /// Begins to serve.
  ///
  /// @param folder for the owner's files
  /// @param policy YAML
  /// @param key to release; closed with this
  /// @throws Exception if it cannot serve
  public SimulatedOwner(Path folder, String policy, DataKey key) throws Exception {
    this.key = key;
    TestAuthority owner = TestAuthority.root("owner", 256);
    KeyStore keys = KeyStore.getInstance("PKCS12");
    keys.load(null, null);
    keys.setKeyEntry(
        "owner",
        owner.keys().getPrivate(),
        PASSWORD.toCharArray(),
        new Certificate[] {owner.certificate()});
    try (OutputStream out = Files.newOutputStream(folder.resolve("owner.p12"))) {
      keys.store(out, PASSWORD.toCharArray());
    }
    Files.writeString(folder.resolve("password"), PASSWORD + "\n");
    Files.writeString(folder.resolve("owner.pem"), owner.pem());
    identity = OwnerIdentity.load(folder.resolve("owner.p12"), folder.resolve("password"));
    log = DecisionLog.open(folder.resolve("owner.log"));
    leases = policy.contains("rollback: owner") ? LeaseBook.open(folder.resolve("leases")) : null;
    server =
        new KeyServer(
            identity,
            OwnerAddress.parse("tls:127.0.0.1:0"),
            new KeyOwner(
                identity.key(),
                PolicyFile.parse(policy),
                new EvidenceReader(Optional.empty(), Optional.empty()),
                key,
                leases,
                Clock.systemUTC(),
                new SecureRandom()),
            log,
            new KeyServer.Limits(4, Duration.ofMinutes(5)),
            new ServerListener() {
              @Override
              public void decided(Decision decision) {
                decisions.add(decision);
              }

              @Override
              public void failed(String line) {}
            });
    serving =
        new FutureTask<>(() -> {
          server.serve();
          return null;
        });
    Thread.ofPlatform().daemon().start(serving);
  }

  /// Where it serves.
  ///
  /// @return on this machine
  public OwnerAddress address() {
    return new OwnerAddress("127.0.0.1", server.port());
  }

  /// What trainers pin.
  ///
  /// @return its TLS key
  public PublicKey tlsKey() {
    return identity.key();
  }

  /// Waits for the next decision.
  ///
  /// @return each once
  /// @throws InterruptedException if the test ends
  public Decision decision() throws InterruptedException {
    return decisions.take();
  }

  @Override
  public void close() throws IOException {
    server.close();
    try {
      serving.get();
    } catch (ExecutionException e) {
      throw new IOException("the owner has not ended as it should", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while the owner ended");
    }
    log.close();
    if (leases != null) {
      leases.close();
    }
    key.close();
  }
}
