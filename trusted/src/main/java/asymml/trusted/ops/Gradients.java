package asymml.trusted.ops;

import org.jspecify.annotations.Nullable;

/// The rule that only a network planned for training runs backwards.
public final class Gradients {
  private Gradients() {}

  /// A gradient that there must be.
  ///
  /// @param gradient as planned; null at inference
  /// @param <T> a tensor or a target
  /// @return it
  /// @throws IllegalStateException if planned for inference
  public static <T> T require(@Nullable T gradient) {
    if (gradient == null) {
      throw new IllegalStateException("this network was planned for inference");
    }
    return gradient;
  }
}
