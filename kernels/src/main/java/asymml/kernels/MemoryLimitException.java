package asymml.kernels;

/// A [MemoryBudget] has less left than was asked for. The message is one line with all three
/// numbers.
public final class MemoryLimitException extends RuntimeException {
  private static final long serialVersionUID = 1;

  MemoryLimitException(long bytes, long takenBytes, long limitBytes) {
    super(
        "it needs %s of memory, and %s of the limit of %s are taken"
            .formatted(megabytes(bytes), megabytes(takenBytes), megabytes(limitBytes)));
  }

  private static String megabytes(long bytes) {
    return Math.ceilDiv(bytes, 1 << 20) + " MiB";
  }
}
