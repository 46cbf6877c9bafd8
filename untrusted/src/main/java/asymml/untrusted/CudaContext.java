package asymml.untrusted;

import static org.bytedeco.cuda.global.cublas.cublasCreate_v2;
import static org.bytedeco.cuda.global.cublas.cublasDestroy_v2;
import static org.bytedeco.cuda.global.cublas.cublasSetStream_v2;
import static org.bytedeco.cuda.global.cublas.cublasSetWorkspace_v2;
import static org.bytedeco.cuda.global.cudart.cudaDevAttrComputeCapabilityMajor;
import static org.bytedeco.cuda.global.cudart.cudaDevAttrComputeCapabilityMinor;
import static org.bytedeco.cuda.global.cudart.cudaDeviceGetAttribute;
import static org.bytedeco.cuda.global.cudart.cudaGetDeviceCount;
import static org.bytedeco.cuda.global.cudart.cudaGetDeviceProperties;
import static org.bytedeco.cuda.global.cudart.cudaSetDevice;
import static org.bytedeco.cuda.global.cudart.cudaStreamCreateWithFlags;
import static org.bytedeco.cuda.global.cudart.cudaStreamDestroy;
import static org.bytedeco.cuda.global.cudart.cudaStreamNonBlocking;
import static org.bytedeco.cuda.global.cudart.cudaStreamSynchronize;
import static org.bytedeco.cuda.global.cudnn.cudnnCreate;
import static org.bytedeco.cuda.global.cudnn.cudnnDestroy;
import static org.bytedeco.cuda.global.cudnn.cudnnGetCudartVersion;
import static org.bytedeco.cuda.global.cudnn.cudnnGetVersion;
import static org.bytedeco.cuda.global.cudnn.cudnnSetStream;

import asymml.kernels.Closer;
import java.nio.charset.StandardCharsets;
import org.bytedeco.cuda.cublas.cublasContext;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.cuda.cudnn.cudnnContext;
import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;

/// One GPU with the stream of its kernels and what they share: library handles, scratch memory,
/// constants.
final class CudaContext implements AutoCloseable {
  // What cuBLAS asks for on Hopper; without memory of its own it would allocate when it likes.
  private static final long BLAS_WORKSPACE_BYTES = 32L << 20;
  private static final int CUDA_MAJOR = 13;
  // cudaErrorNoDevice, cudaErrorInsufficientDriver.
  private static final int NO_DEVICE = 100;
  private static final int DRIVER_TOO_OLD = 35;
  // Ampere: the first with tf32 and bfloat16.
  private static final int REDUCED_PRECISION_MAJOR = 8;

  private final int device;
  private final Precision precision;
  private final String name;
  private final CUstream_st stream = new CUstream_st();
  private final cublasContext cublas = new cublasContext();
  private final cudnnContext cudnn = new cudnnContext();
  private final DeviceBuffer blasWorkspace = new DeviceBuffer();
  private final DeviceBuffer workspace = new DeviceBuffer();
  private final DeviceBuffer halfOperand = new DeviceBuffer();
  private final DeviceBuffer halfGradient = new DeviceBuffer();
  private final DeviceBuffer halfResult = new DeviceBuffer();
  private final FloatPointer one = new FloatPointer(1f);
  private final FloatPointer zero = new FloatPointer(0f);
  private @Nullable Bfloat16 bfloat16;

