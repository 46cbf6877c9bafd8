package asymml.serve;

/// The bytes of all requests' bodies that are in memory at a time. A body takes its share as it
/// arrives, so that a length that is only declared takes nothing.
final class ByteBudget {
  private final long most;
  private long taken;

  /// @param most bytes
  ByteBudget(long most) {
    this.most = most;
  }

  /// The share of one request, empty at first.
  Share share() {
    return new Share();
  }

  synchronized long taken() {
    return taken;
  }

  private synchronized boolean take(int bytes) {
    if (taken + bytes > most) {
      return false;
    }
    taken += bytes;
    return true;
  }

  private synchronized void give(long bytes) {
    taken -= bytes;
  }

  /// What one request has taken, until it is closed.
  final class Share implements AutoCloseable {
    private long own;
    private boolean closed;

    /// Takes more.
    ///
    /// @return whether it was to be had; never after this has been closed
    synchronized boolean add(int bytes) {
      if (closed || !take(bytes)) {
        return false;
      }
      own += bytes;
      return true;
    }

    @Override
    public synchronized void close() {
      closed = true;
      give(own);
      own = 0;
    }
  }
}
