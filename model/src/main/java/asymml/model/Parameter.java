package asymml.model;

import java.util.Arrays;
import java.util.List;

/// A trained or tracked array of a network.
///
/// @param name node name and role, for example `conv1.weight`
/// @param kind its role
/// @param axes axis lengths; convolution weights are `[O, kH, kW, C]`
/// @param initial what its initial values are drawn from, if it is a linear layer's weights
/// @param frozen whether training leaves it as it is
public record Parameter(
    String name, Kind kind, List<Integer> axes, Initial initial, boolean frozen) {
  /// What initial weights are drawn from.
  public enum Initial {
    /// Normal with variance 2 / fan, in front of rectifiers (He et al. 2015, arXiv 1502.01852):
    /// fan-out for windows above 1x1 as in residual networks, fan-in for 1x1 and linear layers.
    HE,
    /// Uniform with variance 1 / (3 fan-in), in front of functions that saturate: inputs of
    /// variance 1 stay where the function is steep (LeCun et al. 1998, with the range that PyTorch
    /// takes for all layers).
    SMALL_UNIFORM
  }

  /// What a parameter is for.
  public enum Kind {
    /// Weights of a linear layer: trained, decayed.
    WEIGHT,
    /// Weights of a convolution that uses them standardised: trained, decayed.
    STANDARDIZED_WEIGHT,
    /// Bias of a linear layer: trained.
    BIAS,
    /// Scale of a normalisation: trained.
    SCALE,
    /// Shift of a normalisation: trained.
    SHIFT,
    /// Running mean of a batch normalisation: tracked.
    RUNNING_MEAN,
    /// Running variance of a batch normalisation: tracked.
    RUNNING_VARIANCE;

    /// Whether the optimiser updates parameters of this kind.
    ///
    /// @return false for running statistics
    public boolean trained() {
      return this != RUNNING_MEAN && this != RUNNING_VARIANCE;
    }

    /// Whether they are a linear layer's weights.
    ///
    /// @return true for weights, standardised or not
    public boolean weight() {
      return this == WEIGHT || this == STANDARDIZED_WEIGHT;
    }
  }

  /// Copies the axes.
  public Parameter {
    axes = List.copyOf(axes);
  }

  /// Creates a parameter.
  ///
  /// @param name node name and role
  /// @param kind its role
  /// @param axes axis lengths
  /// @return a new parameter
  public static Parameter of(String name, Kind kind, int... axes) {
    return new Parameter(name, kind, Arrays.stream(axes).boxed().toList(), Initial.HE, false);
  }

  /// The same parameter with other initial weights.
  Parameter from(Initial other) {
    return new Parameter(name, kind, axes, other, frozen);
  }

  /// Whether the optimiser updates it.
  ///
  /// @return false for running statistics and frozen parameters
  public boolean trained() {
    return kind.trained() && !frozen;
  }

  /// The same parameter, which training leaves as it is.
  Parameter asFrozen() {
    return new Parameter(name, kind, axes, initial, true);
  }

  /// The axis lengths as an array.
  ///
  /// @return a new array
  public int[] shape() {
    return axes.stream().mapToInt(Integer::intValue).toArray();
  }

  /// The number of values.
  ///
  /// @return the product of the axis lengths
  public long size() {
    return axes.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
  }
}
