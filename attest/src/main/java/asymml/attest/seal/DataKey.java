package asymml.attest.seal;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.Cipher;
import javax.crypto.KDF;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.HKDFParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// A data owner's key, from which the key of each sealed file is derived. Close it to zero it.
public final class DataKey implements AutoCloseable {
  static final int ID = 16;
  private static final int SIZE = 32;
  private static final int MOST_BYTES = 256;
  private static final String FORM = "asymml-data-key-1 [0-9a-f]{64}\n?";

  private final byte[] secret;

  private DataKey(byte[] secret) {
    this.secret = secret;
  }

  /// Draws a key.
  ///
  /// @param random of the operating system
  /// @return new
  public static DataKey draw(SecureRandom random) {
    byte[] secret = new byte[SIZE];
    random.nextBytes(secret);
    return new DataKey(secret);
  }

  /// Reads a key file.
  ///
  /// @param file as [#write] wrote it
  /// @return the key
  /// @throws IOException one line, if it cannot be read, or is no key file
  public static DataKey read(Path file) throws IOException {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(MOST_BYTES + 1);
      if (bytes.length > MOST_BYTES) {
        throw new SealException(file + " is no data key: too large");
      }
    } catch (NoSuchFileException e) {
      throw new SealException(
          "no such file: " + file + " ('asymml owner init' makes a data key)", e);
    }
    String text = new String(bytes, StandardCharsets.US_ASCII);
    Arrays.fill(bytes, (byte) 0);
    if (!text.matches(FORM)) {
      throw new SealException(
          file + " is no data key: expected one line, asymml-data-key-1 and 64 hexadecimal digits");
    }
    return new DataKey(HexFormat.of().parseHex(text.strip().substring(text.indexOf(' ') + 1)));
  }

  /// Writes the key to a new file that its owner alone can read.
  ///
  /// @param file must not exist
  /// @throws IOException one line, if it exists, or cannot be written
  public void write(Path file) throws IOException {
    try {
      Files.createFile(
          file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    } catch (FileAlreadyExistsException e) {
      throw new SealException(
          file + " exists: a data key is never overwritten, since what it sealed would be lost", e);
    }
    byte[] text =
        ("asymml-data-key-1 " + HexFormat.of().formatHex(secret) + "\n")
            .getBytes(StandardCharsets.US_ASCII);
    Files.write(file, text, StandardOpenOption.WRITE);
    Arrays.fill(text, (byte) 0);
  }

  /// The key's name: a digest from which nothing of the key follows.
  ///
  /// @return 16 bytes
  public byte[] id() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update("asymml data key id v1".getBytes(StandardCharsets.US_ASCII));
      return Arrays.copyOf(digest.digest(secret), ID);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java lacks SHA-256", e);
    }
  }

  /// Encrypts the key.
  ///
  /// @param cipher initialised to encrypt, with authentication
  /// @return what [#unwrap] opens
  /// @throws GeneralSecurityException if the cipher fails
  public byte[] wrap(Cipher cipher) throws GeneralSecurityException {
    return cipher.doFinal(secret);
  }

  /// Decrypts a key.
  ///
  /// @param cipher initialised to decrypt, with authentication
  /// @param wrapped as [#wrap] made it
  /// @return the key
  /// @throws GeneralSecurityException if it does not hold, or is no key
  public static DataKey unwrap(Cipher cipher, byte[] wrapped) throws GeneralSecurityException {
    byte[] secret = cipher.doFinal(wrapped);
    if (secret.length != SIZE) {
      Arrays.fill(secret, (byte) 0);
      throw new GeneralSecurityException(
          "a data key has %s bytes: %s".formatted(SIZE, secret.length));
    }
    return new DataKey(secret);
  }

  /// Authenticates a message to those who have the key: HMAC-SHA256 under a key by HKDF-SHA256.
  ///
  /// @param purpose what the message is; messages of other purposes have other keys
  /// @param message any bytes
  /// @return 32 bytes
  public byte[] mac(byte[] purpose, byte[] message) {
    try {
      SecretKey derived =
          KDF.getInstance("HKDF-SHA256")
              .deriveKey(
                  "HmacSHA256",
                  HKDFParameterSpec.ofExtract()
                      .addIKM(new SecretKeySpec(secret, "Generic"))
                      .thenExpand(purpose, SIZE));
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(derived);
      return mac.doFinal(message);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java lacks HKDF-SHA256 or HMAC-SHA256", e);
    }
  }

  byte[] secret() {
    return secret;
  }

  @Override
  public void close() {
    Arrays.fill(secret, (byte) 0);
  }
}
