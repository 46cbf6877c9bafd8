package asymml.kernels;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_SCALE;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_SHIFT;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_MEAN;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCALE;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SHIFT;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_VARIANCE;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WORKSPACE;
import static org.bytedeco.dnnl.global.dnnl.dnnl_backward;
import static org.bytedeco.dnnl.global.dnnl.dnnl_batch_normalization_backward_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_batch_normalization_forward_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_inference;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_training;
import static org.bytedeco.dnnl.global.dnnl.dnnl_fuse_norm_relu;
import static org.bytedeco.dnnl.global.dnnl.dnnl_use_global_stats;
import static org.bytedeco.dnnl.global.dnnl.dnnl_use_scale;
import static org.bytedeco.dnnl.global.dnnl.dnnl_use_shift;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/// Batch normalisation over `[N, H, W, C]`, per channel: `y = scale (x - mean) / sqrt(variance +
/// epsilon) + shift`, then ReLU if fused. The variance is the biased one; running statistics are
/// the caller's.
///
/// With fused ReLU, [#backward] uses the mask of the last [#forwardTraining]. Not thread-safe: one
/// caller at a time.
public final class BatchNorm implements AutoCloseable {
  private final int[] axes;
  private final int channels;
  private final boolean fuseRelu;
  // Shared: planned, run and closed by whichever thread the owner uses, one at a time.
  private final Arena arena = Arena.ofShared();
  private final List<Primitive> primitives = new ArrayList<>();
  private final Primitive training;
  private final Primitive inference;
  private final Primitive backward;
  private final MemorySegment mask;
  private boolean masked;
  private boolean closed;

  /// Plans the three passes.
  ///
  /// @param batch N, at least 1
  /// @param height H, at least 1
  /// @param width W, at least 1
  /// @param channels C, at least 1
  /// @param epsilon added to the variance, above 0
  /// @param fuseRelu whether a ReLU follows
  /// @throws IllegalArgumentException if a size is out of range
  /// @throws IllegalStateException if oneDNN has only a reference implementation
  public BatchNorm(
      int batch, int height, int width, int channels, float epsilon, boolean fuseRelu) {
    axes =
        new int[] {
          Operands.atLeastOne("batch", batch),
          Operands.atLeastOne("height", height),
          Operands.atLeastOne("width", width),
          Operands.atLeastOne("channels", channels)
        };
    Operands.positive("epsilon", epsilon);
    this.channels = channels;
    this.fuseRelu = fuseRelu;
    int flags = dnnl_use_scale | dnnl_use_shift | (fuseRelu ? dnnl_fuse_norm_relu : 0);
    try (Closer opened = new Closer();
        Layout x = Layout.channelsLast(batch, height, width, channels)) {
      opened.own(this::release);
      training = own(forward(x, epsilon, dnnl_forward_training, flags));
      inference = own(forward(x, epsilon, dnnl_forward_inference, flags | dnnl_use_global_stats));
      backward = own(backward(x, epsilon, flags, training));
      mask = Primitive.buffer(arena, fuseRelu ? training.sizeBytes(DNNL_ARG_WORKSPACE) : 0);
      opened.release();
    }
  }

  private Primitive own(Primitive primitive) {
    primitives.add(primitive);
    return primitive.requireFast();
  }

