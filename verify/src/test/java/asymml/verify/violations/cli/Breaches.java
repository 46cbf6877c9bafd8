package asymml.verify.violations.cli;

import asymml.verify.violations.untrusted.Gpu;
import asymml.verify.violations.wire.Message;

/// What `cli` must not do.
final class Breaches {
  private Breaches() {}

  static final class LinksTheWorker {
    Gpu gpu = new Gpu();
  }

  static final class SpeaksToTheWorker {
    Message message = new Message(1);
  }
}
