package asymml.cli;

/// How many images of a split are used.
///
/// @param images at least 1; [Integer#MAX_VALUE] for all
record Limit(int images) {
  static final String ALL = "all";

  Limit {
    if (images < 1) {
      throw new IllegalArgumentException("a limit is at least 1 image: " + images);
    }
  }

  @Override
  public String toString() {
    return images == Integer.MAX_VALUE ? ALL : Integer.toString(images);
  }
}
