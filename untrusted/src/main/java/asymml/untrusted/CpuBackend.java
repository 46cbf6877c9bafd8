package asymml.untrusted;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Kernels;
import asymml.kernels.Tensor;
import asymml.wire.OpDescriptor;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;

/// Computes on the CPU with oneDNN in float32.
final class CpuBackend implements Backend {
  private final Map<Integer, Convolution> convolutions = new HashMap<>();

  @Override
  public String name() {
    return "cpu (oneDNN " + Kernels.version() + ")";
  }

  @Override
  public String precision() {
    return Precision.FP32.description();
  }

  @Override
  public void define(int opId, OpDescriptor op) throws RefusedException {
    try {
      ConvShape shape =
          new ConvShape(
              op.batch(),
              op.height(),
              op.width(),
              op.inChannels(),
              op.outChannels(),
              op.kernelHeight(),
              op.kernelWidth(),
              op.stride(),
              op.padding());
      convolutions.put(opId, new Convolution(shape, EnumSet.allOf(Convolution.Pass.class)));
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw new RefusedException("the cpu backend cannot compute it: " + e.getMessage(), e);
    }
  }

  @Override
  public Completion loadWeights(int opId, MemorySegment weights) {
    Convolution convolution = convolution(opId);
    convolution.loadWeights(Tensor.of(weights, convolution.shape().weightAxes()));
    return Completion.DONE;
  }

  @Override
  public Completion forward(int opId, MemorySegment x, MemorySegment y) {
    Convolution convolution = convolution(opId);
    ConvShape shape = convolution.shape();
    convolution.forward(Tensor.of(x, shape.inputAxes()), Tensor.of(y, shape.outputAxes()));
    return Completion.DONE;
  }

  @Override
  public Completion backwardData(int opId, MemorySegment dy, MemorySegment dx) {
    Convolution convolution = convolution(opId);
    ConvShape shape = convolution.shape();
    convolution.backwardData(Tensor.of(dy, shape.outputAxes()), Tensor.of(dx, shape.inputAxes()));
    return Completion.DONE;
  }

  @Override
  public Completion backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
    Convolution convolution = convolution(opId);
    ConvShape shape = convolution.shape();
    convolution.backwardWeights(
        Tensor.of(x, shape.inputAxes()),
        Tensor.of(dy, shape.outputAxes()),
        Tensor.of(dw, shape.weightAxes()));
    return Completion.DONE;
  }

  private Convolution convolution(int opId) {
    Convolution convolution = convolutions.get(opId);
    if (convolution == null) {
      throw new IllegalStateException("operation " + opId + " is not defined");
    }
    return convolution;
  }

  @Override
  public void close() {
    convolutions.values().forEach(Convolution::close);
    convolutions.clear();
  }
}
