package asymml.model;

/// One operation of a network on NHWC feature maps. The set is closed: executors switch over it
/// without a default, so that a new layer does not compile until it is handled everywhere.
public sealed interface Layer {

  /// A layer that is linear in its input and has weights: what a plan can split.
  sealed interface LinearLayer extends Layer permits Conv2d, Linear {}

  /// Convolution with square kernel, without bias (a normalisation follows it in every model here).
  /// Weights `[O, k, k, C]`.
  ///
  /// @param outChannels O, at least 1
  /// @param kernel k, 1 to [#MAX_WINDOW]
  /// @param stride 1 to [#MAX_WINDOW]
  /// @param padding zeros on each side, 0 to k - 1
  /// @param standardized whether each filter is brought to mean 0 and norm 1 before it is used
  ///   (weight standardisation: Qiao et al. 2019, arXiv 1903.10520)
  record Conv2d(int outChannels, int kernel, int stride, int padding, boolean standardized)
      implements LinearLayer {
    /// The largest kernel and stride: no kernel of this project computes more.
    public static final int MAX_WINDOW = 128;

    /// Checks the ranges above.
    public Conv2d {
      require(outChannels >= 1, "output channels", outChannels);
      require(kernel >= 1 && kernel <= MAX_WINDOW, "kernel", kernel);
      require(stride >= 1 && stride <= MAX_WINDOW, "stride", stride);
      require(padding >= 0 && padding < kernel, "padding", padding);
    }

    /// A convolution that uses its weights as they are.
    ///
    /// @param outChannels O, at least 1
    /// @param kernel k, at least 1
    /// @param stride at least 1
    /// @param padding zeros on each side, 0 to k - 1
    public Conv2d(int outChannels, int kernel, int stride, int padding) {
      this(outChannels, kernel, stride, padding, false);
    }
  }

  /// Fully connected layer with bias on a flat input. Weights `[O, 1, 1, C]`, bias `[O]`.
  ///
  /// @param outFeatures O, at least 1
  record Linear(int outFeatures) implements LinearLayer {
    /// Checks the range above.
    public Linear {
      require(outFeatures >= 1, "output features", outFeatures);
    }
  }

  /// Batch normalisation per channel, with running statistics for inference.
  ///
  /// @param epsilon added to the variance, above 0
  /// @param momentum weight of the newest batch in the running statistics, above 0 and at most 1
  record BatchNorm(float epsilon, float momentum) implements Layer {
    /// Checks the ranges above.
    public BatchNorm {
      if (!(epsilon > 0) || !(momentum > 0 && momentum <= 1)) {
        throw new IllegalArgumentException(
            "batch norm needs epsilon > 0 and momentum in (0, 1]: " + epsilon + ", " + momentum);
      }
    }
  }

  /// Group normalisation per example: no example touches another.
  ///
  /// @param groups must divide the channels
  /// @param epsilon added to the variance, above 0
  /// @param affine whether a trained scale and shift per channel follow
  record GroupNorm(int groups, float epsilon, boolean affine) implements Layer {
    /// Checks the ranges above.
    public GroupNorm {
      require(groups >= 1, "groups", groups);
      if (!(epsilon > 0)) {
        throw new IllegalArgumentException("group norm needs epsilon > 0: " + epsilon);
      }
    }

    /// A group normalisation with scale and shift.
    ///
    /// @param groups must divide the channels
    /// @param epsilon added to the variance, above 0
    public GroupNorm(int groups, float epsilon) {
      this(groups, epsilon, true);
    }
  }

  /// `max(x, 0)`.
  record Relu() implements Layer {}

  /// `tanh(x)`.
  record Tanh() implements Layer {}

  /// The scattering transform of the image: fixed wavelets, no parameters (Bruna and Mallat 2013,
  /// arXiv 1203.1513; in front of a classifier trained with differential privacy: Tramer and Boneh
  /// 2021, arXiv 2011.11660). Morlet wavelets on [#SCALES] scales in [#ORIENTATIONS] orientations,
  /// orders 0 to 2: `[H, W, C]` to `[H / 4, W / 4, 81 C]`, the paths of one colour together, and
  /// normalised for each image: means of all colours together, the other paths of one colour, scale
  /// and first orientation together. Reads the image itself: no gradient flows through it.
  record Scattering() implements Layer {
    /// The number of scales, J.
    public static final int SCALES = 2;

    /// The number of orientations, L.
    public static final int ORIENTATIONS = 8;

    /// Channels of the output for each channel of the image.
    public static final int PATHS = 1 + SCALES * ORIENTATIONS + ORIENTATIONS * ORIENTATIONS;

    /// Pixels of the image, along each axis, for each pixel of the output.
    public static final int REDUCTION = 1 << SCALES;
  }

  /// Maximum over square windows.
  ///
  /// @param kernel at least 1
  /// @param stride at least 1
  /// @param padding 0 to kernel - 1; padded places never win
  record MaxPool(int kernel, int stride, int padding) implements Layer {
    /// Checks the ranges above.
    public MaxPool {
      require(kernel >= 1, "kernel", kernel);
      require(stride >= 1, "stride", stride);
      require(padding >= 0 && padding < kernel, "padding", padding);
    }
  }

  /// Mean over square windows; padding is not counted.
  ///
  /// @param kernel at least 1
  /// @param stride at least 1
  /// @param padding 0 to kernel - 1
  record AvgPool(int kernel, int stride, int padding) implements Layer {
    /// Checks the ranges above.
    public AvgPool {
      require(kernel >= 1, "kernel", kernel);
      require(stride >= 1, "stride", stride);
      require(padding >= 0 && padding < kernel, "padding", padding);
    }
  }

  /// Mean over the whole map: `[H, W, C]` to `[1, 1, C]`.
  record GlobalAvgPool() implements Layer {}

  /// Sum of two inputs of equal shape (a residual shortcut).
  record Add() implements Layer {}

  /// `[H, W, C]` to `[1, 1, H W C]`; moves nothing.
  record Flatten() implements Layer {}

  /// Zeroes each value with a probability in training, scaling the others up; identity otherwise.
  ///
  /// @param rate probability, 0 to below 1
  record Dropout(float rate) implements Layer {
    /// Checks the range above.
    public Dropout {
      if (!(rate >= 0 && rate < 1)) {
        throw new IllegalArgumentException("dropout rate must be in [0, 1): " + rate);
      }
    }
  }

  private static void require(boolean holds, String what, int value) {
    if (!holds) {
      throw new IllegalArgumentException(what + " out of range: " + value);
    }
  }
}
