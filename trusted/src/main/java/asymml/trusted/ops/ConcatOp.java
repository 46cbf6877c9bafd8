package asymml.trusted.ops;

import asymml.kernels.Tensor;
import asymml.trusted.memory.GradientTarget;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The channels of several inputs, one input behind the other.
///
/// @param inputs with the gradient of each
/// @param y `[N, H, W, C]`, with as many channels as all inputs together
/// @param dy its gradient; null at inference
public record ConcatOp(List<Input> inputs, Tensor y, @Nullable Tensor dy) implements TrustedOp {
  /// One input.
  ///
  /// @param x `[N, H, W, C]`
  /// @param dx where its gradient is put; null if none flows there
  public record Input(Tensor x, @Nullable GradientTarget dx) {}

  /// Copies the inputs.
  public ConcatOp {
    inputs = List.copyOf(inputs);
  }

  @Override
  public void forward(long step) {
    int from = 0;
    for (Input input : inputs) {
      int width = input.x.length(3);
      copy(input.x.segment(), width, 0, y.segment(), y.length(3), from, width);
      from += width;
    }
  }

  @Override
  public void backward() {
    Tensor gradient = Gradients.require(dy);
    int from = 0;
    for (Input input : inputs) {
      int width = input.x.length(3);
      if (input.dx != null) {
        MemorySegment out = input.dx.destination().segment();
        copy(gradient.segment(), gradient.length(3), from, out, width, 0, width);
        input.dx.done();
      }
      from += width;
    }
  }

  /// Copies some columns of each row.
  private static void copy(
      MemorySegment source,
      int sourceWidth,
      int sourceFrom,
      MemorySegment target,
      int targetWidth,
      int targetFrom,
      int columns) {
    long bytes = (long) columns * Float.BYTES;
    long rows = source.byteSize() / Float.BYTES / sourceWidth;
    for (long row = 0; row < rows; row++) {
      MemorySegment.copy(
          source,
          (row * sourceWidth + sourceFrom) * Float.BYTES,
          target,
          (row * targetWidth + targetFrom) * Float.BYTES,
          bytes);
    }
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.ELEMENTWISE;
  }

  @Override
  public void close() {}
}
