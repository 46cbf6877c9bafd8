package asymml.attest.release;

import asymml.attest.policy.RunConfiguration;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;

/// The messages of a key release, in this order: the owner's challenge, the trainer's request, the
/// owner's grant or refusal; and those of a lease: challenge, lease, leased or refusal. A message
/// is its length, u32 big endian, then its type, one byte, then its fields, each behind its length.
/// Sizes are bounded; nothing may follow the last field.
@SuppressWarnings("ArrayRecordComponent") // Not compared.
sealed interface Message {
  /// The only version.
  byte VERSION = 1;

  int NONCE = 32;

  /// The DER of an X25519 key has 44.
  int MOST_KEY = 64;

  int MOST_PURPOSE = 64;

  /// Quotes have about 5,000.
  int MOST_EVIDENCE = 1 << 16;

  int MOST_CERTIFICATES = 1 << 17;

  /// The largest message.
  int MOST_BYTES = MOST_EVIDENCE + MOST_CERTIFICATES + RunConfiguration.MOST_BYTES + (1 << 10);

  int ENCAPSULATION = 32;

  int RUN_ID = 16;

  int MAC = 32;

  /// A key of 32 bytes and a tag of 16.
  int WRAPPED = 48;

  /// The owner's first word.
  ///
  /// @param nonce 32 bytes
  record Challenge(byte[] nonce) implements Message {}

  /// The trainer's request.
  ///
  /// @param nonce the owner's
  /// @param ephemeralKey SPKI of an X25519 key
  /// @param configuration canonical JSON
  /// @param purpose what the key is for, ASCII
  /// @param evidence with the report data of the other fields
  /// @param certificates the host's table; may be empty
  record Request(
      byte[] nonce,
      byte[] ephemeralKey,
      byte[] configuration,
      byte[] purpose,
      byte[] evidence,
      byte[] certificates)
      implements Message {}

  /// The key.
  ///
  /// @param encapsulation of the KEM
  /// @param acceptance of the evidence
  /// @param wrapped the data key under AES-256-GCM
  record Grant(byte[] encapsulation, Acceptance acceptance, byte[] wrapped) implements Message {}

  /// A request to count steps.
  ///
  /// @param nonce the owner's
  /// @param fresh the trainer's nonce
  /// @param run its id
  /// @param expected how many steps the trainer takes to be counted
  /// @param wanted how many are to be counted
  /// @param mac of these fields under the data key
  record Lease(byte[] nonce, byte[] fresh, byte[] run, long expected, long wanted, byte[] mac)
      implements Message {}

  /// What the owner has counted.
  ///
  /// @param granted whether it is what the trainer wanted
  /// @param steps counted now
  /// @param mac of these fields and those of the request under the data key
  record Leased(boolean granted, long steps, byte[] mac) implements Message {}

  /// No key, and no reason.
  record Refusal() implements Message {}

  /// The message without its length.
  default byte[] encoded() {
    return switch (this) {
      case Challenge(byte[] nonce) -> type(1).add(new byte[] {VERSION}).add(nonce).bytes();
      case Request r ->
          type(2)
              .add(r.nonce)
              .add(r.ephemeralKey)
              .add(r.configuration)
              .add(r.purpose)
              .add(r.evidence)
              .add(r.certificates)
              .bytes();
      case Grant(byte[] encapsulation, Acceptance acceptance, byte[] wrapped) ->
          type(3).add(encapsulation).raw(acceptance.encoded()).add(wrapped).bytes();
      case Refusal _ -> type(4).bytes();
      case Lease l ->
          type(5)
              .add(l.nonce)
              .add(l.fresh)
              .add(l.run)
              .add(LeaseMac.number(l.expected))
              .add(LeaseMac.number(l.wanted))
              .add(l.mac)
              .bytes();
      case Leased(boolean granted, long steps, byte[] mac) ->
          type(6)
              .add(new byte[] {(byte) (granted ? 1 : 0)})
              .add(LeaseMac.number(steps))
              .add(mac)
              .bytes();
    };
  }