  private static Primitive forward(Layout x, float epsilon, int kind, int flags) {
    dnnl_primitive_desc created = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_batch_normalization_forward_primitive_desc_create(
            created,
            Dnnl.planningEngine(),
            kind,
            x.descriptor(),
            x.descriptor(),
            epsilon,
            flags,
            Dnnl.attributes()),
        "batch norm");
    int[] roles = {
      DNNL_ARG_SRC,
      DNNL_ARG_SCALE,
      DNNL_ARG_SHIFT,
      DNNL_ARG_MEAN,
      DNNL_ARG_VARIANCE,
      DNNL_ARG_DST,
      DNNL_ARG_WORKSPACE
    };
    boolean workspace = kind == dnnl_forward_training && (flags & dnnl_fuse_norm_relu) != 0;
    return new Primitive("batch norm", created, Operands.first(roles, workspace ? 7 : 6));
  }

  private static Primitive backward(Layout x, float epsilon, int flags, Primitive training) {
    dnnl_primitive_desc created = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_batch_normalization_backward_primitive_desc_create(
            created,
            Dnnl.planningEngine(),
            dnnl_backward,
            x.descriptor(),
            x.descriptor(),
            x.descriptor(),
            epsilon,
            flags,
            training.descriptor(),
            Dnnl.attributes()),
        "batch norm gradient");
    int[] roles = {
      DNNL_ARG_SRC,
      DNNL_ARG_DIFF_DST,
      DNNL_ARG_MEAN,
      DNNL_ARG_VARIANCE,
      DNNL_ARG_SCALE,
      DNNL_ARG_DIFF_SRC,
      DNNL_ARG_DIFF_SCALE,
      DNNL_ARG_DIFF_SHIFT,
      DNNL_ARG_WORKSPACE
    };
    boolean workspace = (flags & dnnl_fuse_norm_relu) != 0;
    return new Primitive("batch norm gradient", created, Operands.first(roles, workspace ? 9 : 8));
  }

  /// Normalises with the batch's own statistics and gives them out.
  ///
  /// @param x `[N, H, W, C]`
  /// @param scale `[C]`
  /// @param shift `[C]`
  /// @param y `[N, H, W, C]`, overwritten; may be x
  /// @param mean `[C]`, overwritten
  /// @param variance `[C]`, overwritten; biased
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed
  public void forwardTraining(
      Tensor x, Tensor scale, Tensor shift, Tensor y, Tensor mean, Tensor variance) {
    Primitive.requireOpen(closed, "batch norm");
    long source = Operands.address("x", x, axes);
    long target = Operands.address("y", y, axes);
    masked = fuseRelu;
    training.run(
        source,
        vector("scale", scale),
        vector("shift", shift),
        vector("mean", mean),
        vector("variance", variance),
        target,
        mask.address());
  }

  /// Normalises with given statistics.
  ///
  /// @param x `[N, H, W, C]`
  /// @param scale `[C]`
  /// @param shift `[C]`
  /// @param mean `[C]`
  /// @param variance `[C]`
  /// @param y `[N, H, W, C]`, overwritten; may be x
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed
  public void forwardInference(
      Tensor x, Tensor scale, Tensor shift, Tensor mean, Tensor variance, Tensor y) {
    Primitive.requireOpen(closed, "batch norm");
    inference.run(
        Operands.address("x", x, axes),
        vector("scale", scale),
        vector("shift", shift),
        vector("mean", mean),
        vector("variance", variance),
        Operands.address("y", y, axes));
  }

  /// The gradients of [#forwardTraining], through the statistics too.
  ///
  /// @param x `[N, H, W, C]`, as it was given forward
  /// @param dy `[N, H, W, C]`
  /// @param mean `[C]`, as it came out
  /// @param variance `[C]`, as it came out
  /// @param scale `[C]`
  /// @param dx `[N, H, W, C]`, overwritten; may be dy
  /// @param dScale `[C]`, overwritten
  /// @param dShift `[C]`, overwritten
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed, or ReLU is fused and nothing went forward
  public void backward(
      Tensor x,
      Tensor dy,
      Tensor mean,
      Tensor variance,
      Tensor scale,
      Tensor dx,
      Tensor dScale,
      Tensor dShift) {
    Primitive.requireOpen(closed, "batch norm");
    if (fuseRelu && !masked) {
      throw new IllegalStateException("backward with fused ReLU needs forwardTraining first");
    }
    backward.run(
        Operands.address("x", x, axes),
        Operands.address("dy", dy, axes),
        vector("mean", mean),
        vector("variance", variance),
        vector("scale", scale),
        Operands.address("dx", dx, axes),
        vector("dScale", dScale),
        vector("dShift", dShift),
        mask.address());
  }

  private long vector(String name, Tensor tensor) {
    return Operands.address(name, tensor, channels);
  }

  /// Zeroes and frees the mask and scratch memory. Idempotent.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      mask.fill((byte) 0);
      release();
    }
  }

  private void release() {
    primitives.forEach(Primitive::close);
    arena.close();
  }
}
