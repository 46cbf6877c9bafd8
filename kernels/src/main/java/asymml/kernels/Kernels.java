package asymml.kernels;

/// Facts and settings of the whole process: how many threads the kernels use, and which oneDNN is
/// loaded.
///
/// The thread count is the one piece of process-wide state here, because OpenMP's own pool is. It
/// is read when an object is planned and kept by it, since oneDNN sizes its scratch memory for that
/// count.
public final class Kernels {
  private static volatile int threads = OpenMp.threads();

  private Kernels() {}

  /// Sets the number of threads for objects planned from now on, for [Gemm] and for the
  /// element-wise passes. Objects that exist keep the count they were planned with.
  ///
  /// @param threads at least 1
  /// @throws IllegalArgumentException if below 1
  public static void setThreads(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1: " + threads);
    }
    Kernels.threads = threads;
  }

  /// The number of threads in use. Before [#setThreads(int)] it is OpenMP's default:
  /// `OMP_NUM_THREADS` where set, else one per processor.
  ///
  /// @return at least 1
  public static int threads() {
    return threads;
  }

  /// The width of the vectors of the element-wise passes.
  ///
  /// @return bits
  public static int vectorBits() {
    return Lanes.FLOATS.vectorBitSize();
  }

  /// The version of the loaded oneDNN.
  ///
  /// @return `major.minor.patch`
  public static String version() {
    return Dnnl.version();
  }
}
