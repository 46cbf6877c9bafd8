package asymml.trusted.decompose;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntPredicate;

/// Splits the input `X [N, H, W, C]` of linear layers into a low-rank part that stays trusted as
/// factors and a residual: `X = X_T + X_U`. One decomposer serves one place in a network, that is
/// all layers that read the same `X`, and any batch size up to the one it was made for.
public sealed interface Decomposer extends AutoCloseable
    permits SharedDecomposer, PerExampleDecomposer {

  /// The largest rank that it can have.
  ///
  /// @return at least 1
  int largestRank();

  /// The present rank.
  ///
  /// @return at least 1
  int rank();

  /// Computes the factors of a batch.
  ///
  /// @param x `[n, H, W, C]`, n at most the batch this was made for; read only
  /// @param step the training step, from 0: decides about refreshes
  void fit(Tensor x, long step);

  /// Writes the residual of one example of the batch last fitted. On the calling thread alone;
  /// several may do so at a time, for different examples.
  ///
  /// @param x the batch
  /// @param example its place in the batch
  /// @param out as many values as an example has, overwritten with `X_i - X_T,i`; must not alias x
  void residual(Tensor x, int example, Tensor out);

  /// Writes the residual of some examples of the batch last fitted.
  ///
  /// @param x the batch
  /// @param from first example
  /// @param count how many
  /// @param out `[count, H, W, C]`, overwritten with `X - X_T`; must not alias x
  default void residual(Tensor x, int from, int count, Tensor out) {
    for (int i = 0; i < count; i++) {
      residual(x, from + i, out.examples(i, 1));
    }
  }

  /// Whether [#fit] can be called.
  ///
  /// @return false as long as a shared basis is to come from elsewhere and has not
  default boolean canProject() {
    return true;
  }

  /// Finds what examples share, a basis and a mean, of other activations. Where they share nothing
  /// there is nothing to do.
  ///
  /// @param x `[n, H, W, C]`, n at most the batch this was made for; read only
  default void refit(Tensor x) {}

  /// Finds a shared basis of a batch's noised second moments, `sum X_i^T X_i` over its examples.
  ///
  /// @param x `[n, H, W, C]`, private; read only
  /// @param clip the bound on one example's moment
  /// @param isNull which places hold no example
  /// @param noise adds to the upper triangle `[C (C + 1) / 2]` what covers an example's part
  /// @throws UnsupportedOperationException if examples share no basis: no plan has a release of one
  ///   then
  default void refit(Tensor x, double clip, IntPredicate isNull, Consumer<Tensor> noise) {
    throw new UnsupportedOperationException("examples share no basis");
  }

  /// A bound on the squared Frobenius norm of the low-rank part of one example.
  ///
  /// @param example its place in the batch last fitted
  /// @return at least `|X_T,i|^2`
  double keptSquares(int example);

  /// The trusted part of one linear layer that reads this input.
  ///
  /// @param shape the layer's shape
  /// @return its low-rank arithmetic; closed by the caller, before this decomposer
  LowRankLayer layer(ConvShape shape);

  /// What a later run needs to continue with the same basis.
  ///
  /// @return name to values; empty before the first fit
  Map<String, float[]> state();

  /// Restores what [#state] gave.
  ///
  /// @param state from a decomposer of the same shape
  void restore(Map<String, float[]> state);

  /// Zeroes and frees the factors.
  @Override
  void close();
}
