package asymml.wire;

/// One linear operation as the worker sees it: `Y [N, OH, OW, O] = W [O, kH, kW, C] * X [N, H, W,
/// C]` with one stride and one zero padding. It names no model, no layer and no file.
///
/// The bounds keep every product that follows from a descriptor within a `long` and every axis
/// within an `int`, whoever wrote it.
///
/// @param batch N, 1 to [#MAX_LENGTH]
/// @param height H, 1 to [#MAX_LENGTH]
/// @param width W, 1 to [#MAX_LENGTH]
/// @param inChannels C, 1 to [#MAX_LENGTH]
/// @param outChannels O, 1 to [#MAX_LENGTH]
/// @param kernelHeight kH, at least 1 and at most the padded height
/// @param kernelWidth kW, at least 1 and at most the padded width
/// @param stride step between windows, 1 to [#MAX_LENGTH]
/// @param padding zeros on each side, at least 0 and below the kernel's size
public record OpDescriptor(
    int batch,
    int height,
    int width,
    int inChannels,
    int outChannels,
    int kernelHeight,
    int kernelWidth,
    int stride,
    int padding) {
  /// The longest axis.
  public static final int MAX_LENGTH = 1 << 24;

  /// The largest tensor in values: what fits the largest region.
  public static final long MAX_FLOATS = Slot.MAX_REGION_BYTES / Float.BYTES;

  /// Checks the ranges above, and that none of the three tensors exceeds [#MAX_FLOATS].
  public OpDescriptor {
    checkLength("batch", batch);
    checkLength("height", height);
    checkLength("width", width);
    checkLength("input channels", inChannels);
    checkLength("output channels", outChannels);
    checkLength("kernel height", kernelHeight);
    checkLength("kernel width", kernelWidth);
    checkLength("stride", stride);
    if (padding < 0 || padding >= Math.min(kernelHeight, kernelWidth)) {
      throw new IllegalArgumentException(
          "padding must be at least 0 and below the kernel's size: " + padding);
    }
    if (height + 2 * padding < kernelHeight || width + 2 * padding < kernelWidth) {
      throw new IllegalArgumentException(
          "kernel " + kernelHeight + "x" + kernelWidth + " is larger than the padded map");
    }
    product(batch, height, width, inChannels);
    product(outChannels, kernelHeight, kernelWidth, inChannels);
    product(
        batch,
        outLength(height, kernelHeight, stride, padding),
        outLength(width, kernelWidth, stride, padding),
        outChannels);
  }

  /// The number of values of X and of dX.
  ///
  /// @return `N H W C`
  public long inputFloats() {
    return product(batch, height, width, inChannels);
  }

  /// The number of values of Y and of dY.
  ///
  /// @return `N OH OW O`
  public long outputFloats() {
    return product(
        batch,
        outLength(height, kernelHeight, stride, padding),
        outLength(width, kernelWidth, stride, padding),
        outChannels);
  }

  /// The number of values of W and of dW.
  ///
  /// @return `O kH kW C`
  public long weightFloats() {
    return product(outChannels, kernelHeight, kernelWidth, inChannels);
  }

  private static int outLength(int length, int kernel, int stride, int padding) {
    return (length + 2 * padding - kernel) / stride + 1;
  }

  private static void checkLength(String what, int value) {
    if (value < 1 || value > MAX_LENGTH) {
      throw new IllegalArgumentException(what + " must be 1 to " + MAX_LENGTH + ": " + value);
    }
  }

  private static long product(int... lengths) {
    long product = 1;
    for (int length : lengths) {
      // Both factors are at most 2^38 and 2^24, so this cannot overflow before it is checked.
      product *= length;
      if (product > MAX_FLOATS) {
        throw new IllegalArgumentException(
            "a tensor of the operation exceeds " + MAX_FLOATS + " values");
      }
    }
    return product;
  }
}
