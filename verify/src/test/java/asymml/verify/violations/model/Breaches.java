package asymml.verify.violations.model;

import asymml.verify.violations.wire.Message;

/// What `model` must not do.
final class Breaches {
  private Breaches() {}

  static final class RunsRemotely {
    Message message = new Message(1);
  }
}
