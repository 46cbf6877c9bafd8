package asymml.trusted.ops;

import asymml.kernels.ConvShape;
import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import java.util.List;
import java.util.Objects;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The parameters of one linear layer, with gradients where it is trained.
///
/// @param weight `[O, kH, kW, C]`
/// @param weightGradient of the same shape; null at inference, and where a worker updates the
///   weights
/// @param bias `[O]`, or null
/// @param biasGradient `[O]`; null at inference or without bias
/// @param relu whether a ReLU follows the bias, as part of the layer; at inference only
public record LinearParameters(
    Tensor weight,
    @Nullable Tensor weightGradient,
    @Nullable Tensor bias,
    @Nullable Tensor biasGradient,
    boolean relu) {
  /// Checks that a ReLU comes with a bias.
  ///
  /// @throws IllegalArgumentException if not
  public LinearParameters {
    if (relu && bias == null) {
      throw new IllegalArgumentException("a ReLU in a layer follows its bias");
    }
  }

  /// Parameters of a layer without a ReLU of its own.
  ///
  /// @param weight `[O, kH, kW, C]`
  /// @param weightGradient of the same shape; null at inference
  /// @param bias `[O]`, or null
  /// @param biasGradient `[O]`; null at inference or without bias
  public LinearParameters(
      Tensor weight,
      @Nullable Tensor weightGradient,
      @Nullable Tensor bias,
      @Nullable Tensor biasGradient) {
    this(weight, weightGradient, bias, biasGradient, false);
  }

  /// Adds the bias, if there is one, and applies the ReLU, if there is one.
  ///
  /// @param y `[N, OH, OW, O]`, changed in place
  public void addBias(Tensor y) {
    if (bias != null && relu) {
      Elementwise.addRowRelu(bias, rows(y));
    } else if (bias != null) {
      Elementwise.addRow(bias, rows(y));
    }
  }

  /// Adds what a worker has returned, then as [#addBias], in one pass.
  ///
  /// @param result of the worker, of y's size; each value is read once
  /// @param y some examples' part `[n, OH, OW, O]` of the output, changed in place
  /// @return false if a value of the result is NaN or infinite; y is then undefined
  /// @throws IllegalStateException if there is no bias
  public boolean addFiniteAndBias(Tensor result, Tensor y) {
    if (bias == null) {
      throw new IllegalStateException("the layer has no bias");
    }
    return Elementwise.addFiniteAndRow(result, bias, relu ? 0 : Float.NEGATIVE_INFINITY, rows(y));
  }

  /// Computes the gradient of the bias, if there is one.
  ///
  /// @param dy `[N, OH, OW, O]`
  public void biasBackward(Tensor dy) {
    if (biasGradient != null) {
      Elementwise.columnSums(rows(dy), biasGradient);
    }
  }

  /// How large one example's part in the gradients can be, over the norm of its output gradient.
  ///
  /// For each of the k x k places in the kernel, the part is a product `dY_i^T X_i'` of the output
  /// gradient with positions of the input, each taken at most once: its norm is at most `|dY_i|
  /// |X_i|`, and that of all places together at most `k |dY_i| |X_i|`. The bias's part is a sum
  /// over P positions of the output: at most `sqrt(P) |dY_i|`. The two are one vector.
  ///
  /// @param shape the layer's
  /// @param inputSquares the squared norm of an example's input, or a bound on it
  /// @return `sqrt(k k |X_i|^2 + P)`, without P where there is no bias
  public IntToDoubleFunction gain(ConvShape shape, IntToDoubleFunction inputSquares) {
    double places = (double) shape.kernelHeight() * shape.kernelWidth();
    int[] out = shape.outputAxes();
    double positions = bias == null ? 0 : (double) out[1] * out[2];
    return i -> Math.sqrt(places * inputSquares.applyAsDouble(i) + positions);
  }

  /// The gradients of a backward pass.
  ///
  /// @param withWeight whether the weights' is among them
  /// @return those that there are, weights first
  public List<Tensor> gradients(boolean withWeight) {
    return Stream.of(withWeight ? weightGradient : null, biasGradient)
        .filter(Objects::nonNull)
        .toList();
  }

  private static Tensor rows(Tensor map) {
    int channels = map.length(3);
    return map.reshape((int) (map.size() / channels), channels);
  }
}
