package asymml.kernels;

/// The shape of one linear operation on a batch: `Y [N, OH, OW, O] = W [O, kH, kW, C] * X [N, H, W,
/// C]`, with one stride and one zero padding for both axes. A fully connected layer is the case `H
/// = W = kH = kW = 1`.
///
/// @param batch N, at least 1
/// @param height H, at least 1
/// @param width W, at least 1
/// @param inChannels C, at least 1
/// @param outChannels O, at least 1
/// @param kernelHeight kH, at least 1
/// @param kernelWidth kW, at least 1
/// @param stride step between windows, at least 1
/// @param padding zeros on each side, at least 0 and below the kernel's size
public record ConvShape(
    int batch,
    int height,
    int width,
    int inChannels,
    int outChannels,
    int kernelHeight,
    int kernelWidth,
    int stride,
    int padding) {

  /// Checks the ranges above.
  public ConvShape {
    if (batch < 1
        || height < 1
        || width < 1
        || inChannels < 1
        || outChannels < 1
        || kernelHeight < 1
        || kernelWidth < 1
        || stride < 1) {
      throw new IllegalArgumentException("convolution sizes and stride must be at least 1");
    }
    if (padding < 0 || padding >= Math.min(kernelHeight, kernelWidth)) {
      throw new IllegalArgumentException(
          "padding must be at least 0 and below the kernel's size: " + padding);
    }
    if (height + 2 * padding < kernelHeight || width + 2 * padding < kernelWidth) {
      throw new IllegalArgumentException(
          "kernel " + kernelHeight + "x" + kernelWidth + " is larger than the padded map");
    }
  }

  /// The shape of a fully connected layer.
  ///
  /// @param batch N
  /// @param inFeatures C
  /// @param outFeatures O
  /// @return the shape with a 1x1 map and kernel
  public static ConvShape linear(int batch, int inFeatures, int outFeatures) {
    return new ConvShape(batch, 1, 1, inFeatures, outFeatures, 1, 1, 1, 0);
  }

  /// OH, the output's height.
  ///
  /// @return `(H + 2 padding - kH) / stride + 1`, rounded down
  public int outHeight() {
    return (height + 2 * padding - kernelHeight) / stride + 1;
  }

  /// OW, the output's width.
  ///
  /// @return `(W + 2 padding - kW) / stride + 1`, rounded down
  public int outWidth() {
    return (width + 2 * padding - kernelWidth) / stride + 1;
  }

  /// Whether this is a fully connected layer.
  ///
  /// @return true if map and kernel are 1x1
  public boolean isLinear() {
    return height == 1 && width == 1 && kernelHeight == 1 && kernelWidth == 1 && padding == 0;
  }

  /// The same operation on another number of input channels.
  ///
  /// @param channels the new C
  /// @return a new shape
  public ConvShape withInChannels(int channels) {
    return new ConvShape(
        batch, height, width, channels, outChannels, kernelHeight, kernelWidth, stride, padding);
  }

  /// The same operation on another number of examples.
  ///
  /// @param examples the new N
  /// @return a new shape
  public ConvShape withBatch(int examples) {
    return new ConvShape(
        examples,
        height,
        width,
        inChannels,
        outChannels,
        kernelHeight,
        kernelWidth,
        stride,
        padding);
  }

  /// The axis lengths of X.
  ///
  /// @return `[N, H, W, C]`
  public int[] inputAxes() {
    return new int[] {batch, height, width, inChannels};
  }

  /// The axis lengths of Y.
  ///
  /// @return `[N, OH, OW, O]`
  public int[] outputAxes() {
    return new int[] {batch, outHeight(), outWidth(), outChannels};
  }

  /// The axis lengths of W.
  ///
  /// @return `[O, kH, kW, C]`
  public int[] weightAxes() {
    return new int[] {outChannels, kernelHeight, kernelWidth, inChannels};
  }

  /// Multiply-adds of one pass (forward, backward data or backward weights), padding counted as if
  /// multiplied.
  ///
  /// @return `N OH OW O kH kW C`
  public long multiplyAdds() {
    return (long) batch
        * outHeight()
        * outWidth()
        * outChannels
        * kernelHeight
        * kernelWidth
        * inChannels;
  }
}
