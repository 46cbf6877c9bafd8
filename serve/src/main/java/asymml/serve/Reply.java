package asymml.serve;

/// What is answered.
///
/// @param status of HTTP
/// @param contentType of the body
/// @param body the whole of it
@SuppressWarnings("ArrayRecordComponent") // written at once, never compared
record Reply(int status, String contentType, byte[] body) {
  private static final int OK = 200;
  private static final String JSON = "application/json";

  static Reply json(byte[] body) {
    return new Reply(OK, JSON, body);
  }

  static Reply json(int status, byte[] body) {
    return new Reply(status, JSON, body);
  }

  static Reply of(Refusal refusal) {
    return new Reply(refusal.status(), JSON, InferAnswer.error(refusal.reason()));
  }
}
