package asymml.kernels;

import org.jspecify.annotations.Nullable;

/// The native code of oneDNN cannot be loaded. The message is one line that says from where, why,
/// and what to set.
public final class NativeLibraryException extends RuntimeException {
  private static final long serialVersionUID = 1;

  NativeLibraryException(String message, Throwable cause) {
    super(message, cause);
  }

  /// The failed loading behind an exception or error: classes that need the library fail with
  /// errors of the JVM from then on.
  ///
  /// @param thrown anything
  /// @return null if something else is behind it
  public static @Nullable NativeLibraryException behind(Throwable thrown) {
    @Nullable Throwable cause = thrown;
    // A chain of causes can be a ring.
    for (int depth = 0; cause != null && depth < 32; depth++) {
      if (cause instanceof NativeLibraryException found) {
        return found;
      }
      cause = cause.getCause();
    }
    return null;
  }
}
