package asymml.attest.release;

import asymml.attest.EvidenceException;
import asymml.attest.seal.DataKey;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.time.Duration;

/// Asks an owner to count the steps of a run, by TLS 1.3. Both sides show that they have the data
/// key.
///
/// @param address the owner's
/// @param owner the owner's TLS key; no other server is spoken to
/// @param key the data key; not closed
/// @param run the run's id, 16 bytes
/// @param random of the operating system
/// @param limit how long a request may take in all
@SuppressWarnings("ArrayRecordComponent") // Not compared.
public record LeaseClient(
    OwnerAddress address,
    PublicKey owner,
    DataKey key,
    byte[] run,
    SecureRandom random,
    Duration limit) {
  /// Asks once.
  ///
  /// @param expected how many steps the run takes the owner to have counted
  /// @param wanted how many are to be counted from now on
  /// @return the owner's answer
  /// @throws IOException one line, if the owner refuses the request, cannot be reached or is
  ///   another
  public LeaseBook.Answer ask(long expected, long wanted) throws IOException {
    try {
      return OwnerConnection.open(
          address,
          owner,
          limit,
          (in, out) -> {
            if (!(Message.parse(Message.receive(in)) instanceof Message.Challenge(byte[] nonce))) {
              throw new ReleaseException("the owner sent something else than a challenge");
            }
            byte[] fresh = new byte[Message.NONCE];
            random.nextBytes(fresh);
            byte[] mac = LeaseMac.request(key, nonce, fresh, run, expected, wanted);
            Message.send(
                out, new Message.Lease(nonce, fresh, run, expected, wanted, mac).encoded());
            return switch (Message.parse(Message.receive(in))) {
              case Message.Leased(boolean granted, long steps, byte[] shown) -> {
                byte[] right = LeaseMac.answer(key, nonce, fresh, run, granted, steps);
                if (!MessageDigest.isEqual(shown, right)) {
                  throw new ReleaseException("the owner's answer does not hold");
                }
                yield new LeaseBook.Answer(granted, steps);
              }
              case Message.Refusal _ ->
                  throw new ReleaseException(
                      "the owner counts no steps of this run: see its output");
              case Message.Challenge _, Message.Request _, Message.Grant _, Message.Lease _ ->
                  throw new ReleaseException("the owner sent something else than an answer");
            };
          });
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the owner");
    } catch (EvidenceException e) {
      throw new IllegalStateException("no evidence was asked for", e);
    }
  }
}
