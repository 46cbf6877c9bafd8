package asymml.trusted.boundary;

import java.security.SecureRandom;
import java.util.SplittableRandom;

/// Keys that can be drawn again: for tests of the noise alone, and in test sources alone.
final class SeededSecureRandom extends SecureRandom {
  private static final long serialVersionUID = 1;

  private final transient SplittableRandom random;

  SeededSecureRandom(long seed) {
    System.out.println("seed " + seed);
    this.random = new SplittableRandom(seed);
  }

  @Override
  public void nextBytes(byte[] bytes) {
    random.nextBytes(bytes);
  }
}
