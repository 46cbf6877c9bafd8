package asymml.untrusted;

import static org.bytedeco.cuda.global.cudnn.CUDNN_CONVOLUTION_BWD_DATA_ALGO_0;
import static org.bytedeco.cuda.global.cudnn.CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
import static org.bytedeco.cuda.global.cudnn.CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0;
import static org.bytedeco.cuda.global.cudnn.CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;
import static org.bytedeco.cuda.global.cudnn.CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3;
import static org.bytedeco.cuda.global.cudnn.CUDNN_CONVOLUTION_FWD_ALGO_GEMM;
import static org.bytedeco.cuda.global.cudnn.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
import static org.bytedeco.cuda.global.cudnn.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
import static org.bytedeco.cuda.global.cudnn.CUDNN_CROSS_CORRELATION;
import static org.bytedeco.cuda.global.cudnn.CUDNN_DATA_BFLOAT16;
import static org.bytedeco.cuda.global.cudnn.CUDNN_DATA_FLOAT;
import static org.bytedeco.cuda.global.cudnn.CUDNN_DEFAULT_MATH;
import static org.bytedeco.cuda.global.cudnn.CUDNN_DETERMINISTIC;
import static org.bytedeco.cuda.global.cudnn.CUDNN_FMA_MATH;
import static org.bytedeco.cuda.global.cudnn.CUDNN_STATUS_SUCCESS;
import static org.bytedeco.cuda.global.cudnn.CUDNN_TENSOR_NHWC;
import static org.bytedeco.cuda.global.cudnn.CUDNN_TENSOR_OP_MATH;
import static org.bytedeco.cuda.global.cudnn.CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION;
import static org.bytedeco.cuda.global.cudnn.cudnnConvolutionBackwardData;
import static org.bytedeco.cuda.global.cudnn.cudnnConvolutionBackwardFilter;
import static org.bytedeco.cuda.global.cudnn.cudnnConvolutionForward;
import static org.bytedeco.cuda.global.cudnn.cudnnCreateConvolutionDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnCreateFilterDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnCreateTensorDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnDestroyConvolutionDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnDestroyFilterDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnDestroyTensorDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnGetConvolutionBackwardDataAlgorithm_v7;
import static org.bytedeco.cuda.global.cudnn.cudnnGetConvolutionBackwardFilterAlgorithm_v7;
import static org.bytedeco.cuda.global.cudnn.cudnnGetConvolutionForwardAlgorithm_v7;
import static org.bytedeco.cuda.global.cudnn.cudnnSetConvolution2dDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnSetConvolutionMathType;
import static org.bytedeco.cuda.global.cudnn.cudnnSetFilter4dDescriptor;
import static org.bytedeco.cuda.global.cudnn.cudnnSetTensor4dDescriptor;

import asymml.kernels.Closer;
import asymml.wire.OpDescriptor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import org.bytedeco.cuda.cudnn.cudnnConvolutionBwdDataAlgoPerf_t;
import org.bytedeco.cuda.cudnn.cudnnConvolutionBwdFilterAlgoPerf_t;
import org.bytedeco.cuda.cudnn.cudnnConvolutionFwdAlgoPerf_t;
import org.bytedeco.cuda.cudnn.cudnnConvolutionStruct;
import org.bytedeco.cuda.cudnn.cudnnFilterStruct;
import org.bytedeco.cuda.cudnn.cudnnTensorStruct;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/// A convolution by cuDNN, NHWC. Its algorithms are chosen once, by cuDNN's heuristic and not by
/// timing, so that two runs choose alike: the first that sums in the asked precision, needs no more
/// than [#MOST_WORKSPACE_BYTES] and proves itself in a trial run; those that give the same bits in
/// each run come before those that do not. Winograd and Fourier transforms, which round otherwise,
/// are left out.
///
/// cuDNN 9 calls these functions deprecated and keeps them; its graph interface, which it prefers,
/// has nothing more to offer for a plain convolution.
@SuppressWarnings("deprecation")
final class CudaConvolution implements CudaOperation {
  private static final long MOST_WORKSPACE_BYTES = 1L << 30;
  // More than cuDNN has of any pass.
  private static final int MOST_ALGORITHMS = 16;

  /// One algorithm for one pass, as cuDNN describes it.
  private record Algorithm(int number, int mathType, boolean deterministic, long workspaceBytes) {}

