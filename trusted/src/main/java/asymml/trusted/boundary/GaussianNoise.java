package asymml.trusted.boundary;

import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// A stream of standard normal samples from a cryptographic generator: AES-256 in counter mode
/// under a key that [SecureRandom] draws when the stream is made and nothing stores. Two streams
/// never share a key, so no noise is ever repeated, not after a resume either.
///
/// Each sample costs 8 bytes of the stream: a uniform of 53 bits and an angle of 54 give two
/// samples ([BoxMuller]), right to 2e-14. The tail ends at `sqrt(2 * 53 ln 2) = 8.57`, beyond which
/// a normal sample falls with probability 1e-17. Not safe for use by several threads.
public final class GaussianNoise implements AutoCloseable {
  /// Samples made at a time: the stream's bytes and the samples stay in the first-level cache.
  public static final int BLOCK = 1024;

  private static final int KEY_BYTES = 32;
  private static final int COUNTER_BYTES = 16;

  private final Cipher stream;
  private final byte[] zeros = new byte[BLOCK * Long.BYTES];
  private final byte[] bytes = new byte[BLOCK * Long.BYTES];
  private final double[] samples = new double[BLOCK];
  private boolean closed;

  /// Starts a new stream under a fresh key.
  ///
  /// @param random draws the key; [SecureRandom] in production
  public GaussianNoise(SecureRandom random) {
    byte[] key = new byte[KEY_BYTES];
    random.nextBytes(key);
    try {
      stream = Cipher.getInstance("AES/CTR/NoPadding");
      // The counter starts at 0: the key is used for this stream alone.
      stream.init(
          Cipher.ENCRYPT_MODE,
          new SecretKeySpec(key, "AES"),
          new IvParameterSpec(new byte[COUNTER_BYTES]));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java runtime has no AES in counter mode", e);
    } finally {
      Arrays.fill(key, (byte) 0);
    }
  }

  /// Draws the next samples.
  ///
  /// @return [#BLOCK] independent standard normal samples; overwritten by the next call
  /// @throws IllegalStateException after [#close]
  public double[] next() {
    if (closed) {
      throw new IllegalStateException("this noise stream is closed");
    }
    nextBits();
    BoxMuller.transform(bytes, samples);
    return samples;
  }

  private void nextBits() {
    try {
      int written = stream.update(zeros, 0, zeros.length, bytes, 0);
      if (written != bytes.length) {
        throw new IllegalStateException("the cipher stream fell short");
      }
    } catch (ShortBufferException e) {
      throw new IllegalStateException("the cipher stream overran its block", e);
    }
  }

  /// Forgets the last block.
  @Override
  public void close() {
    closed = true;
    Arrays.fill(bytes, (byte) 0);
    Arrays.fill(samples, 0);
  }
}
