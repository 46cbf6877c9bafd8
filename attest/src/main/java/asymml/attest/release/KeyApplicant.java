package asymml.attest.release;

import asymml.attest.policy.RunConfiguration;
import asymml.attest.source.RawEvidence;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.PublicKey;
import org.jspecify.annotations.Nullable;

/// The trainer's half of the key release, for one request: in this order [#reportData], [#request],
/// [#open]. Its ephemeral key pair lies in memory only.
public final class KeyApplicant {
  private final KeyPair ephemeral = KeyWrap.ephemeral();
  private final byte[] ownerKey;
  private final RunConfiguration configuration;
  private final byte[] purpose = KeyOwner.TRAIN.getBytes(StandardCharsets.US_ASCII);
  private byte @Nullable [] challenge;
  private byte @Nullable [] nonce;
  private byte @Nullable [] request;
  private @Nullable RawEvidence sent;

  /// Prepares a request.
  ///
  /// @param owner the owner's TLS key, as pinned
  /// @param configuration what will be trained
  public KeyApplicant(PublicKey owner, RunConfiguration configuration) {
    ownerKey = owner.getEncoded();
    this.configuration = configuration;
  }

  /// What the evidence must be about.
  ///
  /// @param message the owner's challenge, as received
  /// @return 64 bytes
  /// @throws ReleaseException one line, if it is no challenge
  public byte[] reportData(byte[] message) throws ReleaseException {
    if (!(Message.parse(message) instanceof Message.Challenge(byte[] fresh))) {
      throw new ReleaseException("the owner sent something else than a challenge");
    }
    challenge = message.clone();
    nonce = fresh;
    return ReportData.of(
        fresh, ephemeral.getPublic().getEncoded(), ownerKey, configuration.digest(), purpose);
  }

  /// The request.
  ///
  /// @param evidence about the report data
  /// @return the message to send
  /// @throws ReleaseException one line, if the evidence is too large
  public byte[] request(RawEvidence evidence) throws ReleaseException {
    if (nonce == null) {
      throw new IllegalStateException("a request needs the owner's challenge first");
    }
    bounded("evidence", evidence.evidence(), Message.MOST_EVIDENCE);
    bounded("certificate table", evidence.certificates(), Message.MOST_CERTIFICATES);
    byte[] made =
        new Message.Request(
                nonce,
                ephemeral.getPublic().getEncoded(),
                configuration.text(),
                purpose,
                evidence.evidence(),
                evidence.certificates())
            .encoded();
    request = made;
    sent = evidence;
    return made.clone();
  }

  private static void bounded(String name, byte[] bytes, int most) throws ReleaseException {
    if (bytes.length > most) {
      throw new ReleaseException(
          "the %s has %s bytes, more than the %s that an owner reads"
              .formatted(name, bytes.length, most));
    }
  }

  /// Opens the owner's answer.
  ///
  /// @param message as received
  /// @return the data key with its grounds, which the caller closes
  /// @throws ReleaseException one line, if the owner refused, or the answer does not hold
  public KeyGrant open(byte[] message) throws ReleaseException {
    if (challenge == null || request == null || sent == null) {
      throw new IllegalStateException("an answer needs a request first");
    }
    return switch (Message.parse(message)) {
      case Message.Grant grant ->
          new KeyGrant(
              new KeyWrap(challenge, request, ownerKey, purpose)
                  .unwrap(grant, ephemeral.getPrivate()),
              grant.acceptance(),
              sent);
      case Message.Refusal _ -> throw new ReleaseException("refused, see the owner's log");
      case Message.Challenge _, Message.Request _, Message.Lease _, Message.Leased _ ->
          throw new ReleaseException("the owner sent something else than an answer");
    };
  }
}
