package asymml.verify.violations.trusted.rank;

import asymml.verify.violations.trusted.boundary.Ticket;
import asymml.verify.violations.wire.Message;

/// What an analysis of private activations must not do.
final class Breaches {
  private Breaches() {}

  static final class SpeaksToTheWorker {
    Message message = new Message(1);
  }

  static final class ReleasesItsResult {
    Ticket ticket = new Ticket();
  }
}
