package asymml.attest.release;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/// What an owner says of the evidence that it has accepted. It comes with the key, under the same
/// authentication.
///
/// @param simulation whether the policy accepts roots of tests, so that this says nothing about
///   hardware
/// @param leases whether the owner counts the steps of runs: then none may begin without a lease
/// @param evidence TEE and measurement
/// @param tcbStatus of an Intel platform; empty for others
public record Acceptance(boolean simulation, boolean leases, String evidence, String tcbStatus) {
  /// The largest text of a message.
  static final int MOST_TEXT = 1 << 10;

  byte[] encoded() {
    return new Fields()
        .raw(new byte[] {(byte) ((simulation ? 1 : 0) | (leases ? 2 : 0))})
        .add(evidence.getBytes(StandardCharsets.UTF_8))
        .add(tcbStatus.getBytes(StandardCharsets.UTF_8))
        .bytes();
  }

  static Acceptance read(ByteBuffer in) throws ReleaseException {
    if (!in.hasRemaining()) {
      throw new ReleaseException("cut short before what was accepted");
    }
    byte flags = in.get();
    if (flags < 0 || flags > 3) {
      throw new ReleaseException("the flags are 0 to 3, found " + flags);
    }
    return new Acceptance(
        (flags & 1) != 0,
        (flags & 2) != 0,
        text(in, "the evidence's summary"),
        text(in, "the TCB status"));
  }

  /// Text that can be shown.
  private static String text(ByteBuffer in, String name) throws ReleaseException {
    byte[] bytes = Fields.read(in, name, 0, MOST_TEXT);
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      if (text.chars().anyMatch(Character::isISOControl)) {
        throw new ReleaseException(name + " has a control character");
      }
      return text;
    } catch (CharacterCodingException e) {
      throw new ReleaseException(name + " is no UTF-8", e);
    }
  }
}
