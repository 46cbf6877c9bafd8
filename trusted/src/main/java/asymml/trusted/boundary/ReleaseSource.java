package asymml.trusted.boundary;

import asymml.kernels.Tensor;

/// Where a release takes the values of its examples from: an existing tensor, or memory that is
/// filled when they are wanted, while they stay in one core's cache.
public interface ReleaseSource {
  /// The private values of one example. Called from several threads, for different examples.
  ///
  /// @param example its place in the batch
  /// @param scratch memory for as many values, to fill and return; or another tensor is returned
  /// @return float32 values, read only, until the same thread asks again
  Tensor values(int example, Tensor scratch);
}
