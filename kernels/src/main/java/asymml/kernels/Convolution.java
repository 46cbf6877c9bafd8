package asymml.kernels;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_WEIGHTS;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.bytedeco.dnnl.global.dnnl;
import org.jspecify.annotations.Nullable;

/// A convolution or fully connected layer of one fixed shape: `Y [N, OH, OW, O] = W [O, kH, kW, C]
/// * X [N, H, W, C]` without bias, and its two gradients. Primitives, packed weights and scratch
///   memory are planned once.
///
/// Weights are copied in by [#loadWeights] and stay until the next call of it. Operands must not
/// overlap. Not thread-safe: one caller at a time.
public final class Convolution implements AutoCloseable {
  /// One of the three computations on a shape.
  public enum Pass {
    /// `Y = W * X`.
    FORWARD,
    /// `dX = W^T * dY`.
    BACKWARD_DATA,
    /// `dW = dY (x) X`, summed over the batch.
    BACKWARD_WEIGHTS
  }

  private final ConvShape shape;
  private final MemoryBudget budget;
  private long takenBytes;
  // Shared: planned, run and closed by whichever thread the owner uses, one at a time.
  private final Arena arena = Arena.ofShared();
  private final List<MemorySegment> buffers = new ArrayList<>();
  private final List<Primitive> primitives = new ArrayList<>();
  private final List<String> implementations = new ArrayList<>();
  private final @Nullable Weighted forward;
  private final @Nullable Weighted backwardData;
  private final @Nullable Primitive backwardWeights;
  private final @Nullable Primitive unpackGradient;
  private final long packedGradient;
  private boolean loaded;
  private boolean closed;

  /// A pass that reads weights, with its packed copy of them; `pack` is null where it shares the
  /// copy of another pass.
  private record Weighted(Primitive run, @Nullable Primitive pack, long packed) {}

  /// Plans the passes.
  ///
  /// @param shape sizes of the operation
  /// @param passes those that will be called, at least one
  /// @throws IllegalArgumentException if no pass is given
  /// @throws IllegalStateException if oneDNN has only a reference implementation for one of them
  public Convolution(ConvShape shape, Set<Pass> passes) {
    this(shape, passes, MemoryBudget.unlimited());
  }

  /// Plans the passes of a shape that somebody else has chosen.
  ///
  /// @param shape sizes of the operation
  /// @param passes those that will be called, at least one
  /// @param budget what packed weights, scratch memory and code are taken from until [#close]
  /// @throws IllegalArgumentException if no pass is given
  /// @throws IllegalStateException if oneDNN has only a reference implementation for one of them
  /// @throws MemoryLimitException if the budget has less left
  public Convolution(ConvShape shape, Set<Pass> passes, MemoryBudget budget) {
    if (passes.isEmpty()) {
      throw new IllegalArgumentException("a convolution needs at least one pass: " + passes);
    }
    this.shape = shape;
    this.budget = budget;
    Weighted forwardPass = null;
    Weighted dataPass = null;
    Primitive weightsPass = null;
    Primitive unpack = null;
    long gradient = 0;
    try (Closer opened = new Closer();
        LinearPrimitives plans = new LinearPrimitives(shape, budget);
        Primitive hint = plans.forward()) {
      opened.own(this);
      if (passes.contains(Pass.FORWARD)) {
        forwardPass = weighted(plans, keep(plans.forward()), null);
      }
      if (passes.contains(Pass.BACKWARD_DATA)) {
        dataPass = weighted(plans, keep(plans.backwardData(hint)), forwardPass);
      }
      if (passes.contains(Pass.BACKWARD_WEIGHTS)) {
        weightsPass = keep(plans.backwardWeights(hint));
        if (!plans.isPlain(weightsPass.layout(DNNL_ARG_DIFF_WEIGHTS))) {
          unpack = own(plans.unpack(weightsPass.layout(DNNL_ARG_DIFF_WEIGHTS)));
          gradient = buffer(weightsPass.sizeBytes(DNNL_ARG_DIFF_WEIGHTS));
        }
      }
      opened.release();
    }
    forward = forwardPass;
    backwardData = dataPass;
    backwardWeights = weightsPass;
    unpackGradient = unpack;
    packedGradient = gradient;
  }

  private Primitive own(Primitive primitive) {
    primitives.add(primitive);
    return primitive;
  }

