package asymml.model;

/// The shape of one example's feature map; a flat vector of C features is `1 x 1 x C`.
///
/// @param height H, at least 1
/// @param width W, at least 1
/// @param channels C, at least 1
public record Shape(int height, int width, int channels) {
  /// Checks the ranges above.
  public Shape {
    if (height < 1 || width < 1 || channels < 1) {
      throw new IllegalArgumentException(
          "a feature map needs at least one row, column and channel: "
              + height
              + "x"
              + width
              + "x"
              + channels);
    }
  }

  /// The number of values of one example.
  ///
  /// @return `H W C`
  public int size() {
    return Math.multiplyExact(Math.multiplyExact(height, width), channels);
  }

  /// The number of pixels of one example.
  ///
  /// @return `H W`
  public int pixels() {
    return Math.multiplyExact(height, width);
  }

  @Override
  public String toString() {
    return height + "x" + width + "x" + channels;
  }
}
