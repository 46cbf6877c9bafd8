package asymml.attest.release;

import asymml.attest.seal.DataKey;
import asymml.attest.source.RawEvidence;

/// A key that an owner has released, and on what grounds.
///
/// @param key the data key; closed with this
/// @param acceptance what the owner says of the evidence
/// @param evidence what was sent
public record KeyGrant(DataKey key, Acceptance acceptance, RawEvidence evidence)
    implements AutoCloseable {
  /// Zeroes the key.
  @Override
  public void close() {
    key.close();
  }
}
