package asymml.untrusted;

import static org.bytedeco.cuda.global.cudart.cudaEventBlockingSync;
import static org.bytedeco.cuda.global.cudart.cudaEventCreateWithFlags;
import static org.bytedeco.cuda.global.cudart.cudaEventDestroy;
import static org.bytedeco.cuda.global.cudart.cudaEventDisableTiming;
import static org.bytedeco.cuda.global.cudart.cudaEventElapsedTime;
import static org.bytedeco.cuda.global.cudart.cudaEventRecord;
import static org.bytedeco.cuda.global.cudart.cudaEventSynchronize;
import static org.bytedeco.cuda.global.cudart.cudaGetLastError;
import static org.bytedeco.cuda.global.cudart.cudaHostRegister;
import static org.bytedeco.cuda.global.cudart.cudaHostRegisterPortable;
import static org.bytedeco.cuda.global.cudart.cudaHostUnregister;
import static org.bytedeco.cuda.global.cudart.cudaMemcpyAsync;
import static org.bytedeco.cuda.global.cudart.cudaMemcpyDeviceToHost;
import static org.bytedeco.cuda.global.cudart.cudaMemcpyHostToDevice;
import static org.bytedeco.cuda.global.cudart.cudaStreamCreateWithFlags;
import static org.bytedeco.cuda.global.cudart.cudaStreamDestroy;
import static org.bytedeco.cuda.global.cudart.cudaStreamNonBlocking;
import static org.bytedeco.cuda.global.cudart.cudaStreamSynchronize;
import static org.bytedeco.cuda.global.cudart.cudaStreamWaitEvent;

import asymml.kernels.Closer;
import asymml.wire.OpDescriptor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/// Computes on an NVIDIA GPU: convolutions with cuDNN, matrix products with cuBLAS.
///
/// Three streams, each in the order of the calls: operands go up, kernels run, results come down. A
/// call only queues its three parts, tied by events, so that while a kernel runs the operands of
/// the next call go up and the result of the one before comes down. Tensors pass through two lanes
/// in turn; an operation keeps nothing on the device but its weights. All device memory is planned
/// when operations are defined.
final class CudaBackend implements Backend {
  private static final int LANES = 2;
  // Above what is ever awaited at a time: one that is used again has been awaited.
  private static final int ENDS = 2 * (Replies.CAPACITY + 1);

  /// Where the tensors of a call stand on the device.
  private final class Lane implements AutoCloseable {
    private final DeviceBuffer first = new DeviceBuffer();
    private final DeviceBuffer second = new DeviceBuffer();
    private final DeviceBuffer result = new DeviceBuffer();
    private final CUevent_st uploaded = event(cudaEventDisableTiming);
    private final CUevent_st begun = event(0);
    private final CUevent_st computed = event(0);
    private final CUevent_st downloaded = event(cudaEventDisableTiming);

    @Override
    public void close() {
      first.close();
      second.close();
      result.close();
    }
  }

  private record Operation(CudaOperation kernels, DeviceBuffer weights) {
    void close() {
      kernels.close();
      weights.close();
    }
  }

  private interface Kernel {
    void run(Pointer first, Pointer second, Pointer result);
  }

  private final CudaContext context;
  private final CUstream_st up = new CUstream_st();
  private final CUstream_st down = new CUstream_st();
  private final List<CUevent_st> events = new ArrayList<>();
  private final List<Lane> lanes = new ArrayList<>();
  private final List<CUevent_st> ends = new ArrayList<>();
  private final Map<Integer, Operation> operations = new HashMap<>();
  private final CUevent_st weightsUploaded;
  private final CUevent_st lastKernel;
  private int nextLane;
  private int nextEnd;
  private boolean pinned;
  private @Nullable Lane measured;
  private boolean closed;

