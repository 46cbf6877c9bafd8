package asymml.attest.release;

import asymml.attest.policy.RunConfiguration;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;

/// The messages of a key release, in this order: the owner's challenge, the trainer's request, the
/// owner's grant or refusal. A message is its length, u32 big endian, then its type, one byte, then
/// its fields, each behind its length. Sizes are bounded; nothing may follow the last field.
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
  /// @param wrapped the data key under AES-256-GCM
  record Grant(byte[] encapsulation, byte[] wrapped) implements Message {}

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
      case Grant(byte[] encapsulation, byte[] wrapped) ->
          type(3).add(encapsulation).add(wrapped).bytes();
      case Refusal _ -> type(4).bytes();
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
                  Fields.read(in, "the wrapped key", WRAPPED, WRAPPED));
          case 4 -> new Refusal();
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
