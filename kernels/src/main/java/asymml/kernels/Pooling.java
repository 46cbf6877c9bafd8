package asymml.kernels;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WORKSPACE;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_inference;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_training;
import static org.bytedeco.dnnl.global.dnnl.dnnl_pooling_avg_exclude_padding;
import static org.bytedeco.dnnl.global.dnnl.dnnl_pooling_backward_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_pooling_forward_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_pooling_max;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/// Max or average pooling of `[N, H, W, C]`. A global pooling has the map's size as its kernel.
///
/// Where the maximum is reached more than once in a window, the gradient goes to the first in
/// row-major order. Not thread-safe: one caller at a time.
public final class Pooling implements AutoCloseable {
  /// How a window becomes one value.
  public enum Kind {
    /// The largest value; padding never wins.
    MAX,
    /// The mean of the values inside the map; padding is not counted.
    AVERAGE
  }

  private final int[] inputAxes;
  private final int[] outputAxes;
  private final boolean keepsWinners;
  // Shared: planned, run and closed by whichever thread the owner uses, one at a time.
  private final Arena arena = Arena.ofShared();
  private final Primitive forward;
  private final @Nullable Primitive backward;
  private final MemorySegment winners;
  private boolean ran;
  private boolean closed;

  /// Plans the passes.
  ///
  /// @param kind max or average
  /// @param batch N, at least 1
  /// @param height H, at least 1
  /// @param width W, at least 1
  /// @param channels C, at least 1
  /// @param kernelHeight kH, at least 1, at most the padded height
  /// @param kernelWidth kW, at least 1, at most the padded width
  /// @param stride at least 1
  /// @param padding on each side, at least 0 and below the kernel's size
  /// @param training whether [#backward] will be called
  /// @throws IllegalArgumentException if a size is out of range
  /// @throws IllegalStateException if oneDNN has only a reference implementation
  public Pooling(
      Kind kind,
      int batch,
      int height,
      int width,
      int channels,
      int kernelHeight,
      int kernelWidth,
      int stride,
      int padding,
      boolean training) {
    // The geometry and its checks are those of a convolution.
    ConvShape shape =
        new ConvShape(
            batch, height, width, channels, channels, kernelHeight, kernelWidth, stride, padding);
    inputAxes = shape.inputAxes();
    outputAxes = shape.outputAxes();
    keepsWinners = training && kind == Kind.MAX;
    try (Closer opened = new Closer();
        Layout x = Layout.channelsLast(batch, height, width, channels);
        Layout y = Layout.channelsLast(batch, shape.outHeight(), shape.outWidth(), channels)) {
      opened.own(arena);
      forward = opened.own(planForward(kind, shape, x, y, training)).requireFast();
      backward = training ? planBackward(kind, shape, x, y, forward).requireFast() : null;
      winners = Primitive.buffer(arena, keepsWinners ? forward.sizeBytes(DNNL_ARG_WORKSPACE) : 0);
      opened.release();
    }
  }

  private static int algorithm(Kind kind) {
    return switch (kind) {
      case MAX -> dnnl_pooling_max;
      case AVERAGE -> dnnl_pooling_avg_exclude_padding;
    };
  }

  private static Primitive planForward(
      Kind kind, ConvShape shape, Layout x, Layout y, boolean training) {
    dnnl_primitive_desc created = new dnnl_primitive_desc();
    long[] padding = {shape.padding(), shape.padding()};
    Dnnl.check(
        dnnl_pooling_forward_primitive_desc_create(
            created,
            Dnnl.planningEngine(),
            training ? dnnl_forward_training : dnnl_forward_inference,
            algorithm(kind),
            x.descriptor(),
            y.descriptor(),
            new long[] {shape.stride(), shape.stride()},
            new long[] {shape.kernelHeight(), shape.kernelWidth()},
            new long[] {0, 0},
            padding,
            padding,
            Dnnl.attributes()),
        "pooling");
    int[] roles = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WORKSPACE};
    boolean workspace = training && kind == Kind.MAX;
    return new Primitive("pooling", created, Operands.first(roles, workspace ? 3 : 2));
  }

  private static Primitive planBackward(
      Kind kind, ConvShape shape, Layout x, Layout y, Primitive forward) {
    dnnl_primitive_desc created = new dnnl_primitive_desc();
    long[] padding = {shape.padding(), shape.padding()};
    Dnnl.check(
        dnnl_pooling_backward_primitive_desc_create(
            created,
            Dnnl.planningEngine(),
            algorithm(kind),
            x.descriptor(),
            y.descriptor(),
            new long[] {shape.stride(), shape.stride()},
            new long[] {shape.kernelHeight(), shape.kernelWidth()},
            new long[] {0, 0},
            padding,
            padding,
            forward.descriptor(),
            Dnnl.attributes()),
        "pooling gradient");
    int[] roles = {DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC, DNNL_ARG_WORKSPACE};
    return new Primitive(
        "pooling gradient", created, Operands.first(roles, kind == Kind.MAX ? 3 : 2));
  }

  /// OH, the output's height.
  ///
  /// @return `(H + 2 padding - kH) / stride + 1`, rounded down
  public int outHeight() {
    return outputAxes[1];
  }

  /// OW, the output's width.
  ///
  /// @return `(W + 2 padding - kW) / stride + 1`, rounded down
  public int outWidth() {
    return outputAxes[2];
  }

  /// Pools.
  ///
  /// @param x `[N, H, W, C]`
  /// @param y `[N, OH, OW, C]`, overwritten
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed
  public void forward(Tensor x, Tensor y) {
    Primitive.requireOpen(closed, "pooling");
    long source = Operands.address("x", x, inputAxes);
    long target = Operands.address("y", y, outputAxes);
    ran = true;
    forward.run(source, target, winners.address());
  }

  /// The gradient; for max, of the last [#forward].
  ///
  /// @param dy `[N, OH, OW, C]`
  /// @param dx `[N, H, W, C]`, overwritten
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed, not planned for training, or max and nothing went
  ///   forward
  public void backward(Tensor dy, Tensor dx) {
    Primitive.requireOpen(closed, "pooling");
    if (backward == null) {
      throw new IllegalStateException("this pooling was planned without training");
    }
    if (keepsWinners && !ran) {
      throw new IllegalStateException("backward of max pooling needs forward first");
    }
    backward.run(
        Operands.address("dy", dy, outputAxes),
        Operands.address("dx", dx, inputAxes),
        winners.address());
  }

  /// Zeroes and frees the workspace and scratch memory. Idempotent.
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    forward.close();
    if (backward != null) {
      backward.close();
    }
    winners.fill((byte) 0);
    arena.close();
  }
}
