package asymml.kernels;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;

/// A stream of standard normal samples from a cryptographic generator: AES-256 in counter mode.
///
/// Each sample costs 8 bytes of the stream: a uniform of 53 bits or more and an angle of 54 give
/// two samples ([BoxMuller]), right to 2e-14. The tail ends at `sqrt(2 * 74 ln 2) = 10.1`, beyond
/// which a normal sample falls with probability 1e-23. A key gives the same samples on every
/// machine: all arithmetic is that of IEEE 754, correctly rounded. Not safe for use by several
/// threads.
public final class GaussianNoise implements AutoCloseable {
  /// Samples made at a time: the stream's bytes and the samples stay in the first-level cache.
  public static final int BLOCK = 1024;

  /// Bytes of a key.
  public static final int KEY_BYTES = 32;

  private static final int COUNTER_BYTES = 16;
  private static final long COUNTS_PER_BLOCK = BLOCK * Long.BYTES / COUNTER_BYTES;

  private static final VectorSpecies<Double> DOUBLES = Lanes.DOUBLES;

  /// `2^52 + 2^51`: adding and subtracting it rounds a float64 below 2^51 to an integer.
  private static final double ROUNDING = 0x1.8p52;

  private final Cipher stream;
  private final byte[] zeros = new byte[BLOCK * Long.BYTES];
  private final byte[] bytes = new byte[BLOCK * Long.BYTES];
  private final double[] samples = new double[BLOCK];
  private boolean closed;

  /// Starts a new stream under a fresh key that nothing stores: two such streams never share a key,
  /// so no noise is ever repeated, not after a resume either.
  ///
  /// @param random draws the key; [SecureRandom] in production
  public GaussianNoise(SecureRandom random) {
    stream = cipher();
    byte[] key = new byte[KEY_BYTES];
    random.nextBytes(key);
    start(key, 0);
    Arrays.fill(key, (byte) 0);
  }

  /// Prepares a stream that [#start] begins.
  public GaussianNoise() {
    stream = cipher();
    closed = true;
  }

  private static Cipher cipher() {
    try {
      return Cipher.getInstance("AES/CTR/NoPadding");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java runtime has no AES in counter mode", e);
    }
  }

  /// Begins the stream of a key, at one of its blocks.
  ///
  /// @param key [#KEY_BYTES] bytes; not kept
  /// @param block number of the first block of [#BLOCK] samples, from 0
  public void start(byte[] key, long block) {
    ByteBuffer counter = ByteBuffer.allocate(COUNTER_BYTES);
    counter.putLong(Long.BYTES, Math.multiplyExact(block, COUNTS_PER_BLOCK));
    try {
      stream.init(
          Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new IvParameterSpec(counter.array()));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java runtime cannot run AES-256 in counter mode", e);
    }
    closed = false;
  }

  /// Draws the next samples.
  ///
  /// @return [#BLOCK] independent standard normal samples; overwritten by the next call
  /// @throws IllegalStateException before [#start] and after [#close]
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

  /// Adds noise: `out = round((scale x + deviation g) / lattice) lattice`, formed in float64, with
  /// a lattice of `2^(exponent(deviation) - latticeBits)`.
  ///
  /// @param x float32 values, at most `2^(51 - latticeBits)` deviations each when scaled
  /// @param scale factor of x
  /// @param deviation standard deviation of the noise, positive and normal
  /// @param latticeBits how much finer than the noise the lattice is
  /// @param out as many values, in private or shared memory: only sums are ever stored there; may
  ///   be x
  public void add(Tensor x, double scale, double deviation, int latticeBits, Tensor out) {
    double lattice = Math.scalb(1.0, Math.getExponent(deviation) - latticeBits);
    long size = x.size();
    long from = Operands.address("x", x);
    long to = Operands.addressOfSize("out", out, size);
    for (long at = 0; at < size; at += BLOCK) {
      double[] block = next();
      int count = (int) Math.min(BLOCK, size - at);
      addBlock(block, from, to, at, count, scale / lattice, deviation / lattice, lattice);
    }
  }

  /// By raw addresses ([Lanes]): of segments, private and shared ones are of different classes, and
  /// where the compiler has seen both it calls methods for every vector.
  private static void addBlock(
      double[] samples,
      long from,
      long to,
      long at,
      int count,
      double scale,
      double deviation,
      double lattice) {
    int step = DOUBLES.length();
    int i = 0;
    for (; i + step <= count; i += step) {
      DoubleVector sum =
          DoubleVector.fromArray(DOUBLES, samples, i)
              .mul(deviation)
              .add(Lanes.loadDoubles(from, at + i).mul(scale))
              .add(ROUNDING)
              .sub(ROUNDING)
              .mul(lattice);
      Lanes.storeDoubles(sum, to, at + i);
    }
    for (; i < count; i++) {
      double value = Lanes.get(from, at + i) * scale + samples[i] * deviation;
      Lanes.set(to, at + i, (float) ((value + ROUNDING - ROUNDING) * lattice));
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
