package asymml.verify.violations.trusted.boundary;

import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadLocalRandom;

/// What must not happen at the boundary.
final class Breaches {
  private Breaches() {}

  static final class ForgesAReleased {
    Released released = new Released();
  }

  static final class WritesPastTheDoor {
    void write(RemoteWorker worker, byte secret) {
      worker.writable()[0] = secret;
    }
  }

  static final class PublishesPastTheDoor {
    void publish(RemoteWorker worker) {
      worker.publish();
    }
  }

  static final class UsesTheWriter {
    Released release(RegionWriter writer) {
      return writer.release((byte) 1);
    }
  }

  static final class UsesRandom {
    Random noise = new Random();
  }

  static final class UsesSplittableRandom {
    SplittableRandom noise = new SplittableRandom();
  }

  static final class UsesThreadLocalRandom {
    double noise = ThreadLocalRandom.current().nextGaussian();
  }

  static final class UsesMathRandom {
    double noise = Math.random();
  }

  static final class SeedsByConstructor {
    SecureRandom noise = new SecureRandom(new byte[] {1});
  }

  static final class SeedsByMethod {
    void seed(SecureRandom noise) {
      noise.setSeed(1);
    }
  }

  static final class ChoosesAnAlgorithm {
    SecureRandom noise() throws NoSuchAlgorithmException {
      return SecureRandom.getInstance("SHA1PRNG");
    }
  }

  static final class FeignsRandomness extends SecureRandom {
    private static final long serialVersionUID = 1;

    @Override
    public void nextBytes(byte[] bytes) {}
  }
}
