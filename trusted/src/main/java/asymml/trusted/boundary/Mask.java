package asymml.trusted.boundary;

import asymml.kernels.GaussianNoise;
import asymml.wire.MaskKey;
import java.security.SecureRandom;

/// Gaussian masks of one batch under a key of their own: added once to what one worker gets, and
/// written once by another, which gets the key and nothing else. A second use of either kind is
/// refused: two tensors under one mask would reveal their difference.
public final class Mask {
  private final RemoteWorker hides;
  private final byte[] key = new byte[GaussianNoise.KEY_BYTES];
  private final int examples;
  private final int values;
  private final double deviation;
  private boolean hasData;
  private boolean hasHolder;

  Mask(SecureRandom random, RemoteWorker hides, int examples, int values, double deviation) {
    if (examples < 1 || values < 1) {
      throw new IllegalArgumentException("masks hide at least one value");
    }
    random.nextBytes(key);
    this.hides = hides;
    this.examples = examples;
    this.values = values;
    this.deviation = deviation;
  }

  int examples() {
    return examples;
  }

  int values() {
    return values;
  }

  double deviation() {
    return deviation;
  }

  /// The key, for the one release to the worker from which the masks hide it.
  byte[] forData(RemoteWorker worker) {
    if (worker != hides || hasData) {
      throw new IllegalStateException("masks hide one release, from the worker they are made for");
    }
    hasData = true;
    return key.clone();
  }

  /// The key, for the one worker that may hold it.
  MaskKey forWorker(RemoteWorker worker) {
    if (worker == hides || hasHolder) {
      throw new IllegalStateException(
          "masks go to one worker, and never to the one whose data they hide");
    }
    hasHolder = true;
    return MaskKey.of(key);
  }
}
