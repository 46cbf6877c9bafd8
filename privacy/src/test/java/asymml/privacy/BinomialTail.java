package asymml.privacy;

import java.math.BigDecimal;
import java.math.MathContext;

/// The probability that at least so many of n independent draws succeed, summed term by term in 50
/// digits: more than any double can tell apart.
final class BinomialTail {
  private static final MathContext DIGITS = new MathContext(50);
  private static final BigDecimal NEGLIGIBLE = new BigDecimal("1e-45");

  private BinomialTail() {}

  /// @param n draws, at most 999,999,999
  /// @param q probability of each, exactly this double
  /// @param least how many succeed, more than `n q` and at most n
  static BigDecimal atLeast(int n, double q, int least) {
    BigDecimal odds = new BigDecimal(q).divide(BigDecimal.ONE.subtract(new BigDecimal(q)), DIGITS);
    BigDecimal term =
        new BigDecimal(q)
            .pow(least, DIGITS)
            .multiply(BigDecimal.ONE.subtract(new BigDecimal(q)).pow(n - least, DIGITS))
            .multiply(choices(n, Math.min(least, n - least)), DIGITS);
    BigDecimal sum = term;
    for (int k = least; k < n && term.compareTo(sum.multiply(NEGLIGIBLE)) > 0; k++) {
      term =
          term.multiply(odds)
              .multiply(BigDecimal.valueOf(n - k))
              .divide(BigDecimal.valueOf(k + 1L), DIGITS);
      sum = sum.add(term, DIGITS);
    }
    return sum;
  }

  private static BigDecimal choices(int n, int k) {
    BigDecimal product = BigDecimal.ONE;
    for (int i = 1; i <= k; i++) {
      product =
          product
              .multiply(BigDecimal.valueOf(n - k + (long) i))
              .divide(BigDecimal.valueOf(i), DIGITS);
    }
    return product;
  }
}
