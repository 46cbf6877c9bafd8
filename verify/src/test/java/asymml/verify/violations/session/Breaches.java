package asymml.verify.violations.session;

import asymml.verify.violations.cli.Command;
import asymml.verify.violations.untrusted.Gpu;
import asymml.verify.violations.wire.Message;

/// What the public API must not do.
final class Breaches {
  private Breaches() {}

  static final class CallsACommand {
    Command command = new Command();
  }

  static final class LinksTheWorker {
    Gpu gpu = new Gpu();
  }

  static final class SpeaksToTheWorker {
    Message message = new Message(1);
  }

  static final class PrintsToOut {
    void print() {
      System.out.println("loss");
    }
  }

  static final class LogsWithTheSystem {
    System.Logger logger = System.getLogger("session");
  }
}
