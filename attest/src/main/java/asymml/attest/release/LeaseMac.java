package asymml.attest.release;

import asymml.attest.seal.DataKey;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/// What shows that a lease is asked for, or answered, by somebody who has the data key: HMAC-SHA256
/// over what is asked and answered, with the owner's nonce and the trainer's.
final class LeaseMac {
  private static final byte[] REQUEST =
      "asymml lease request v1\0".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] ANSWER =
      "asymml lease answer v1\0".getBytes(StandardCharsets.US_ASCII);

  private LeaseMac() {}

  static byte[] number(long value) {
    return ByteBuffer.allocate(Long.BYTES).putLong(value).array();
  }

  static byte[] request(
      DataKey key, byte[] nonce, byte[] fresh, byte[] run, long expected, long wanted) {
    return key.mac(
        REQUEST,
        new Fields()
            .add(nonce)
            .add(fresh)
            .add(run)
            .add(number(expected))
            .add(number(wanted))
            .bytes());
  }

  static byte[] answer(
      DataKey key, byte[] nonce, byte[] fresh, byte[] run, boolean granted, long steps) {
    return key.mac(
        ANSWER,
        new Fields()
            .add(nonce)
            .add(fresh)
            .add(run)
            .add(new byte[] {(byte) (granted ? 1 : 0)})
            .add(number(steps))
            .bytes());
  }
}
