package asymml.serve;

/// A request that is not answered with a result: a status of HTTP and one line that says why.
final class Refusal extends Exception {
  private static final long serialVersionUID = 1;

  static final int BAD_REQUEST = 400;
  static final int NOT_FOUND = 404;
  static final int METHOD_NOT_ALLOWED = 405;
  static final int TIMEOUT = 408;
  static final int TOO_LARGE = 413;
  static final int UNSUPPORTED_TYPE = 415;
  static final int UNAVAILABLE = 503;

  private final int status;

  /// @param status of the answer, 400 to 599
  /// @param message for the client; of its request it holds nothing but names and sizes
  Refusal(int status, String message) {
    super(message, null, false, false); // it is the client's doing: no stack
    this.status = status;
  }

  static Refusal badRequest(String message) {
    return new Refusal(BAD_REQUEST, message);
  }

  /// What has to be tried again later.
  static Refusal unavailable(String message) {
    return new Refusal(UNAVAILABLE, message);
  }

  int status() {
    return status;
  }

  String reason() {
    return String.valueOf(getMessage());
  }
}