  private Primitive keep(Primitive primitive) {
    own(primitive).requireFast();
    implementations.add(primitive.implementation());
    return primitive;
  }

  private long buffer(long sizeBytes) {
    budget.take(sizeBytes);
    takenBytes += sizeBytes;
    MemorySegment buffer = Primitive.buffer(arena, sizeBytes);
    buffers.add(buffer);
    return buffer.address();
  }

  private Weighted weighted(LinearPrimitives plans, Primitive run, @Nullable Weighted other) {
    var layout = run.layout(DNNL_ARG_WEIGHTS);
    if (other != null
        && dnnl.dnnl_memory_desc_equal(layout, other.run.layout(DNNL_ARG_WEIGHTS)) != 0) {
      return new Weighted(run, null, other.packed);
    }
    return new Weighted(run, own(plans.pack(layout)), buffer(run.sizeBytes(DNNL_ARG_WEIGHTS)));
  }

  /// The sizes this was planned for.
  ///
  /// @return the shape given at construction
  public ConvShape shape() {
    return shape;
  }

  /// Copies weights in, packed as the planned passes need them.
  ///
  /// @param weights `[O, kH, kW, C]`; copied, free to change afterwards
  /// @throws IllegalArgumentException if the shape differs
  /// @throws IllegalStateException if closed
  public void loadWeights(Tensor weights) {
    Primitive.requireOpen(closed, "convolution");
    long address = Operands.address("weights", weights, shape.weightAxes());
    pack(forward, address);
    pack(backwardData, address);
    loaded = true;
  }

  private static void pack(@Nullable Weighted pass, long weights) {
    if (pass != null && pass.pack != null) {
      pass.pack.run(weights, pass.packed);
    }
  }

  /// Computes `Y = W * X`.
  ///
  /// @param x `[N, H, W, C]`
  /// @param y `[N, OH, OW, O]`, overwritten
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed, not planned for this pass, or without weights
  public void forward(Tensor x, Tensor y) {
    Weighted pass = ready(forward, Pass.FORWARD);
    pass.run.run(
        Operands.address("x", x, shape.inputAxes()),
        pass.packed,
        Operands.address("y", y, shape.outputAxes()));
  }

  /// Computes `dX = W^T * dY`.
  ///
  /// @param dy `[N, OH, OW, O]`
  /// @param dx `[N, H, W, C]`, overwritten
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed, not planned for this pass, or without weights
  public void backwardData(Tensor dy, Tensor dx) {
    Weighted pass = ready(backwardData, Pass.BACKWARD_DATA);
    pass.run.run(
        Operands.address("dy", dy, shape.outputAxes()),
        pass.packed,
        Operands.address("dx", dx, shape.inputAxes()));
  }

  /// Computes `dW = dY (x) X`, summed over the batch.
  ///
  /// @param x `[N, H, W, C]`
  /// @param dy `[N, OH, OW, O]`
  /// @param dw `[O, kH, kW, C]`, overwritten
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed or not planned for this pass
  public void backwardWeights(Tensor x, Tensor dy, Tensor dw) {
    Primitive pass = planned(backwardWeights, Pass.BACKWARD_WEIGHTS);
    long target = Operands.address("dw", dw, shape.weightAxes());
    pass.run(
        Operands.address("x", x, shape.inputAxes()),
        Operands.address("dy", dy, shape.outputAxes()),
        unpackGradient == null ? target : packedGradient);
    if (unpackGradient != null) {
      unpackGradient.run(packedGradient, target);
    }
  }

  private Weighted ready(@Nullable Weighted pass, Pass which) {
    Weighted present = planned(pass, which);
    if (!loaded) {
      throw new IllegalStateException("no weights are loaded for " + shape);
    }
    return present;
  }

  private <T> T planned(@Nullable T pass, Pass which) {
    Primitive.requireOpen(closed, "convolution");
    if (pass == null) {
      throw new IllegalStateException(which + " was not planned for " + shape);
    }
    return pass;
  }

  /// oneDNN's names of the chosen implementations, one for each planned pass in the order of
  /// [Pass].
  ///
  /// @return an immutable list
  public List<String> implementations() {
    return List.copyOf(implementations);
  }

  /// Zeroes and frees packed weights and scratch memory. Idempotent.
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    primitives.forEach(Primitive::close);
    buffers.forEach(buffer -> buffer.fill((byte) 0));
    arena.close();
    budget.giveBack(takenBytes);
  }
}
