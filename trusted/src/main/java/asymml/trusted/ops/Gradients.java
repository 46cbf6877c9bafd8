package asymml.trusted.ops;

import org.jspecify.annotations.Nullable;

/// The rule that only a network planned for training runs backwards.
public final class Gradients {
  private Gradients() {}

  public static <T> T require(@Nullable T gradient) {
    if (gradient == null) {
      throw new IllegalStateException("this network was planned for inference");
    }
    return gradient;
  }
}
