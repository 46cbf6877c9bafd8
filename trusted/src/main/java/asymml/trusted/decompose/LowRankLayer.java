package asymml.trusted.decompose;

import asymml.kernels.Tensor;

/// The trusted part of one linear layer: its arithmetic on the low-rank part of the input, without
/// ever forming that part: `W * (U V^T) = (W.U) * V` and `dY (x) (U V^T) = (dY (x) V).U^T`
/// (3LegRace, arXiv 2110.01229).
public sealed interface LowRankLayer extends AutoCloseable
    permits SharedLowRankLayer, PerExampleLowRankLayer {

  /// Forward.
  ///
  /// @param weights `[O, kH, kW, C]`
  /// @param y `[N, OH, OW, O]`, overwritten with `W * X_T`
  default void forward(Tensor weights, Tensor y) {
    forward(weights, true, y);
  }

  /// Forward, with weights that may be those of the call before: what was made of them, and of a
  /// basis that has not changed since, is used again.
  ///
  /// @param weights `[O, kH, kW, C]`
  /// @param changed whether they have other values than in the last call
  /// @param y `[N, OH, OW, O]`, overwritten with `W * X_T`
  void forward(Tensor weights, boolean changed, Tensor y);

  /// Weight gradient.
  ///
  /// @param dy `[N, OH, OW, O]`
  /// @param dw `[O, kH, kW, C]`, overwritten with `dY (x) X_T`
  default void backwardWeights(Tensor dy, Tensor dw) {
    backwardWeights(dy, 0, dy.length(0), dw);
  }

  /// Weight gradient of some examples.
  ///
  /// @param dy `[N, OH, OW, O]`
  /// @param from first example
  /// @param count how many
  /// @param dw `[O, kH, kW, C]`, overwritten with `dY (x) X_T` over these examples
  void backwardWeights(Tensor dy, int from, int count, Tensor dw);

  /// How many directions stand for the input at most.
  ///
  /// @return without the offset
  int largestRank();

  @Override
  void close();
}
