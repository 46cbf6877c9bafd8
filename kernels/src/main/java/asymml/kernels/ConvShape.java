package asymml.kernels;

/// The shape of one linear operation on a batch: `Y [N, OH, OW, O] = W [O, kH, kW, C] * X [N, H, W,
/// C]`, with one stride and one zero padding for both axes. A fully connected layer is the case `H
/// = W = kH = kW = 1`. In a grouped convolution the channels of input and output are in as many
/// equal parts; those of an output part see those of the same input part alone, and `W` is `[O, kH,
/// kW, C / groups]`. With `groups = C` it is depthwise.
///
/// The bounds are those within which oneDNN's generated code keeps its offsets in 32 bits: beyond
/// them it writes elsewhere (stride 65536, backward data: SIGSEGV). `ConvolutionTest` computes at
/// them.
///
/// @param batch N, 1 to [#MAX_LENGTH]
/// @param height H, 1 to [#MAX_LENGTH]
/// @param width W, 1 to [#MAX_LENGTH]
/// @param inChannels C, 1 to [#MAX_LENGTH]
/// @param outChannels O, 1 to [#MAX_LENGTH]
/// @param kernelHeight kH, 1 to [#MAX_WINDOW]
/// @param kernelWidth kW, 1 to [#MAX_WINDOW]
/// @param stride step between windows, 1 to [#MAX_WINDOW]
/// @param padding zeros on each side, at least 0 and below the kernel's size
/// @param groups a divisor of C and of O
public record ConvShape(
    int batch,
    int height,
    int width,
    int inChannels,
    int outChannels,
    int kernelHeight,
    int kernelWidth,
    int stride,
    int padding,
    int groups) {
  /// The longest axis of a tensor.
  public static final int MAX_LENGTH = 1 << 24;

  /// The largest kernel, and the largest stride, along one axis.
  public static final int MAX_WINDOW = 128;

  /// The most values of one example's X, of one example's Y, and of W: 2 GiB each.
  public static final long MAX_VALUES = 1L << 29;

  /// Checks the ranges above, and [#MAX_VALUES].
  public ConvShape {
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
    if (groups < 1 || inChannels % groups != 0 || outChannels % groups != 0) {
      throw new IllegalArgumentException(
          "%s groups do not divide %s input and %s output channels"
              .formatted(groups, inChannels, outChannels));
    }
    checkValues("one example's input", height, width, inChannels);
    checkValues("the weights", outChannels, kernelHeight * kernelWidth, inChannels / groups);
    checkValues(
        "one example's output",
        outLength(height, kernelHeight, stride, padding),
        outLength(width, kernelWidth, stride, padding),
        outChannels);
  }

  /// An operation without groups.
  ///
  /// @param batch N
  /// @param height H
  /// @param width W
  /// @param inChannels C
  /// @param outChannels O
  /// @param kernelHeight kH
  /// @param kernelWidth kW
  /// @param stride step between windows
  /// @param padding zeros on each side
  public ConvShape(
      int batch,
      int height,
      int width,
      int inChannels,
      int outChannels,
      int kernelHeight,
      int kernelWidth,
      int stride,
      int padding) {
    this(
        batch,
        height,
        width,
        inChannels,
        outChannels,
        kernelHeight,
        kernelWidth,
        stride,
        padding,
        1);
  }

  private static void checkLength(String what, int value, int most) {
    if (value < 1 || value > most) {
      throw new IllegalArgumentException(
          "a convolution's %s must be 1 to %s: %s".formatted(what, most, value));
    }
  }

  // Two factors of at most 2^24 + 2^8 each, and a third once their product is at most 2^29.
  private static void checkValues(String what, int first, int second, int third) {
    long two = (long) first * second;
    if (two > MAX_VALUES || two * third > MAX_VALUES) {
      throw new IllegalArgumentException(
          "a convolution's tensors have at most %s values, and %s would have %s x %s x %s"
              .formatted(MAX_VALUES, what, first, second, third));
    }
  }

  private static int outLength(int length, int kernel, int stride, int padding) {
    return (length + 2 * padding - kernel) / stride + 1;
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
    return outLength(height, kernelHeight, stride, padding);
  }

  /// OW, the output's width.
  ///
  /// @return `(W + 2 padding - kW) / stride + 1`, rounded down
  public int outWidth() {
    return outLength(width, kernelWidth, stride, padding);
  }

  /// Whether this is a fully connected layer.
  ///
  /// @return true if map and kernel are 1x1, without groups
  public boolean isLinear() {
    return height == 1
        && width == 1
        && kernelHeight == 1
        && kernelWidth == 1
        && padding == 0
        && groups == 1;
  }

  /// The number of input channels that one output channel sees.
  ///
  /// @return `C / groups`
  public int groupChannels() {
    return inChannels / groups;
  }

  /// The same operation on another number of input channels.
  ///
  /// @param channels the new C
  /// @return a new shape
  /// @throws IllegalArgumentException if this has groups
  public ConvShape withInChannels(int channels) {
    requireWhole();
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
        padding,
        groups);
  }

  /// For what is not computed in groups.
  ///
  /// @return this
  /// @throws IllegalArgumentException if this has groups
  public ConvShape requireWhole() {
    if (groups > 1) {
      throw new IllegalArgumentException("not computed in groups of channels: " + this);
    }
    return this;
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
  /// @return `[O, kH, kW, C / groups]`
  public int[] weightAxes() {
    return new int[] {outChannels, kernelHeight, kernelWidth, groupChannels()};
  }

  /// Multiply-adds of one pass (forward, backward data or backward weights), padding counted as if
  /// multiplied.
  ///
  /// @return `N OH OW O kH kW C / groups`
  public long multiplyAdds() {
    return (long) batch
        * outHeight()
        * outWidth()
        * outChannels
        * kernelHeight
        * kernelWidth
        * groupChannels();
  }
}
