package asymml.trusted.data;

import asymml.kernels.Tensor;

/// One batch of normalised images, or of their scattering features. Valid until its loader's next
/// call of `next` or `close`: the tensor is a view of the loader's buffer, which is then filled
/// anew.
///
/// @param indices which examples of the image set these are, or
///   [asymml.trusted.draw.PoissonDraw#NULL_EXAMPLE]; not copied
/// @param labels their labels, or [asymml.kernels.SoftmaxCrossEntropy#NO_LABEL]; not copied
/// @param images `[n, H, W, C]` float32, n the number of indices; or features `[n, H / 4, W / 4, 81
///   C]`
@SuppressWarnings("ArrayRecordComponent") // Read once per step by one owner; never compared.
public record Batch(int[] indices, int[] labels, Tensor images) {
  /// Checks that the three agree.
  public Batch {
    if (indices.length != labels.length || indices.length != images.length(0)) {
      throw new IllegalArgumentException(
          indices.length + " indices and " + labels.length + " labels for " + images);
    }
  }

  /// The number of examples, null examples among them.
  ///
  /// @return n, at least 1
  public int size() {
    return indices.length;
  }
}
