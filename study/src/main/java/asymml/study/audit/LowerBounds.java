package asymml.study.audit;

import org.hipparchus.special.Beta;
import org.hipparchus.special.Erf;
import org.hipparchus.special.Gamma;

/// What guesses about canaries prove of a mechanism: lower bounds that are above the true value
/// with a probability of at most `1 - confidence`.
final class LowerBounds {
  private static final int BISECTIONS = 60;
  private static final double LARGEST_EPSILON = 64;

  private LowerBounds() {}

  /// The largest rate that a count does not exclude (Clopper and Pearson, Biometrika 1934).
  ///
  /// @param count of events, 0 to trials
  /// @param trials at least 1
  /// @param error the probability that the true rate is above the result, above 0 and below 1
  /// @return 0 to 1
  static double largestRate(long count, long trials, double error) {
    if (count >= trials) {
      return 1;
    }
    double low = (double) count / trials;
    double high = 1;
    for (int i = 0; i < BISECTIONS; i++) {
      double middle = (low + high) / 2;
      // The probability of no more events than these, at that rate.
      if (1 - Beta.regularizedBeta(middle, count + 1.0, (double) trials - count) > error) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return high;
  }

  /// The least mu of a Gaussian mechanism (Dong, Roth and Su, arXiv 1905.02383) whose outcomes can
  /// be told apart so well: with error rates a and b, mu is at least `-(q(a) + q(b))`, q the normal
  /// quantile; both rates are replaced by the largest that the counts do not exclude (Nasr et al.,
  /// arXiv 2302.07956).
  ///
  /// @param errors of the guesses
  /// @param confidence above 0 and below 1
  /// @return at least 0
  static double mu(Errors errors, double confidence) {
    double each = (1 - confidence) / 2;
    double a = largestRate(errors.falsePositives(), errors.out(), each);
    double b = largestRate(errors.falseNegatives(), errors.in(), each);
    return a >= 1 || b >= 1 ? 0 : Math.max(0, -(quantile(a) + quantile(b)));
  }

  private static double quantile(double probability) {
    return -Math.sqrt(2) * Erf.erfcInv(2 * probability);
  }

  /// How often guesses about canaries were wrong.
  ///
  /// @param out canaries that were not there, at least 1
  /// @param falsePositives of those, guessed to be there
  /// @param in canaries that were there, at least 1
  /// @param falseNegatives of those, guessed not to be there
  record Errors(long out, long falsePositives, long in, long falseNegatives) {
    Errors {
      if (out < 1 || in < 1) {
        throw new IllegalArgumentException("an audit needs canaries that are there and others");
      }
    }
  }

  /// The least epsilon of a run in which canaries, each there with probability 1/2 by itself, are
  /// guessed so well (Steinke, Nasr and Jagielski, arXiv 2305.08846, theorem 5.2 and appendix D).
  /// The number of guesses must not depend on how well they turned out.
  ///
  /// @param canaries m, all of them
  /// @param guesses r, those about which a guess is made
  /// @param correct v of those
  /// @param delta of the guarantee
  /// @param confidence above 0 and below 1
  /// @return at least 0; 64 where it is more
  static double epsilon(int canaries, int guesses, int correct, double delta, double confidence) {
    if (correct < 0 || correct > guesses || guesses > canaries) {
      throw new IllegalArgumentException(
          "%s correct of %s guesses about %s canaries".formatted(correct, guesses, canaries));
    }
    double error = 1 - confidence;
    double low = 0;
    double high = LARGEST_EPSILON;
    if (probability(canaries, guesses, correct, delta, low) >= error) {
      return 0;
    }
    for (int i = 0; i < BISECTIONS; i++) {
      double middle = (low + high) / 2;
      if (probability(canaries, guesses, correct, delta, middle) < error) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /// An upper bound on the probability of at least so many correct guesses.
  private static double probability(int m, int r, int v, double delta, double epsilon) {
    double q = 1 / (1 + Math.exp(-epsilon));
    double tail = v == 0 ? 1 : Beta.regularizedBeta(q, v, r - v + 1.0);
    double below = 0;
    double share = 0;
    for (int i = 1; i <= v; i++) {
      below += mass(r, v - i, q);
      share = Math.max(share, below / i);
    }
    return Math.min(1, tail + 2 * m * delta * share);
  }

  private static double mass(int n, int k, double p) {
    double ways = Gamma.logGamma(n + 1.0) - Gamma.logGamma(k + 1.0) - Gamma.logGamma(n - k + 1.0);
    return Math.exp(ways + k * Math.log(p) + (n - k) * Math.log1p(-p));
  }
}
