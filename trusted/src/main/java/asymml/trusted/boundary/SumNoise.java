package asymml.trusted.boundary;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import java.security.SecureRandom;
import java.util.Arrays;

/// Adds noise to sums over examples that stay trusted, and of which what is released later is a
/// function: weights, and the trained model. Each [ReleaseDoor] has one; a run without a worker has
/// one of its own.
public final class SumNoise implements AutoCloseable {
  private final NoiseLanes lanes;
  private ReleaseLog log = new ReleaseLog();

  /// Opens a source of noise without a door.
  ///
  /// @param random seeds the noise streams; [SecureRandom] in production
  /// @param threads how many share the values of a sum, at least 1
  public SumNoise(SecureRandom random, int threads) {
    this(new NoiseLanes(random, threads));
  }

  /// That of a door, which closes the lanes.
  SumNoise(NoiseLanes lanes) {
    this.lanes = lanes;
  }

  /// Counts noised sums from now on. Before, none may be noised.
  ///
  /// @param planned what may be released in each step
  public void log(ReleaseLog planned) {
    log = planned;
  }

  /// Adds noise in place. The sum of all values given is one vector, whose noise is `z C` for each
  /// value.
  ///
  /// @param what the Gaussian mechanism that is accounted for
  /// @param rounding by how much one example can change the sums beyond C, the clip norm, since
  ///   they are rounded; as a share of C, at least 0 and below 1
  /// @param sums float32 values of which one example can change at most C and that share, in L2
  /// @throws IllegalStateException if it is not planned for this step
  /// @throws IllegalArgumentException if the mechanism has no noise, or is for another number of
  ///   values
  /// @throws NonFiniteException if a value is NaN or infinite
  public void add(Release what, double rounding, Tensor... sums) {
    if (!(what.mechanism() instanceof Release.Gaussian(var clipNorm, var noise))) {
      throw new IllegalArgumentException("only noise that is accounted for perturbs: " + what);
    }
    if (!(rounding >= 0 && rounding < 1)) {
      throw new IllegalArgumentException("no bound on one example's part: " + rounding);
    }
    ReleaseDoor.requireValues(what, Arrays.stream(sums).mapToLong(Tensor::size).sum());
    log.consume(what);
    double sigma =
        NoiseLattice.requireUsable(
            clipNorm.noiseDeviation(noise) * (1 + rounding), clipNorm.value());
    lanes.timed(() -> {
      for (Tensor sum : sums) {
        if (!Elementwise.allFinite(sum)) {
          throw new NonFiniteException();
        }
        lanes.perturb(sum, sigma, NoiseLattice.BITS);
      }
    });
  }

  /// Forgets the noise.
  @Override
  public void close() {
    lanes.close();
  }
}
