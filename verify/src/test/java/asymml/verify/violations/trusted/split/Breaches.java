package asymml.verify.violations.trusted.split;

import asymml.verify.violations.trusted.plan.RankPolicy;
import asymml.verify.violations.trusted.rank.Ranks;
import asymml.verify.violations.wire.Message;
import java.util.logging.Logger;

/// What must not happen where activations are.
final class Breaches {
  private Breaches() {}

  static final class PrintsToOut {
    void show(float activation) {
      System.out.println(activation);
    }
  }

  static final class PrintsToErr {
    void show(float activation) {
      System.err.println(activation);
    }
  }

  static final class PrintsAStack {
    void show(Exception e) {
      e.printStackTrace();
    }
  }

  static final class LogsWithTheJdk {
    Logger logger = Logger.getLogger("activations");
  }

  static final class LogsWithTheSystem {
    System.Logger logger = System.getLogger("activations");
  }

  static final class SpeaksToTheWorker {
    Message message = new Message(1);
  }

  static final class DecidesByRanks {
    Ranks ranks = new Ranks();
  }

  static final class ResolvesARank {
    int rank = new RankPolicy().resolve(0, 1);
  }
}