  private static Fields type(int type) {
    return new Fields().raw(new byte[] {(byte) type});
  }

  /// Reads a message without its length.
  static Message parse(byte[] body) throws ReleaseException {
    if (body.length == 0) {
      throw new ReleaseException("an empty message");
    }
    ByteBuffer in = ByteBuffer.wrap(body);
    byte type = in.get();
    Message message =
        switch (type) {
          case 1 -> challenge(in);
          case 2 ->
              new Request(
                  Fields.read(in, "the nonce", NONCE, NONCE),
                  Fields.read(in, "the ephemeral key", 1, MOST_KEY),
                  Fields.read(in, "the configuration", 0, RunConfiguration.MOST_BYTES),
                  Fields.read(in, "the purpose", 1, MOST_PURPOSE),
                  Fields.read(in, "the evidence", 1, MOST_EVIDENCE),
                  Fields.read(in, "the certificates", 0, MOST_CERTIFICATES));
          case 3 ->
              new Grant(
                  Fields.read(in, "the encapsulation", ENCAPSULATION, ENCAPSULATION),
                  Acceptance.read(in),
                  Fields.read(in, "the wrapped key", WRAPPED, WRAPPED));
          case 4 -> new Refusal();
          case 5 ->
              new Lease(
                  Fields.read(in, "the nonce", NONCE, NONCE),
                  Fields.read(in, "the trainer's nonce", NONCE, NONCE),
                  Fields.read(in, "the run's id", RUN_ID, RUN_ID),
                  steps(in),
                  steps(in),
                  Fields.read(in, "the MAC", MAC, MAC));
          case 6 ->
              new Leased(
                  Fields.read(in, "the verdict", 1, 1)[0] == 1,
                  steps(in),
                  Fields.read(in, "the MAC", MAC, MAC));
          default -> throw new ReleaseException("a message of the unknown type " + type);
        };
    if (in.hasRemaining()) {
      throw new ReleaseException("%s bytes after the last field".formatted(in.remaining()));
    }
    return message;
  }

  private static Challenge challenge(ByteBuffer in) throws ReleaseException {
    byte version = Fields.read(in, "the version", 1, 1)[0];
    if (version != VERSION) {
      throw new ReleaseException(
          "the other side speaks version %s of the key release, this one version %s: use the same"
                  .formatted(version, VERSION)
              + " release of asymml on both");
    }
    return new Challenge(Fields.read(in, "the nonce", NONCE, NONCE));
  }

  /// Whether a body is of a request to count steps, by its type alone.
  static boolean isLease(byte[] body) {
    return body.length > 0 && body[0] == 5;
  }

  private static long steps(ByteBuffer in) throws ReleaseException {
    long steps = ByteBuffer.wrap(Fields.read(in, "a number of steps", 8, 8)).getLong();
    if (steps < 0) {
      throw new ReleaseException("a number of steps below zero");
    }
    return steps;
  }

  /// Reads the body of the next message.
  static byte[] receive(InputStream in) throws IOException {
    byte[] prefix = in.readNBytes(Integer.BYTES);
    if (prefix.length < Integer.BYTES) {
      throw new EOFException("the other side ended the connection before its message");
    }
    int size = ByteBuffer.wrap(prefix).getInt();
    if (size < 1 || size > MOST_BYTES) {
      throw new ReleaseException(
          "a message of %s bytes, expected 1 to %s"
              .formatted(Integer.toUnsignedString(size), MOST_BYTES));
    }
    byte[] body = in.readNBytes(size);
    if (body.length < size) {
      throw new ReleaseException(
          "the message is cut short: %s bytes of %s".formatted(body.length, size));
    }
    return body;
  }

  /// Writes a body behind its length.
  static void send(OutputStream out, byte[] body) throws IOException {
    out.write(new Fields().add(body).bytes());
    out.flush();
  }
}
