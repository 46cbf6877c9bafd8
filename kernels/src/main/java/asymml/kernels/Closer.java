package asymml.kernels;

import java.util.ArrayDeque;
import java.util.Deque;

/// Owns what is opened on the way to something larger, and closes it in reverse order unless that
/// succeeds. In a constructor:
///
/// ```
/// try (Closer opened = new Closer()) {
///   weights = opened.own(new Weights());
///   network = opened.own(new Network(weights));
///   opened.release();
/// }
/// ```
///
/// An object that owns several resources for its lifetime keeps a closer and closes it. Not safe
/// for use by several threads.
public final class Closer implements AutoCloseable {
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();

  /// Owns nothing yet.
  public Closer() {}

  /// Takes ownership.
  ///
  /// @param resource to be closed with this, once
  /// @param <T> its type
  /// @return the resource
  public <T extends AutoCloseable> T own(T resource) {
    owned.push(resource);
    return resource;
  }

  /// Gives up ownership of everything: somebody else closes it.
  public void release() {
    owned.clear();
  }

  /// Closes what is owned, the latest first; a second call does nothing. All are closed even if
  /// some fail.
  ///
  /// @throws IllegalStateException if a resource failed to close with a checked exception
  @Override
  public void close() {
    RuntimeException failure = null;
    while (!owned.isEmpty()) {
      try {
        owned.pop().close();
      } catch (Exception e) {
        RuntimeException own =
            e instanceof RuntimeException unchecked
                ? unchecked
                : new IllegalStateException("a resource could not be closed", e);
        if (failure == null) {
          failure = own;
        } else {
          failure.addSuppressed(own);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
