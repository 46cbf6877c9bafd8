package asymml.trusted.check;

import asymml.kernels.Tensor;
import java.security.SecureRandom;
import java.util.SplittableRandom;

/// Draws the secrets of a run's checks: anew in each step, and seen by nobody.
public final class Verifier {
  private final Verification verification;
  private final int threads;
  private final SecureRandom random = new SecureRandom();
  private SplittableRandom secrets = new SplittableRandom(random.nextLong());
  private boolean active;
  private long begun;

  /// Makes one for the networks of a run.
  ///
  /// @param verification how many steps are checked
  /// @param threads that make releases, at least 1
  public Verifier(Verification verification, int threads) {
    this.verification = verification;
    this.threads = threads;
  }

  /// Whether any step is checked.
  ///
  /// @return false if checks need not be prepared
  public boolean enabled() {
    return verification.share() > 0;
  }

  /// Begins a step: draws whether it is checked.
  public void begin() {
    secrets = new SplittableRandom(random.nextLong());
    begun++;
    active = enabled() && secrets.nextDouble() < verification.share();
  }

  /// Whether this step is checked.
  ///
  /// @return the same from [#begin] to the next
  public boolean active() {
    return active;
  }

  /// How often a step was begun.
  long begun() {
    return begun;
  }

  int threads() {
    return threads;
  }

  /// A random direction of the norm `sqrt(n)`.
  ///
  /// @param n how many numbers, at least 1
  float[] direction(int n) {
    double[] values = new double[n];
    double squares = 0;
    while (squares == 0) {
      for (int i = 0; i < n; i++) {
        values[i] = secrets.nextGaussian();
        squares += values[i] * values[i];
      }
    }
    float[] direction = new float[n];
    for (int i = 0; i < n; i++) {
      direction[i] = (float) (values[i] * Math.sqrt(n / squares));
    }
    return direction;
  }

  /// The same, written to a tensor.
  void direction(Tensor values) {
    float[] direction = direction(Math.toIntExact(values.size()));
    for (int i = 0; i < direction.length; i++) {
      values.set(i, direction[i]);
    }
  }
}
