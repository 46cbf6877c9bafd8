package asymml.verify.violations.study;

import asymml.verify.violations.cli.Command;

/// What a study must not do.
final class Breaches {
  private Breaches() {}

  static final class CallsACommand {
    Command command = new Command();
  }
}
