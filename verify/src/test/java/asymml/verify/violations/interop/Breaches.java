package asymml.verify.violations.interop;

import asymml.verify.violations.wire.Message;

/// What `interop` must not do.
final class Breaches {
  private Breaches() {}

  static final class SendsItsModel {
    Message message = new Message(1);
  }
}
