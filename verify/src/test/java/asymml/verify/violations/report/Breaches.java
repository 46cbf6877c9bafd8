package asymml.verify.violations.report;

import asymml.verify.violations.cli.Command;

/// What `report` must not do.
final class Breaches {
  private Breaches() {}

  static final class AsksTheCommand {
    Class<?> option() {
      return Command.class;
    }
  }
}
