package asymml.trusted.boundary;

import java.security.SecureRandom;
import java.util.SplittableRandom;

/// Keys that can be drawn again: for tests of the noise alone, and in test sources alone.
public final class SeededSecureRandom extends SecureRandom {
  private static final long serialVersionUID = 1;

  private final transient SplittableRandom random;

  /// Starts a sequence, and prints its seed.
  ///
  /// @param seed the same for the same sequence
  public SeededSecureRandom(long seed) {
    System.out.println("seed " + seed);
    this.random = new SplittableRandom(seed);
  }

  @Override
  public void nextBytes(byte[] bytes) {
    random.nextBytes(bytes);
  }
}
