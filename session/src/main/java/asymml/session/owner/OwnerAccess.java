package asymml.session.owner;

import asymml.attest.release.OwnerAddress;
import asymml.attest.release.RequiredTee;
import java.nio.file.Path;
import java.security.PublicKey;
import java.time.Duration;

/// How a run gets its owner's key. The owner's TLS key must be part of what is measured of this
/// process: whoever can change it can stand in for the owner, with data of their own.
///
/// @param address where the owner serves
/// @param owner the owner's TLS key; no other server is spoken to
/// @param tee in which this process must run
/// @param root of the file tree with the TEE's files; another than `/` is a simulation
/// @param limit how long the request may take in all
public record OwnerAccess(
    OwnerAddress address, PublicKey owner, RequiredTee tee, Path root, Duration limit) {
  /// Checks the limit.
  public OwnerAccess {
    if (limit.compareTo(Duration.ofSeconds(1)) < 0) {
      throw new IllegalArgumentException(
          "a request for a key takes at least a second: " + limit.toSeconds());
    }
  }

  /// Whether the TEE's files come from elsewhere than the machine's own.
  ///
  /// @return true in a simulation
  public boolean isSimulated() {
    return !root.toAbsolutePath().normalize().equals(Path.of("/"));
  }
}
