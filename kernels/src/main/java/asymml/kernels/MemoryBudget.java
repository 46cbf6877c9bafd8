package asymml.kernels;

import java.util.concurrent.atomic.AtomicLong;

/// A limit on the native memory that several objects take together. It is asked before memory is
/// taken: whoever plans what a stranger has described gives one. Safe for use by several threads.
public final class MemoryBudget {
  private final long limitBytes;
  private final AtomicLong takenBytes = new AtomicLong();

  /// Creates a budget of which nothing is taken.
  ///
  /// @param limitBytes at least 1
  /// @throws IllegalArgumentException if below 1
  public MemoryBudget(long limitBytes) {
    if (limitBytes < 1) {
      throw new IllegalArgumentException("a memory limit is at least 1 byte: " + limitBytes);
    }
    this.limitBytes = limitBytes;
  }

  /// A budget that refuses nothing, for sizes that this process has chosen itself.
  ///
  /// @return a new budget
  public static MemoryBudget unlimited() {
    return new MemoryBudget(Long.MAX_VALUE);
  }

  /// Takes a part of it.
  ///
  /// @param bytes at least 0
  /// @throws MemoryLimitException if less is left; nothing is taken then
  public void take(long bytes) {
    checkBytes(bytes);
    long before = takenBytes.get();
    while (true) {
      if (bytes > limitBytes - before) {
        throw new MemoryLimitException(bytes, before, limitBytes);
      }
      long witness = takenBytes.compareAndExchange(before, before + bytes);
      if (witness == before) {
        return;
      }
      before = witness;
    }
  }

  /// Gives back what was taken.
  ///
  /// @param bytes at least 0, at most what is taken
  public void giveBack(long bytes) {
    checkBytes(bytes);
    if (takenBytes.addAndGet(-bytes) < 0) {
      throw new IllegalArgumentException("more memory was given back than was taken: " + bytes);
    }
  }

  private static void checkBytes(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("a number of bytes must not be negative: " + bytes);
    }
  }

  /// What is taken now.
  ///
  /// @return bytes
  public long takenBytes() {
    return takenBytes.get();
  }

  /// The limit.
  ///
  /// @return bytes
  public long limitBytes() {
    return limitBytes;
  }
}
