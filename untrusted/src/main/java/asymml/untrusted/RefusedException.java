package asymml.untrusted;

/// A request that this worker cannot serve. It answers with the reason and waits for the next one.
final class RefusedException extends Exception {
  private static final long serialVersionUID = 1;

  RefusedException(String reason) {
    super(reason);
  }

  RefusedException(String reason, Throwable cause) {
    super(reason, cause);
  }
}
