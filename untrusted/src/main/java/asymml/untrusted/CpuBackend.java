package asymml.untrusted;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.Kernels;
import asymml.kernels.MemoryBudget;
import asymml.kernels.MemoryLimitException;
import asymml.kernels.Tensor;
import asymml.wire.OpDescriptor;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Computes on the CPU with oneDNN in float32.
///
/// Not every operation gets every request: one whose examples come in chunks gets weights and
/// another gives their gradient. What requests need is planned with the first of them, which then
/// fails if oneDNN cannot compute it.
final class CpuBackend implements Backend {
  /// An operation, and what was asked of it so far.
  private final class Planned {
    private final ConvShape shape;
    private @Nullable Convolution weighted;
    private @Nullable Convolution gradient;

    private Planned(ConvShape shape) {
      this.shape = shape;
    }

    Convolution weighted() {
      if (weighted == null) {
        weighted = plan(EnumSet.of(Pass.FORWARD, Pass.BACKWARD_DATA));
      }
      return weighted;
    }

    Convolution gradient() {
      if (gradient == null) {
        gradient = plan(EnumSet.of(Pass.BACKWARD_WEIGHTS));
      }
      return gradient;
    }

    private Convolution plan(Set<Pass> passes) {
      try {
        return new Convolution(shape, passes, budget);
      } catch (IllegalStateException e) {
        throw new DeviceException("the cpu backend cannot compute it: " + e.getMessage(), e);
      } catch (MemoryLimitException e) {
        throw new DeviceException(
            e.getMessage() + ": raise it with " + MemoryOptions.FLAG + " at the worker", e);
      } catch (OutOfMemoryError e) {
        throw new DeviceException("this machine has too little memory for it", e);
      }
    }

    void close() {
      if (weighted != null) {
        weighted.close();
      }
      if (gradient != null) {
        gradient.close();
      }
    }
  }

  private final Map<Integer, Planned> operations = new HashMap<>();
  private final MemoryBudget budget;

  /// @param budget what plans take their memory from
  CpuBackend(MemoryBudget budget) {
    this.budget = budget;
  }

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
      operations.put(opId, new Planned(shape));
    } catch (IllegalArgumentException e) {
      throw new RefusedException("the cpu backend cannot compute it: " + e.getMessage(), e);
    }
  }

  @Override
  public Completion loadWeights(int opId, MemorySegment weights) {
    Planned operation = operation(opId);
    operation.weighted().loadWeights(Tensor.of(weights, operation.shape.weightAxes()));
    return Completion.DONE;
  }

  @Override
  public Completion forward(int opId, MemorySegment x, MemorySegment y) {
    Planned operation = operation(opId);
    ConvShape shape = operation.shape;
    operation.weighted().forward(Tensor.of(x, shape.inputAxes()), Tensor.of(y, shape.outputAxes()));
    return Completion.DONE;
  }

  @Override
  public Completion backwardData(int opId, MemorySegment dy, MemorySegment dx) {
    Planned operation = operation(opId);
    ConvShape shape = operation.shape;
    operation
        .weighted()
        .backwardData(Tensor.of(dy, shape.outputAxes()), Tensor.of(dx, shape.inputAxes()));
    return Completion.DONE;
  }

  @Override
  public Completion backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
    Planned operation = operation(opId);
    ConvShape shape = operation.shape;
    operation
        .gradient()
        .backwardWeights(
            Tensor.of(x, shape.inputAxes()),
            Tensor.of(dy, shape.outputAxes()),
            Tensor.of(dw, shape.weightAxes()));
    return Completion.DONE;
  }

  private Planned operation(int opId) {
    Planned operation = operations.get(opId);
    if (operation == null) {
      throw new IllegalStateException("operation " + opId + " is not defined");
    }
    return operation;
  }

  @Override
  public void close() {
    operations.values().forEach(Planned::close);
    operations.clear();
  }
}