  /// Opens a GPU for the calling thread.
  ///
  /// @throws DeviceException if it is not there or cannot compute in that precision
  @SuppressWarnings("this-escape")
  CudaContext(int device, Precision precision) {
    this.device = device;
    this.precision = precision;
    try (Closer opened = new Closer()) {
      opened.own(this);
      checkPresent(device);
      Cuda.check(cudaSetDevice(device), "cudaSetDevice");
      this.name = describe(device);
      Cuda.check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "cudaStreamCreate");
      Cuda.checkBlas(cublasCreate_v2(cublas), "cublasCreate");
      Cuda.checkBlas(cublasSetStream_v2(cublas, stream), "cublasSetStream");
      blasWorkspace.reserve(BLAS_WORKSPACE_BYTES);
      Cuda.checkBlas(
          cublasSetWorkspace_v2(cublas, blasWorkspace.pointer(), blasWorkspace.sizeBytes()),
          "cublasSetWorkspace");
      Cuda.checkDnn(cudnnCreate(cudnn), "cudnnCreate");
      Cuda.checkDnn(cudnnSetStream(cudnn, stream), "cudnnSetStream");
      if (precision == Precision.BF16) {
        bfloat16 = new Bfloat16(stream);
      }
      opened.release();
    }
  }

  private static void checkPresent(int device) {
    int[] count = new int[1];
    int status = cudaGetDeviceCount(count);
    if (status == NO_DEVICE || status == DRIVER_TOO_OLD) {
      throw new DeviceException(
          status == NO_DEVICE
              ? "there is no cuda:%s: CUDA sees no GPU (nvidia-smi shows what the driver sees; a"
                      .formatted(device)
                  + " container must be started with the GPU)"
              : "the NVIDIA driver is too old for CUDA 13: install version 580 or newer");
    }
    Cuda.check(status, "cudaGetDeviceCount");
    if (device >= count[0]) {
      throw new DeviceException(
          "there is no cuda:%s: this machine has %s GPU%s"
              .formatted(device, count[0], count[0] == 1 ? "" : "s"));
    }
    long builtFor = cudnnGetCudartVersion() / 1000;
    if (builtFor != CUDA_MAJOR) {
      throw new DeviceException(
          "this cuDNN is built for CUDA %s, not %s: install the other (pip install"
                  .formatted(builtFor, CUDA_MAJOR)
              + " nvidia-cudnn-cu13), or name its folder with --cuda-libs");
    }
  }

  private String describe(int index) {
    int[] major = new int[1];
    int[] minor = new int[1];
    Cuda.check(
        cudaDeviceGetAttribute(major, cudaDevAttrComputeCapabilityMajor, index),
        "cudaDeviceGetAttribute");
    Cuda.check(
        cudaDeviceGetAttribute(minor, cudaDevAttrComputeCapabilityMinor, index),
        "cudaDeviceGetAttribute");
    try (cudaDeviceProp properties = new cudaDeviceProp()) {
      Cuda.check(cudaGetDeviceProperties(properties, index), "cudaGetDeviceProperties");
      String model = properties.name().getString(StandardCharsets.US_ASCII);
      if (precision != Precision.FP32 && major[0] < REDUCED_PRECISION_MAJOR) {
        throw new DeviceException(
            "%s has compute capability %s.%s; %s needs 8.0: use --precision fp32"
                .formatted(model, major[0], minor[0], precision));
      }
      long dnn = cudnnGetVersion();
      return "cuda:%s (%s, cuDNN %s.%s.%s)"
          .formatted(index, model, dnn / 10000, dnn / 100 % 100, dnn % 100);
    }
  }

  String name() {
    return name;
  }

  Precision precision() {
    return precision;
  }

  /// Makes this GPU the calling thread's.
  void enter() {
    Cuda.check(cudaSetDevice(device), "cudaSetDevice");
  }

  CUstream_st stream() {
    return stream;
  }

  cublasContext cublas() {
    return cublas;
  }

  cudnnContext cudnn() {
    return cudnn;
  }

  /// Scratch of the kernel that runs: one stream, one kernel at a time.
  DeviceBuffer workspace() {
    return workspace;
  }

  /// A bfloat16 copy of the first operand.
  DeviceBuffer halfOperand() {
    return halfOperand;
  }

  /// A bfloat16 copy of the second operand.
  DeviceBuffer halfGradient() {
    return halfGradient;
  }

  /// A bfloat16 result.
  DeviceBuffer halfResult() {
    return halfResult;
  }

  /// The conversions, if the precision is bf16.
  @Nullable Bfloat16 bfloat16() {
    return bfloat16;
  }

  FloatPointer one() {
    return one;
  }

  FloatPointer zero() {
    return zero;
  }

  /// Waits until all kernels have run.
  void finish() {
    Cuda.check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  }

  @Override
  public void close() {
    if (bfloat16 != null) {
      bfloat16.close();
      bfloat16 = null;
    }
    if (!cudnn.isNull()) {
      Cuda.report(cudnnDestroy(cudnn), "cudnnDestroy");
      cudnn.setNull();
    }
    if (!cublas.isNull()) {
      Cuda.report(cublasDestroy_v2(cublas), "cublasDestroy");
      cublas.setNull();
    }
    blasWorkspace.close();
    workspace.close();
    halfOperand.close();
    halfGradient.close();
    halfResult.close();
    if (!stream.isNull()) {
      Cuda.report(cudaStreamDestroy(stream), "cudaStreamDestroy");
      stream.setNull();
    }
  }
}
