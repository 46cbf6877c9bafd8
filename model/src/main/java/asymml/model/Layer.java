package asymml.model;

/// One operation of a network on NHWC feature maps. The set is closed: executors switch over it
/// without a default, so that a new layer does not compile until it is handled everywhere.
public sealed interface Layer {

  /// A layer that is linear in its input and has weights.
  sealed interface WeightedLayer extends Layer permits LinearLayer, GroupedConv2d {}

  /// What a plan can split.
  sealed interface LinearLayer extends WeightedLayer permits Conv2d, Linear {}

  /// A function of each value by itself.
  sealed interface Activation extends Layer permits Tanh, Clip, LeakyRelu, Sigmoid, HardSwish {}

  /// Convolution with square kernel. Weights `[O, k, k, C]`; bias `[O]`, where a normalisation does
  /// not follow.
  ///
  /// @param outChannels O, at least 1
  /// @param kernel k, 1 to [#MAX_WINDOW]
  /// @param stride 1 to [#MAX_WINDOW]
  /// @param padding zeros on each side, 0 to k - 1
  /// @param standardized whether each filter is brought to mean 0 and norm 1 before it is used
  ///   (weight standardisation: Qiao et al. 2019, arXiv 1903.10520)
  /// @param bias whether a trained value is added to each output channel
  record Conv2d(
      int outChannels, int kernel, int stride, int padding, boolean standardized, boolean bias)
      implements LinearLayer {
    /// The largest kernel and stride: no kernel of this project computes more.
    public static final int MAX_WINDOW = 128;

    /// Checks the ranges above.
    public Conv2d {
      requireWindow(outChannels, kernel, stride, padding);
    }

    /// A convolution without bias.
    ///
    /// @param outChannels O, at least 1
    /// @param kernel k, at least 1
    /// @param stride at least 1
    /// @param padding zeros on each side, 0 to k - 1
    /// @param standardized whether each filter is brought to mean 0 and norm 1 before it is used
    public Conv2d(int outChannels, int kernel, int stride, int padding, boolean standardized) {
      this(outChannels, kernel, stride, padding, standardized, false);
    }

    /// A convolution that uses its weights as they are, without bias.
    ///
    /// @param outChannels O, at least 1
    /// @param kernel k, at least 1
    /// @param stride at least 1
    /// @param padding zeros on each side, 0 to k - 1
    public Conv2d(int outChannels, int kernel, int stride, int padding) {
      this(outChannels, kernel, stride, padding, false, false);
    }
  }

  /// Convolution of groups of channels: input and output channels are in as many equal parts, and
  /// an output part sees the same input part alone (Xie et al. 2017, arXiv 1611.05431); as many
  /// groups as channels make it depthwise. Weights `[O, k, k, C / groups]`. No plan splits it: with
  /// few channels to a group, its low-rank part would cost as much as the whole.
  ///
  /// @param outChannels O, a multiple of the groups
  /// @param kernel k, 1 to [Conv2d#MAX_WINDOW]
  /// @param stride 1 to [Conv2d#MAX_WINDOW]
  /// @param padding zeros on each side, 0 to k - 1
  /// @param groups at least 2, a divisor of the input channels
  /// @param standardized whether each filter is brought to mean 0 and norm 1 before it is used
  /// @param bias whether a trained value is added to each output channel
  record GroupedConv2d(
      int outChannels,
      int kernel,
      int stride,
      int padding,
      int groups,
      boolean standardized,
      boolean bias)
      implements WeightedLayer {
    /// Checks the ranges above.
    public GroupedConv2d {
      requireWindow(outChannels, kernel, stride, padding);
      require(groups >= 2 && outChannels % groups == 0, "groups", groups);
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
  record Tanh() implements Activation {}

  /// `min(max(x, low), high)`; ReLU6 is a clip to 0 to 6. Where a value is clipped, or at an end,
  /// no gradient flows.
  ///
  /// @param low finite
  /// @param high above low, finite
  record Clip(float low, float high) implements Activation {
    /// Checks the range above.
    public Clip {
      if (!(low < high) || !Float.isFinite(low) || !Float.isFinite(high)) {
        throw new IllegalArgumentException(
            "a clip needs two finite ends, the lower first: " + low + ", " + high);
      }
    }
  }

  /// `x` where that is above 0, else `slope x`.
  ///
  /// @param slope above 0 and below 1
  record LeakyRelu(float slope) implements Activation {
    /// Checks the range above.
    public LeakyRelu {
      if (!(slope > 0 && slope < 1)) {
        throw new IllegalArgumentException("leaky ReLU needs a slope in (0, 1): " + slope);
      }
    }
  }

  /// `1 / (1 + exp(-x))`.
  record Sigmoid() implements Activation {}

  /// `x min(max(x / 6 + 1 / 2, 0), 1)` (Howard et al. 2019, arXiv 1905.02244).
  record HardSwish() implements Activation {}

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

  /// The channels of two or more inputs of one height and width, one input behind the other.
  record Concat() implements Layer {}

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

  private static void requireWindow(int outChannels, int kernel, int stride, int padding) {
    require(outChannels >= 1, "output channels", outChannels);
    require(kernel >= 1 && kernel <= Conv2d.MAX_WINDOW, "kernel", kernel);
    require(stride >= 1 && stride <= Conv2d.MAX_WINDOW, "stride", stride);
    require(padding >= 0 && padding < kernel, "padding", padding);
  }

  private static void require(boolean holds, String what, int value) {
    if (!holds) {
      throw new IllegalArgumentException(what + " out of range: " + value);
    }
  }
}
