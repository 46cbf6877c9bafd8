package asymml.verify.violations.analysis;

import asymml.verify.violations.analysis.score.Verdict;
import asymml.verify.violations.cli.Command;
import asymml.verify.violations.trusted.data.PrivateImages;
import asymml.verify.violations.untrusted.Gpu;

/// What the adversary must not look at.
final class Breaches {
  private Breaches() {}

  static final class ReadsTheTruth {
    PrivateImages images = new PrivateImages();
  }

  static final class LinksTheWorker {
    Gpu gpu = new Gpu();
  }

  static final class AsksItsScorer {
    Verdict verdict = new Verdict(true);
  }

  static final class AsksTheCommand {
    Command command = new Command();
  }
}
