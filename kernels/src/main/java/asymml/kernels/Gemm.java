package asymml.kernels;

import static org.bytedeco.dnnl.global.dnnl.dnnl_sgemm;

import org.bytedeco.javacpp.FloatPointer;

/// The product of dense row-major float32 matrices `[rows, columns]`. Any tensor serves: its last
/// axis is the columns, the product of the others the rows (1 for a vector).
public final class Gemm {
  private Gemm() {}

  /// Computes `C = alpha op(A) op(B) + beta C`, in place in C. With `beta` 0, C is not read.
  ///
  /// @param transposeA whether `op(A)` is the transpose of A
  /// @param transposeB whether `op(B)` is the transpose of B
  /// @param alpha factor of the product
  /// @param a `op(A)` is `[m, k]`
  /// @param b `op(B)` is `[k, n]`
  /// @param beta factor of the old C
  /// @param c `[m, n]`, must not overlap a or b
  /// @throws IllegalArgumentException if the sizes do not fit
  public static void multiply(
      boolean transposeA,
      boolean transposeB,
      float alpha,
      Tensor a,
      Tensor b,
      float beta,
      Tensor c) {
    long m = transposeA ? columns(a) : rows(a);
    long k = transposeA ? rows(a) : columns(a);
    long innerOfB = transposeB ? columns(b) : rows(b);
    long n = transposeB ? rows(b) : columns(b);
    if (innerOfB != k || rows(c) != m || columns(c) != n) {
      throw new IllegalArgumentException(
          "op(A) [m, k] op(B) [k, n] must fit C [m, n]: A "
              + a
              + (transposeA ? " transposed" : "")
              + ", B "
              + b
              + (transposeB ? " transposed" : "")
              + ", C "
              + c);
    }
    OpenMp.useThreads(Kernels.threads());
    Dnnl.check(
        dnnl_sgemm(
            (byte) (transposeA ? 'T' : 'N'),
            (byte) (transposeB ? 'T' : 'N'),
            m,
            n,
            k,
            alpha,
            pointer("A", a),
            columns(a),
            pointer("B", b),
            columns(b),
            beta,
            pointer("C", c),
            columns(c)),
        "matrix product");
  }

  private static FloatPointer pointer(String name, Tensor tensor) {
    return new FloatPointer(new Primitive.Address(Operands.address(name, tensor)));
  }

  private static long columns(Tensor tensor) {
    int[] shape = tensor.shape();
    return shape.length == 0 ? 1 : shape[shape.length - 1];
  }

  private static long rows(Tensor tensor) {
    return tensor.size() / columns(tensor);
  }
}
