package asymml.attest.release;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/// What a trainer's evidence is about: the owner's nonce, the key to which the data key is
/// encrypted, the owner, the configuration and the purpose.
public final class ReportData {
  private static final byte[] LABEL = "asymml evidence v1\0".getBytes(StandardCharsets.US_ASCII);

  private ReportData() {}

  /// The report data: `SHA-512(label || nonce || len, key || len, owner || len, digest || len,
  /// purpose)`, lengths u32 big endian.
  ///
  /// @param nonce the owner's, 32 bytes
  /// @param ephemeralKey SPKI of the trainer's X25519 key
  /// @param ownerKey SPKI of the owner's TLS key
  /// @param configurationDigest SHA-256 of the configuration
  /// @param purpose ASCII
  /// @return 64 bytes
  public static byte[] of(
      byte[] nonce,
      byte[] ephemeralKey,
      byte[] ownerKey,
      byte[] configurationDigest,
      byte[] purpose) {
    try {
      return new Fields()
          .raw(LABEL)
          .raw(nonce)
          .add(ephemeralKey)
          .add(ownerKey)
          .add(configurationDigest)
          .add(purpose)
          .digest(MessageDigest.getInstance("SHA-512"));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("this Java lacks SHA-512", e);
    }
  }
}