  /// A pass: its algorithm, and the descriptor that carries the algorithm's arithmetic.
  private static final class Pass {
    private final cudnnConvolutionStruct convolution = new cudnnConvolutionStruct();
    private Algorithm algorithm = new Algorithm(0, 0, false, 0);
  }

  private interface Run {
    int with(Pass pass);
  }

  private final CudaContext context;
  private final OpDescriptor op;
  private final boolean half;
  private final cudnnTensorStruct x = new cudnnTensorStruct();
  private final cudnnTensorStruct y = new cudnnTensorStruct();
  private final cudnnFilterStruct w = new cudnnFilterStruct();
  private final Pass forward = new Pass();
  private final Pass backwardData = new Pass();
  private final Pass backwardWeights = new Pass();
  private final DeviceBuffer halfWeights = new DeviceBuffer();
  private Pointer weights = new Pointer();

  /// Plans the three passes.
  ///
  /// @param input device memory of the size of X and of Y, for the trial runs
  /// @param gradient device memory of the size of Y
  /// @param filter device memory of the size of W
  /// @param result device memory of the size of X, Y and W
  /// @throws RefusedException if cuDNN has no algorithm for a pass
  CudaConvolution(
      CudaContext context,
      OpDescriptor op,
      Pointer input,
      Pointer gradient,
      Pointer filter,
      Pointer result)
      throws RefusedException {
    this.context = context;
    this.op = op;
    this.half = context.precision() == Precision.BF16;
    try (Closer opened = new Closer()) {
      opened.own(this);
      describe();
      if (half) {
        halfWeights.reserve(op.weightFloats() * Short.BYTES);
        context.halfOperand().reserve(Math.max(op.inputFloats(), op.outputFloats()) * Short.BYTES);
        context.halfGradient().reserve(op.outputFloats() * Short.BYTES);
        context
            .halfResult()
            .reserve(
                Math.max(Math.max(op.inputFloats(), op.outputFloats()), op.weightFloats())
                    * Short.BYTES);
      }
      // In trial runs the operands are whatever stands there.
      weights = half ? halfWeights.pointer() : filter;
      Pointer a = half ? context.halfOperand().pointer() : input;
      Pointer b = half ? context.halfGradient().pointer() : gradient;
      Pointer c = half ? context.halfResult().pointer() : result;
      choose("forward", forward, forwardAlgorithms(), pass -> runForward(pass, a, c));
      choose("backward data", backwardData, dataAlgorithms(), pass -> runData(pass, a, c));
      choose(
          "backward weights",
          backwardWeights,
          weightsAlgorithms(),
          pass -> runWeights(pass, a, b, c));
      opened.release();
    }
  }

  private void describe() {
    int type = half ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    int outHeight = (op.height() + 2 * op.padding() - op.kernelHeight()) / op.stride() + 1;
    int outWidth = (op.width() + 2 * op.padding() - op.kernelWidth()) / op.stride() + 1;
    Cuda.checkDnn(cudnnCreateTensorDescriptor(x), "cudnnCreateTensorDescriptor");
    Cuda.checkDnn(
        cudnnSetTensor4dDescriptor(
            x, CUDNN_TENSOR_NHWC, type, op.batch(), op.inChannels(), op.height(), op.width()),
        "cudnnSetTensor4dDescriptor");
    Cuda.checkDnn(cudnnCreateTensorDescriptor(y), "cudnnCreateTensorDescriptor");
    Cuda.checkDnn(
        cudnnSetTensor4dDescriptor(
            y, CUDNN_TENSOR_NHWC, type, op.batch(), op.outChannels(), outHeight, outWidth),
        "cudnnSetTensor4dDescriptor");
    Cuda.checkDnn(cudnnCreateFilterDescriptor(w), "cudnnCreateFilterDescriptor");
    // NHWC means [O, kH, kW, C] here.
    Cuda.checkDnn(
        cudnnSetFilter4dDescriptor(
            w,
            type,
            CUDNN_TENSOR_NHWC,
            op.outChannels(),
            op.inChannels(),
            op.kernelHeight(),
            op.kernelWidth()),
        "cudnnSetFilter4dDescriptor");
    for (Pass pass : List.of(forward, backwardData, backwardWeights)) {
      Cuda.checkDnn(
          cudnnCreateConvolutionDescriptor(pass.convolution), "cudnnCreateConvolutionDescriptor");
      Cuda.checkDnn(
          cudnnSetConvolution2dDescriptor(
              pass.convolution,
              op.padding(),
              op.padding(),
              op.stride(),
              op.stride(),
              1,
              1,
              CUDNN_CROSS_CORRELATION,
              CUDNN_DATA_FLOAT),
          "cudnnSetConvolution2dDescriptor");
      setMathType(pass, mathType());
    }
  }

