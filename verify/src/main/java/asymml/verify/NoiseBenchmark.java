package asymml.verify;

import asymml.kernels.GaussianNoise;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.concurrent.TimeUnit;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// A sample of noise, and its lower bound: the 8 bytes of cipher stream that it is made of.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@OperationsPerInvocation(GaussianNoise.BLOCK)
@Warmup(iterations = 10, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@SuppressWarnings("NullAway.Init") // JMH calls the setup before anything else
public class NoiseBenchmark {
  private final GaussianNoise noise = new GaussianNoise(new SecureRandom());
  private final byte[] zeros = new byte[GaussianNoise.BLOCK * Long.BYTES];
  private final byte[] stream = new byte[zeros.length];
  private Cipher cipher;

  /// Used by JMH.
  public NoiseBenchmark() {}

  /// Keys the bare stream.
  ///
  /// @throws GeneralSecurityException if this Java runtime has no AES in counter mode
  @Setup
  public void prepare() throws GeneralSecurityException {
    cipher = Cipher.getInstance("AES/CTR/NoPadding");
    cipher.init(
        Cipher.ENCRYPT_MODE,
        new SecretKeySpec(new byte[GaussianNoise.KEY_BYTES], "AES"),
        new IvParameterSpec(new byte[16]));
  }

  /// A block of samples.
  ///
  /// @return the samples
  @Benchmark
  public double[] sample() {
    return noise.next();
  }

  /// The stream of a block.
  ///
  /// @return how many bytes
  /// @throws GeneralSecurityException never
  @Benchmark
  public int cipherStream() throws GeneralSecurityException {
    return cipher.update(zeros, 0, zeros.length, stream, 0);
  }

  /// Forgets the noise.
  @TearDown
  public void close() {
    noise.close();
  }
}