  private CudaBackend(CudaContext context) {
    this.context = context;
    try (Closer opened = new Closer()) {
      opened.own(this);
      Cuda.check(cudaStreamCreateWithFlags(up, cudaStreamNonBlocking), "cudaStreamCreate");
      Cuda.check(cudaStreamCreateWithFlags(down, cudaStreamNonBlocking), "cudaStreamCreate");
      weightsUploaded = event(cudaEventDisableTiming);
      lastKernel = event(cudaEventDisableTiming);
      for (int i = 0; i < LANES; i++) {
        lanes.add(new Lane());
      }
      for (int i = 0; i < ENDS; i++) {
        // Who waits sleeps: a thread that spins takes a core from the trusted side.
        ends.add(event(cudaEventDisableTiming | cudaEventBlockingSync));
      }
      opened.release();
    }
  }

  /// Loads the CUDA libraries and opens a GPU.
  ///
  /// @param libraries the folder of `--cuda-libs`, or null
  /// @throws DeviceException if a library or the GPU is missing; its line says which
  static CudaBackend open(Device.Cuda device, Precision precision, @Nullable Path libraries) {
    CudaLibraries search =
        new CudaLibraries(Path.of("/"), System.getenv(), Path.of("").toAbsolutePath());
    Cuda.loadDriver(search.drivers());
    Cuda.load(search.locate(libraries));
    return new CudaBackend(new CudaContext(device.index(), precision));
  }

  private CUevent_st event(int flags) {
    CUevent_st event = new CUevent_st();
    Cuda.check(cudaEventCreateWithFlags(event, flags), "cudaEventCreate");
    events.add(event);
    return event;
  }

  @Override
  public String name() {
    return context.name();
  }

  @Override
  public String precision() {
    return context.precision().description();
  }

  @Override
  public void define(int opId, OpDescriptor op) throws RefusedException {
    context.enter();
    long input = op.inputFloats() * Float.BYTES;
    long output = op.outputFloats() * Float.BYTES;
    long filter = op.weightFloats() * Float.BYTES;
    for (Lane lane : lanes) {
      lane.first.reserve(Math.max(input, output));
      lane.second.reserve(output);
      lane.result.reserve(Math.max(Math.max(input, output), filter));
    }
    DeviceBuffer weights = new DeviceBuffer();
    boolean defined = false;
    try {
      weights.reserve(filter);
      Lane lane = lanes.getFirst();
      CudaOperation kernels =
          CudaGemm.fits(op)
              ? new CudaGemm(context, op)
              : new CudaConvolution(
                  context,
                  op,
                  lane.first.pointer(),
                  lane.second.pointer(),
                  weights.pointer(),
                  lane.result.pointer());
      operations.put(opId, new Operation(kernels, weights));
      defined = true;
    } finally {
      if (!defined) {
        weights.close();
      }
    }
  }

  /// Keeps the pages of the region in place, so that copies need no thread of the processor.
  @Override
  public void attach(MemorySegment region) {
    context.enter();
    int status =
        cudaHostRegister(
            new Address(region.address()), region.byteSize(), cudaHostRegisterPortable);
    pinned = status == 0;
    if (!pinned) {
      // Copies are right without it, but slow: said, not hidden.
      Cuda.report(status, "cudaHostRegister of the tensor region (copies will be slower)");
      cudaGetLastError();
    }
  }

  @Override
  public void detach(MemorySegment region) {
    Cuda.report(cudaStreamSynchronize(down), "cudaStreamSynchronize");
    Cuda.report(cudaStreamSynchronize(up), "cudaStreamSynchronize");
    if (pinned) {
      pinned = false;
      Cuda.report(cudaHostUnregister(new Address(region.address())), "cudaHostUnregister");
    }
  }

  @Override
  public Completion loadWeights(int opId, MemorySegment weights) {
    Operation operation = operation(opId);
    Pointer target = operation.weights.pointer();
    await(up, lastKernel);
    upload(target, weights);
    record(weightsUploaded, up);
    await(context.stream(), weightsUploaded);
    operation.kernels.loaded(target);
    record(lastKernel, context.stream());
    return end(up);
  }