  private int mathType() {
    return switch (context.precision()) {
      case FP32 -> CUDNN_FMA_MATH;
      // Of float32 tensors: tf32 where the device has it.
      case TF32 -> CUDNN_DEFAULT_MATH;
      case BF16 -> CUDNN_TENSOR_OP_MATH;
    };
  }

  /// Whether an algorithm's arithmetic is the one that the handshake states.
  private boolean isHonest(int mathType) {
    return mathType != CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION
        && (context.precision() != Precision.FP32 || mathType == CUDNN_FMA_MATH);
  }

  private static void setMathType(Pass pass, int mathType) {
    Cuda.checkDnn(
        cudnnSetConvolutionMathType(pass.convolution, mathType), "cudnnSetConvolutionMathType");
  }

  private List<Algorithm> forwardAlgorithms() {
    int[] count = new int[1];
    List<Algorithm> found = new ArrayList<>();
    try (var all = new cudnnConvolutionFwdAlgoPerf_t(MOST_ALGORITHMS)) {
      Cuda.checkDnn(
          cudnnGetConvolutionForwardAlgorithm_v7(
              context.cudnn(), x, w, forward.convolution, y, MOST_ALGORITHMS, count, all),
          "cudnnGetConvolutionForwardAlgorithm_v7");
      for (int i = 0; i < count[0]; i++) {
        var each = all.getPointer(i);
        add(
            found,
            Set.of(
                CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
                CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
                CUDNN_CONVOLUTION_FWD_ALGO_GEMM),
            each.status(),
            algorithm(each.algo(), each.mathType(), each.determinism(), each.memory()));
      }
    }
    return found;
  }

  private List<Algorithm> dataAlgorithms() {
    int[] count = new int[1];
    List<Algorithm> found = new ArrayList<>();
    try (var all = new cudnnConvolutionBwdDataAlgoPerf_t(MOST_ALGORITHMS)) {
      Cuda.checkDnn(
          cudnnGetConvolutionBackwardDataAlgorithm_v7(
              context.cudnn(), w, y, backwardData.convolution, x, MOST_ALGORITHMS, count, all),
          "cudnnGetConvolutionBackwardDataAlgorithm_v7");
      for (int i = 0; i < count[0]; i++) {
        var each = all.getPointer(i);
        add(
            found,
            Set.of(CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1),
            each.status(),
            algorithm(each.algo(), each.mathType(), each.determinism(), each.memory()));
      }
    }
    return found;
  }

  private List<Algorithm> weightsAlgorithms() {
    int[] count = new int[1];
    List<Algorithm> found = new ArrayList<>();
    try (var all = new cudnnConvolutionBwdFilterAlgoPerf_t(MOST_ALGORITHMS)) {
      Cuda.checkDnn(
          cudnnGetConvolutionBackwardFilterAlgorithm_v7(
              context.cudnn(), x, y, backwardWeights.convolution, w, MOST_ALGORITHMS, count, all),
          "cudnnGetConvolutionBackwardFilterAlgorithm_v7");
      for (int i = 0; i < count[0]; i++) {
        var each = all.getPointer(i);
        add(
            found,
            Set.of(
                CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0,
                CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1,
                CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3),
            each.status(),
            algorithm(each.algo(), each.mathType(), each.determinism(), each.memory()));
      }
    }
    return found;
  }

  private static Algorithm algorithm(int number, int mathType, int determinism, long memory) {
    return new Algorithm(number, mathType, determinism == CUDNN_DETERMINISTIC, memory);
  }

  private void add(List<Algorithm> found, Set<Integer> direct, int status, Algorithm algorithm) {
    if (status == CUDNN_STATUS_SUCCESS
        && direct.contains(algorithm.number)
        && isHonest(algorithm.mathType)
        && algorithm.workspaceBytes <= MOST_WORKSPACE_BYTES) {
      found.add(algorithm);
    }
  }

