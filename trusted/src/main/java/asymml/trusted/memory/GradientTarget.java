package asymml.trusted.memory;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import org.jspecify.annotations.Nullable;

/// Where an operation puts the gradient of one of its inputs: straight into the total if it is the
/// first to do so in a backward pass, otherwise into scratch memory that is then added.
///
/// @param total gradient of the input, of the input's shape; may be the gradient of the output
///   where [BackwardNeeds] allows it
/// @param adds whether others come before
/// @param aside scratch memory of the same shape; null if this operation comes first, or adds by
///   itself
public record GradientTarget(Tensor total, boolean adds, @Nullable Tensor aside) {
  /// The tensor to overwrite.
  ///
  /// @return the total or the scratch memory
  /// @throws IllegalStateException if planned for an operation that adds by itself
  public Tensor destination() {
    if (!adds) {
      return total;
    }
    if (aside == null) {
      throw new IllegalStateException("planned for an operation that adds by itself");
    }
    return aside;
  }

  /// To be called once the destination is written.
  public void done() {
    if (adds) {
      Elementwise.axpy(1, destination(), total);
    }
  }

  /// Puts the gradient of the output in.
  ///
  /// @param gradient of the input's shape; may be the total itself
  public void take(Tensor gradient) {
    if (adds) {
      Elementwise.axpy(1, gradient, total);
    } else if (gradient.segment().address() != total.segment().address()) {
      total.copyFrom(gradient);
    }
  }
}
