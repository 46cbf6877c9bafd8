package asymml.study;

/// Numbers in file names and messages.
public final class Decimal {
  private Decimal() {}

  /// A number with all of its digits and no more, from which it can be read back.
  ///
  /// @param value any number
  /// @return for example `0.3`, `1` or `1e-5`
  public static String plain(double value) {
    return Double.toString(value).replaceFirst("\\.0(?=E|$)", "").replace('E', 'e');
  }
}
