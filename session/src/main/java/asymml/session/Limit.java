package asymml.session;

/// How many images of a split are used.
///
/// @param images at least 1; [Integer#MAX_VALUE] for all
public record Limit(int images) {
  /// All images.
  public static final Limit NONE = new Limit(Integer.MAX_VALUE);

  private static final String ALL = "all";

  /// Checks the range.
  ///
  /// @throws IllegalArgumentException if it is below 1
  public Limit {
    if (images < 1) {
      throw new IllegalArgumentException("a limit is at least 1 image: " + images);
    }
  }

  /// Reads what [#toString] writes.
  ///
  /// @param text a number or `all`
  /// @return the limit
  /// @throws IllegalArgumentException if it is neither
  public static Limit parse(String text) {
    if (text.equals(ALL)) {
      return NONE;
    }
    try {
      return new Limit(Integer.parseInt(text));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("'" + text + "' is neither 1 or more images nor 'all'", e);
    }
  }

  @Override
  public String toString() {
    return images == Integer.MAX_VALUE ? ALL : Integer.toString(images);
  }
}