  @Override
  public Completion forward(int opId, MemorySegment x, MemorySegment y) {
    CudaOperation kernels = operation(opId).kernels;
    return call(x, null, y, (first, _, result) -> kernels.forward(first, result));
  }

  @Override
  public Completion backwardData(int opId, MemorySegment dy, MemorySegment dx) {
    CudaOperation kernels = operation(opId).kernels;
    return call(dy, null, dx, (first, _, result) -> kernels.backwardData(first, result));
  }

  @Override
  public Completion backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
    return call(x, dy, dw, operation(opId).kernels::backwardWeights);
  }

  private Operation operation(int opId) {
    Operation operation = operations.get(opId);
    if (operation == null) {
      throw new IllegalStateException("operation " + opId + " is not defined");
    }
    return operation;
  }

  private Completion call(
      MemorySegment first, @Nullable MemorySegment second, MemorySegment result, Kernel kernel) {
    Lane lane = lanes.get(nextLane);
    nextLane = (nextLane + 1) % LANES;
    // An event that was never recorded holds nobody up.
    await(up, lane.computed);
    upload(lane.first.pointer(), first);
    if (second != null) {
      upload(lane.second.pointer(), second);
    }
    record(lane.uploaded, up);

    await(context.stream(), lane.uploaded);
    await(context.stream(), lane.downloaded);
    record(lane.begun, context.stream());
    kernel.run(lane.first.pointer(), lane.second.pointer(), lane.result.pointer());
    record(lane.computed, context.stream());
    record(lastKernel, context.stream());

    await(down, lane.computed);
    Cuda.check(
        cudaMemcpyAsync(
            new Address(result.address()),
            lane.result.pointer(),
            result.byteSize(),
            cudaMemcpyDeviceToHost,
            down),
        "cudaMemcpyAsync to the host");
    record(lane.downloaded, down);
    measured = lane;
    return end(down);
  }

  private void upload(Pointer target, MemorySegment source) {
    Cuda.check(
        cudaMemcpyAsync(
            target, new Address(source.address()), source.byteSize(), cudaMemcpyHostToDevice, up),
        "cudaMemcpyAsync to the device");
  }

  private static void record(CUevent_st event, CUstream_st stream) {
    Cuda.check(cudaEventRecord(event, stream), "cudaEventRecord");
  }

  private static void await(CUstream_st stream, CUevent_st event) {
    Cuda.check(cudaStreamWaitEvent(stream, event, 0), "cudaStreamWaitEvent");
  }

  private Completion end(CUstream_st stream) {
    CUevent_st event = ends.get(nextEnd);
    nextEnd = (nextEnd + 1) % ENDS;
    record(event, stream);
    return () -> {
      context.enter();
      Cuda.check(cudaEventSynchronize(event), "cudaEventSynchronize");
    };
  }

  @Override
  public OptionalDouble kernelSeconds() {
    if (measured == null) {
      return OptionalDouble.empty();
    }
    float[] millis = new float[1];
    Cuda.check(
        cudaEventElapsedTime(millis, measured.begun, measured.computed), "cudaEventElapsedTime");
    return OptionalDouble.of(millis[0] / 1e3);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    for (CUstream_st stream : List.of(up, context.stream(), down)) {
      if (!stream.isNull()) {
        Cuda.report(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
      }
    }
    operations.values().forEach(Operation::close);
    operations.clear();
    lanes.forEach(Lane::close);
    lanes.clear();
    events.forEach(event -> Cuda.report(cudaEventDestroy(event), "cudaEventDestroy"));
    events.clear();
    for (CUstream_st stream : List.of(up, down)) {
      if (!stream.isNull()) {
        Cuda.report(cudaStreamDestroy(stream), "cudaStreamDestroy");
        stream.setNull();
      }
    }
    context.close();
  }
}
