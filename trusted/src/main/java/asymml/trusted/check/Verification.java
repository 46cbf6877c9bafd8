package asymml.trusted.check;

/// How many steps' results are checked.
///
/// @param share the probability that a step is checked, 0 to 1; drawn where workers cannot see it
public record Verification(double share) {
  /// No step.
  public static final Verification OFF = new Verification(0);

  /// Every step.
  public static final Verification EVERY = new Verification(1);

  private static final String SAMPLE = "sample:";

  /// Checks the range.
  public Verification {
    if (!(share >= 0 && share <= 1)) {
      throw new IllegalArgumentException("a share of steps is 0 to 1: " + share);
    }
  }

  /// Reads what [#toString] gives.
  ///
  /// @param text `off`, `every` or `sample:P` with P above 0 and at most 1
  /// @return the setting
  /// @throws IllegalArgumentException if it is another text
  public static Verification parse(String text) {
    if (text.equals("off")) {
      return OFF;
    }
    if (text.equals("every")) {
      return EVERY;
    }
    if (text.startsWith(SAMPLE)) {
      try {
        double share = Double.parseDouble(text.substring(SAMPLE.length()));
        if (share > 0 && share <= 1) {
          return new Verification(share);
        }
      } catch (NumberFormatException _) {
        // Said below.
      }
    }
    throw new IllegalArgumentException(
        "must be off, every, or sample:P with P above 0 and at most 1: " + text);
  }

  @Override
  public String toString() {
    if (share == 0) {
      return "off";
    }
    return share == 1 ? "every" : SAMPLE + share;
  }
}
