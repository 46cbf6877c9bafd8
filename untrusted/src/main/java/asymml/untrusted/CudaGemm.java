package asymml.untrusted;

import static org.bytedeco.cuda.global.cublas.CUBLAS_COMPUTE_32F;
import static org.bytedeco.cuda.global.cublas.CUBLAS_COMPUTE_32F_FAST_16BF;
import static org.bytedeco.cuda.global.cublas.CUBLAS_COMPUTE_32F_FAST_TF32;
import static org.bytedeco.cuda.global.cublas.CUBLAS_GEMM_DEFAULT;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_N;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_T;
import static org.bytedeco.cuda.global.cublas.cublasGemmEx_64;
import static org.bytedeco.cuda.global.cudart.CUDA_R_32F;

import asymml.wire.OpDescriptor;
import org.bytedeco.cuda.cublas.cublasContext;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/// A fully connected layer, or a 1x1 convolution with stride 1: one matrix product over all pixels
/// P of the batch.
///
/// cuBLAS counts columns first, so that our row-major `[rows, columns]` is its `[columns, rows]`: X
/// is `[C, P]`, Y `[O, P]`, W `[C, O]`.
final class CudaGemm implements CudaOperation {
  private final cublasContext cublas;
  private final FloatPointer one;
  private final FloatPointer zero;
  private final int arithmetic;
  private final long pixels;
  private final long inChannels;
  private final long outChannels;
  private Pointer weights = new Pointer();

  /// @param op an operation that [#fits]
  CudaGemm(CudaContext context, OpDescriptor op) {
    cublas = context.cublas();
    one = context.one();
    zero = context.zero();
    arithmetic =
        switch (context.precision()) {
          case FP32 -> CUBLAS_COMPUTE_32F;
          case TF32 -> CUBLAS_COMPUTE_32F_FAST_TF32;
          case BF16 -> CUBLAS_COMPUTE_32F_FAST_16BF;
        };
    pixels = op.inputFloats() / op.inChannels();
    inChannels = op.inChannels();
    outChannels = op.outChannels();
  }

  /// Whether an operation is one matrix product.
  static boolean fits(OpDescriptor op) {
    return op.kernelHeight() == 1 && op.kernelWidth() == 1 && op.stride() == 1;
  }

  @Override
  public void loaded(Pointer current) {
    weights = current;
  }

  @Override
  public void forward(Pointer x, Pointer y) {
    // Y = W^T X
    multiply(
        CUBLAS_OP_T,
        CUBLAS_OP_N,
        outChannels,
        pixels,
        inChannels,
        weights,
        inChannels,
        x,
        inChannels,
        y);
  }

  @Override
  public void backwardData(Pointer dy, Pointer dx) {
    // dX = W dY
    multiply(
        CUBLAS_OP_N,
        CUBLAS_OP_N,
        inChannels,
        pixels,
        outChannels,
        weights,
        inChannels,
        dy,
        outChannels,
        dx);
  }

  @Override
  public void backwardWeights(Pointer x, Pointer dy, Pointer dw) {
    // dW = X dY^T
    multiply(
        CUBLAS_OP_N,
        CUBLAS_OP_T,
        inChannels,
        outChannels,
        pixels,
        x,
        inChannels,
        dy,
        outChannels,
        dw);
  }

  /// C = op(A) op(B), where C is `[m, n]` and dense.
  private void multiply(
      int opA,
      int opB,
      long m,
      long n,
      long k,
      Pointer a,
      long lda,
      Pointer b,
      long ldb,
      Pointer c) {
    Cuda.checkBlas(
        cublasGemmEx_64(
            cublas,
            opA,
            opB,
            m,
            n,
            k,
            one,
            a,
            CUDA_R_32F,
            lda,
            b,
            CUDA_R_32F,
            ldb,
            zero,
            c,
            CUDA_R_32F,
            m,
            arithmetic,
            CUBLAS_GEMM_DEFAULT),
        "cublasGemmEx of [" + m + ", " + n + "] over " + k);
  }

  @Override
  public void close() {}
}
