package asymml.attest.release;

import asymml.attest.seal.DataKey;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.ProviderException;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.spec.X509EncodedKeySpec;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.KDF;
import javax.crypto.KEM;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.HKDFParameterSpec;

/// Encrypts a data key to an ephemeral key: DHKEM(X25519, HKDF-SHA256) of RFC 9180, then
/// AES-256-GCM under a key by HKDF-SHA256 (RFC 5869). Salt and additional data are the digest of
/// the transcript: all that both sides have said, the owner's TLS key, the encapsulation, and what
/// the owner says of the evidence.
final class KeyWrap {
  private static final byte[] LABEL = "asymml key release v1\0".getBytes(StandardCharsets.US_ASCII);
  private static final String KEM_NAME = "DHKEM";
  private static final int TAG_BITS = 128;

  private final byte[] challenge;
  private final byte[] request;
  private final byte[] ownerKey;
  private final byte[] purpose;

  /// After a request.
  ///
  /// @param challenge as sent
  /// @param request as sent
  /// @param ownerKey SPKI of the owner's TLS key
  /// @param purpose ASCII
  KeyWrap(byte[] challenge, byte[] request, byte[] ownerKey, byte[] purpose) {
    this.challenge = challenge;
    this.request = request;
    this.ownerKey = ownerKey;
    this.purpose = purpose;
  }

  static KeyPair ephemeral() {
    try {
      return KeyPairGenerator.getInstance("X25519").generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java lacks X25519", e);
    }
  }

  /// Reads the SPKI of an X25519 key, of which each key has one encoding.
  static PublicKey publicKey(byte[] spki) throws ReleaseException {
    try {
      PublicKey key = KeyFactory.getInstance("X25519").generatePublic(new X509EncodedKeySpec(spki));
      if (!MessageDigest.isEqual(key.getEncoded(), spki)) {
        throw new ReleaseException("the ephemeral key is not in canonical form");
      }
      return key;
    } catch (GeneralSecurityException | ProviderException e) {
      throw new ReleaseException("the ephemeral key is no X25519 key: " + e.getMessage(), e);
    }
  }

  /// Encrypts.
  Message.Grant wrap(
      DataKey key, Acceptance acceptance, PublicKey ephemeralKey, SecureRandom random)
      throws ReleaseException {
    KEM.Encapsulated secret;
    try {
      secret = KEM.getInstance(KEM_NAME).newEncapsulator(ephemeralKey, random).encapsulate();
    } catch (InvalidKeyException | ProviderException e) {
      // A point of small order, with which everybody has the same secret.
      throw new ReleaseException("the ephemeral key cannot be used: " + e.getMessage(), e);
    } catch (GeneralSecurityException e) {
      throw lacking(e);
    }
    try {
      byte[] wrapped =
          key.wrap(cipher(Cipher.ENCRYPT_MODE, secret.key(), secret.encapsulation(), acceptance));
      return new Message.Grant(secret.encapsulation(), acceptance, wrapped);
    } catch (GeneralSecurityException e) {
      throw lacking(e);
    }
  }

  /// Decrypts.
  DataKey unwrap(Message.Grant grant, PrivateKey ephemeralKey) throws ReleaseException {
    try {
      SecretKey secret =
          KEM.getInstance(KEM_NAME)
              .newDecapsulator(ephemeralKey)
              .decapsulate(grant.encapsulation());
      return DataKey.unwrap(
          cipher(Cipher.DECRYPT_MODE, secret, grant.encapsulation(), grant.acceptance()),
          grant.wrapped());
    } catch (AEADBadTagException e) {
      throw new ReleaseException("the owner's grant does not hold: it was changed on its way", e);
    } catch (GeneralSecurityException | ProviderException e) {
      throw new ReleaseException("the owner's grant cannot be opened: " + e.getMessage(), e);
    }
  }

  private Cipher cipher(int mode, SecretKey secret, byte[] encapsulation, Acceptance acceptance)
      throws GeneralSecurityException {
    byte[] transcript =
        new Fields()
            .raw(LABEL)
            .add(challenge)
            .add(request)
            .add(ownerKey)
            .add(encapsulation)
            .add(acceptance.encoded())
            .digest(MessageDigest.getInstance("SHA-256"));
    SecretKey key =
        KDF.getInstance("HKDF-SHA256")
            .deriveKey(
                "AES",
                HKDFParameterSpec.ofExtract()
                    .addIKM(secret)
                    .addSalt(transcript)
                    .thenExpand(new Fields().raw(LABEL).add(purpose).bytes(), 32));
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    // The key is used once: the nonce need not differ.
    cipher.init(mode, key, new GCMParameterSpec(TAG_BITS, new byte[12]));
    cipher.updateAAD(transcript);
    return cipher;
  }

  private static IllegalStateException lacking(GeneralSecurityException e) {
    return new IllegalStateException("this Java lacks DHKEM, HKDF-SHA256 or AES-GCM", e);
  }
}
