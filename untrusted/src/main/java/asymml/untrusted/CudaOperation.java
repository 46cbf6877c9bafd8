package asymml.untrusted;

import org.bytedeco.javacpp.Pointer;

/// One operation on device memory. Every call puts work on the stream of the kernels and returns;
/// all pointers are to dense tensors of the device, weights those of [#loaded].
sealed interface CudaOperation extends AutoCloseable permits CudaGemm, CudaConvolution {
  /// Takes note of new float32 weights, which stay where they are until the next call.
  void loaded(Pointer weights);

  /// Computes `Y = W * X`.
  void forward(Pointer x, Pointer y);

  /// Computes `dX = W^T * dY`.
  void backwardData(Pointer dy, Pointer dx);

  /// Computes `dW = dY (x) X`.
  void backwardWeights(Pointer x, Pointer dy, Pointer dw);

  @Override
  void close();
}
