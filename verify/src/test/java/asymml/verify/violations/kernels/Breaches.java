package asymml.verify.violations.kernels;

import asymml.verify.violations.wire.Message;

/// What `kernels` must not do.
final class Breaches {
  private Breaches() {}

  static final class SendsItsResult {
    Message message = new Message(1);
  }
}
