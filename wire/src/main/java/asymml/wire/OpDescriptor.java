package asymml.wire;

/// One linear operation as the worker sees it: `Y [N, OH, OW, O] = W [O, kH, kW, C] * X [N, H, W,
/// C]` with one stride and one zero padding. It names no model, no layer and no file.
///
/// The bounds are what a backend can compute, whoever wrote the descriptor: `ConvShape` has the
/// same for the CPU, where oneDNN's generated code would write elsewhere beyond them. They also
/// keep every product that follows within a `long`.
///
/// @param batch N, 1 to [#MAX_LENGTH]
/// @param height H, 1 to [#MAX_LENGTH]
/// @param width W, 1 to [#MAX_LENGTH]
/// @param inChannels C, 1 to [#MAX_LENGTH]
/// @param outChannels O, 1 to [#MAX_LENGTH]
/// @param kernelHeight kH, 1 to [#MAX_WINDOW] and at most the padded height
/// @param kernelWidth kW, 1 to [#MAX_WINDOW] and at most the padded width
/// @param stride step between windows, 1 to [#MAX_WINDOW]
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

  /// The largest kernel, and the largest stride, along one axis.
  public static final int MAX_WINDOW = 128;

  /// The most values of one example's X, of one example's Y, and of W: 2 GiB each.
  public static final long MAX_VALUES = 1L << 29;

  /// The largest tensor of a batch in values: what fits the largest region.
  public static final long MAX_FLOATS = Slot.MAX_REGION_BYTES / Float.BYTES;

  /// Checks the ranges above, and that no tensor exceeds [#MAX_VALUES] and [#MAX_FLOATS].
  public OpDescriptor {
    checkLength("batch", batch, MAX_LENGTH);
    checkLength("height", height, MAX_LENGTH);
    checkLength("width", width, MAX_LENGTH);
    checkLength("input channels", inChannels, MAX_LENGTH);
    checkLength("output channels", outChannels, MAX_LENGTH);
    checkLength("kernel height", kernelHeight, MAX_WINDOW);
    checkLength("kernel width", kernelWidth, MAX_WINDOW);
    checkLength("stride", stride, MAX_WINDOW);
    if (padding < 0 || padding >= Math.min(kernelHeight, kernelWidth)) {
      throw new IllegalArgumentException(
          "padding must be at least 0 and below the kernel's size: " + padding);
    }
    if (height + 2 * padding < kernelHeight || width + 2 * padding < kernelWidth) {
      throw new IllegalArgumentException(
          "kernel " + kernelHeight + "x" + kernelWidth + " is larger than the padded map");
    }
    int outHeight = outLength(height, kernelHeight, stride, padding);
    int outWidth = outLength(width, kernelWidth, stride, padding);
    product(MAX_VALUES, outChannels, kernelHeight, kernelWidth, inChannels);
    product(MAX_FLOATS, product(MAX_VALUES, height, width, inChannels), batch);
    product(MAX_FLOATS, product(MAX_VALUES, outHeight, outWidth, outChannels), batch);
  }

  /// The number of values of X and of dX.
  ///
  /// @return `N H W C`
  public long inputFloats() {
    return (long) batch * height * width * inChannels;
  }

  /// The number of values of Y and of dY.
  ///
  /// @return `N OH OW O`
  public long outputFloats() {
    return (long) batch
        * outLength(height, kernelHeight, stride, padding)
        * outLength(width, kernelWidth, stride, padding)
        * outChannels;
  }

  /// The number of values of W and of dW.
  ///
  /// @return `O kH kW C`
  public long weightFloats() {
    return (long) outChannels * kernelHeight * kernelWidth * inChannels;
  }

  private static int outLength(int length, int kernel, int stride, int padding) {
    return (length + 2 * padding - kernel) / stride + 1;
  }

  private static void checkLength(String what, int value, int most) {
    if (value < 1 || value > most) {
      throw new IllegalArgumentException(what + " must be 1 to " + most + ": " + value);
    }
  }

  private static long product(long most, long... lengths) {
    long product = 1;
    for (long length : lengths) {
      // A factor is at most 2^29, and what it meets at most 2^29, so that this cannot overflow
      // before it is checked.
      product *= length;
      if (product > most) {
        throw new IllegalArgumentException("a tensor of the operation exceeds " + most + " values");
      }
    }
    return product;
  }
}
