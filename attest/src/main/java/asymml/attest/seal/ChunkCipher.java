package asymml.attest.seal;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.KDF;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.HKDFParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// AES-256-GCM over the chunks of one file (NIST SP 800-38D). The file's key is derived from the
/// data key with the header (HKDF, RFC 5869), so that chunks of one file are no chunks of another;
/// nonces are the chunk's number and whether it is the last, so that order and end hold.
final class ChunkCipher {
  private static final byte[] LABEL = "asymml seal v1".getBytes(StandardCharsets.US_ASCII);

  private final SealHeader header;
  private final byte[] digest;
  private final SecretKey key;
  private final Cipher cipher;

  ChunkCipher(DataKey dataKey, SealHeader header) {
    this.header = header;
    digest = header.digest();
    byte[] encoded = header.encoded();
    byte[] info = Arrays.copyOf(LABEL, LABEL.length + encoded.length);
    System.arraycopy(encoded, 0, info, LABEL.length, encoded.length);
    try {
      key =
          KDF.getInstance("HKDF-SHA256")
              .deriveKey(
                  "AES",
                  HKDFParameterSpec.ofExtract()
                      .addIKM(new SecretKeySpec(dataKey.secret(), "Generic"))
                      .addSalt(header.salt())
                      .thenExpand(info, 32));
      cipher = Cipher.getInstance("AES/GCM/NoPadding");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java lacks HKDF-SHA256 or AES-GCM", e);
    }
  }

  private void init(int mode, long chunk) throws GeneralSecurityException {
    byte last = (byte) (chunk == header.chunks() - 1 ? 1 : 0);
    byte[] nonce = ByteBuffer.allocate(12).put(new byte[3]).putLong(chunk).put(last).array();
    cipher.init(mode, key, new GCMParameterSpec(8 * SealHeader.TAG, nonce));
    cipher.updateAAD(digest);
  }

  /// Encrypts a chunk: each number once, since a nonce must not be used twice.
  byte[] seal(long chunk, byte[] plain, int size) {
    try {
      init(Cipher.ENCRYPT_MODE, chunk);
      return cipher.doFinal(plain, 0, size);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("chunk " + chunk + " cannot be sealed", e);
    }
  }

  /// Decrypts a chunk, and gives nothing of it out before its tag holds.
  byte[] open(long chunk, byte[] sealed) throws SealException {
    try {
      init(Cipher.DECRYPT_MODE, chunk);
      return cipher.doFinal(sealed);
    } catch (AEADBadTagException e) {
      throw new SealException(
          "chunk %s of %s does not hold: the file was changed, or sealed under another key"
              .formatted(chunk, header.chunks()),
          e);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("chunk " + chunk + " cannot be opened", e);
    }
  }
}