  private void choose(String what, Pass pass, List<Algorithm> candidates, Run trial)
      throws RefusedException {
    // A stable sort: cuDNN's order, the fastest first, stays within each half.
    candidates.sort(Comparator.comparing(a -> !a.deterministic));
    int status = CUDNN_STATUS_SUCCESS;
    for (Algorithm candidate : candidates) {
      setMathType(pass, candidate.mathType);
      context.workspace().reserve(candidate.workspaceBytes);
      pass.algorithm = candidate;
      status = trial.with(pass);
      if (status == CUDNN_STATUS_SUCCESS) {
        context.finish();
        return;
      }
    }
    throw new RefusedException(
        "cuDNN has no %s in %s for %s (of %s algorithms the last failed with status %s)"
            .formatted(what, context.precision(), op, candidates.size(), status));
  }

  private int runForward(Pass pass, Pointer from, Pointer to) {
    return cudnnConvolutionForward(
        context.cudnn(),
        context.one(),
        x,
        from,
        w,
        weights,
        pass.convolution,
        pass.algorithm.number,
        context.workspace().pointer(),
        pass.algorithm.workspaceBytes,
        context.zero(),
        y,
        to);
  }

  private int runData(Pass pass, Pointer from, Pointer to) {
    return cudnnConvolutionBackwardData(
        context.cudnn(),
        context.one(),
        w,
        weights,
        y,
        from,
        pass.convolution,
        pass.algorithm.number,
        context.workspace().pointer(),
        pass.algorithm.workspaceBytes,
        context.zero(),
        x,
        to);
  }

  private int runWeights(Pass pass, Pointer input, Pointer gradient, Pointer to) {
    return cudnnConvolutionBackwardFilter(
        context.cudnn(),
        context.one(),
        x,
        input,
        y,
        gradient,
        pass.convolution,
        pass.algorithm.number,
        context.workspace().pointer(),
        pass.algorithm.workspaceBytes,
        context.zero(),
        w,
        to);
  }

  @Override
  public void loaded(Pointer current) {
    weights = half ? narrowed(current, halfWeights, op.weightFloats()) : current;
  }

  @Override
  public void forward(Pointer from, Pointer to) {
    Pointer a = narrowed(from, context.halfOperand(), op.inputFloats());
    Cuda.checkDnn(runForward(forward, a, result(to)), "cudnnConvolutionForward");
    widened(to, op.outputFloats());
  }

  @Override
  public void backwardData(Pointer from, Pointer to) {
    Pointer a = narrowed(from, context.halfOperand(), op.outputFloats());
    Cuda.checkDnn(runData(backwardData, a, result(to)), "cudnnConvolutionBackwardData");
    widened(to, op.inputFloats());
  }

  @Override
  public void backwardWeights(Pointer input, Pointer gradient, Pointer to) {
    Pointer a = narrowed(input, context.halfOperand(), op.inputFloats());
    Pointer b = narrowed(gradient, context.halfGradient(), op.outputFloats());
    Cuda.checkDnn(runWeights(backwardWeights, a, b, result(to)), "cudnnConvolutionBackwardFilter");
    widened(to, op.weightFloats());
  }

  private Pointer narrowed(Pointer from, DeviceBuffer copy, long count) {
    @Nullable Bfloat16 conversion = context.bfloat16();
    if (conversion == null) {
      return from;
    }
    conversion.narrow(from, copy.pointer(), count);
    return copy.pointer();
  }

  private Pointer result(Pointer to) {
    return half ? context.halfResult().pointer() : to;
  }

  private void widened(Pointer to, long count) {
    @Nullable Bfloat16 conversion = context.bfloat16();
    if (conversion != null) {
      conversion.widen(context.halfResult().pointer(), to, count);
    }
  }

  @Override
  public void close() {
    for (Pass pass : List.of(forward, backwardData, backwardWeights)) {
      if (!pass.convolution.isNull()) {
        Cuda.report(
            cudnnDestroyConvolutionDescriptor(pass.convolution),
            "cudnnDestroyConvolutionDescriptor");
        pass.convolution.setNull();
      }
    }
    if (!w.isNull()) {
      Cuda.report(cudnnDestroyFilterDescriptor(w), "cudnnDestroyFilterDescriptor");
      w.setNull();
    }
    for (cudnnTensorStruct tensor : List.of(x, y)) {
      if (!tensor.isNull()) {
        Cuda.report(cudnnDestroyTensorDescriptor(tensor), "cudnnDestroyTensorDescriptor");
        tensor.setNull();
      }
    }
    halfWeights.close();
  }
}
