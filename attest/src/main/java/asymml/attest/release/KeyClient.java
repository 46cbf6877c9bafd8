package asymml.attest.release;

import asymml.attest.EvidenceException;
import asymml.attest.policy.RunConfiguration;
import asymml.attest.source.EvidenceSource;
import asymml.attest.source.RawEvidence;
import java.io.IOException;
import java.security.PublicKey;
import java.time.Duration;

/// Asks an owner for the data key by TLS 1.3, from within a TEE.
public final class KeyClient {
  private KeyClient() {}

  /// Asks.
  ///
  /// @param address the owner's
  /// @param owner the owner's TLS key; no other server is spoken to
  /// @param configuration what will be trained
  /// @param source of this process's evidence
  /// @param tee of which that must be
  /// @param limit how long it may take in all, in which the evidence counts
  /// @return the data key with its grounds, which the caller closes
  /// @throws IOException one line, if the owner refuses, cannot be reached, or is another
  /// @throws EvidenceException one line, if the source answers with something else than evidence
  /// @throws InterruptedException if the thread is interrupted while it waits for evidence
  public static KeyGrant request(
      OwnerAddress address,
      PublicKey owner,
      RunConfiguration configuration,
      EvidenceSource source,
      RequiredTee tee,
      Duration limit)
      throws IOException, EvidenceException, InterruptedException {
    return OwnerConnection.open(
        address,
        owner,
        limit,
        (in, out) -> {
          KeyApplicant trainer = new KeyApplicant(owner, configuration);
          byte[] reportData = trainer.reportData(Message.receive(in));
          RawEvidence evidence = source.get(reportData);
          tee.require(evidence);
          Message.send(out, trainer.request(evidence));
          return trainer.open(Message.receive(in));
        });
  }
}
