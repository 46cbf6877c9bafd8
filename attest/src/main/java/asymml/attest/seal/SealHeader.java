package asymml.attest.seal;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;

/// What stands in clear before the chunks of a sealed file; all of it is authenticated. Integers
/// are big endian: magic 8, version 1, kind 1, suite 1, log2 of the chunk size 1, key id 16, salt
/// 32, file id 16, generation 8, length of the plaintext 8, length of the metadata 4, metadata.
///
/// @param kind what was sealed
/// @param logChunk log2 of the bytes of a chunk, 12 to 24
/// @param keyId of the data key
/// @param salt random
/// @param fileId random; files have different ones
/// @param generation counts versions of one file
/// @param length bytes of the plaintext
/// @param metadata public
@SuppressWarnings("ArrayRecordComponent") // Not compared.
record SealHeader(
    SealKind kind,
    int logChunk,
    byte[] keyId,
    byte[] salt,
    byte[] fileId,
    long generation,
    long length,
    byte[] metadata) {
  static final int FIXED = 96;
  static final int SALT = 32;
  static final int FILE_ID = 16;
  static final int MOST_METADATA = 1 << 16;
  static final int TAG = 16;

  private static final byte[] MAGIC = "ASYMSEAL".getBytes(StandardCharsets.US_ASCII);
  private static final int VERSION = 1;

  /// AES-256-GCM under keys of HKDF-SHA256.
  private static final int SUITE = 1;

  /// What a chunk counter and a file's size hold with room to spare.
  private static final long MOST_LENGTH = 1L << 50;

  /// Reads the part of fixed size, without the metadata.
  ///
  /// @return with metadata of the right length, all zero
  static SealHeader fixed(byte[] bytes) throws SealException {
    if (bytes.length < FIXED) {
      throw new SealException("no sealed file: cut short in its header");
    }
    ByteBuffer in = ByteBuffer.wrap(bytes);
    byte[] magic = new byte[MAGIC.length];
    in.get(magic);
    if (!Arrays.equals(magic, MAGIC)) {
      throw new SealException("no sealed file: it does not begin with ASYMSEAL");
    }
    int version = in.get();
    int code = in.get();
    Optional<SealKind> kind = SealKind.of(code);
    int suite = in.get();
    int logChunk = in.get();
    if (version != VERSION || suite != SUITE) {
      throw new SealException(
          "sealed in version %s with suite %s; this program knows 1 and 1"
              .formatted(version, suite));
    }
    if (kind.isEmpty() || logChunk < 12 || logChunk > 24) {
      throw new SealException(
          "a damaged header: kind %s, chunks of 2^%s bytes".formatted(code, logChunk));
    }
    byte[] keyId = new byte[DataKey.ID];
    byte[] salt = new byte[SALT];
    byte[] fileId = new byte[FILE_ID];
    in.get(keyId).get(salt).get(fileId);
    long generation = in.getLong();
    long length = in.getLong();
    int metadata = in.getInt();
    if (length < 0 || length > MOST_LENGTH || metadata < 0 || metadata > MOST_METADATA) {
      throw new SealException(
          "a damaged header: %s bytes, %s of metadata".formatted(length, metadata));
    }
    return new SealHeader(
        kind.get(), logChunk, keyId, salt, fileId, generation, length, new byte[metadata]);
  }

  byte[] encoded() {
    return ByteBuffer.allocate(FIXED + metadata.length)
        .put(MAGIC)
        .put((byte) VERSION)
        .put((byte) kind.code())
        .put((byte) SUITE)
        .put((byte) logChunk)
        .put(keyId)
        .put(salt)
        .put(fileId)
        .putLong(generation)
        .putLong(length)
        .putInt(metadata.length)
        .put(metadata)
        .array();
  }

  SealHeader with(byte[] read) {
    return new SealHeader(kind, logChunk, keyId, salt, fileId, generation, length, read);
  }

  byte[] digest() {
    try {
      return MessageDigest.getInstance("SHA-256").digest(encoded());
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java lacks SHA-256", e);
    }
  }

  int chunkSize() {
    return 1 << logChunk;
  }

  long chunks() {
    return Math.max(1, Math.ceilDiv(length, chunkSize()));
  }

  /// Bytes of plaintext in a chunk.
  int size(long chunk) {
    return (int) Math.min(chunkSize(), length - (chunk << logChunk));
  }

  /// Where a chunk begins in the file.
  long position(long chunk) {
    return FIXED + metadata.length + chunk * (chunkSize() + TAG);
  }

  long fileSize() {
    return FIXED + metadata.length + length + chunks() * TAG;
  }

  String keyName() {
    return HexFormat.of().formatHex(keyId);
  }
}
