package asymml.verify.violations.serve;

import asymml.verify.violations.cli.Command;

/// What `serve` must not do.
final class Breaches {
  private Breaches() {}

  static final class AsksTheCommand {
    Class<?> option() {
      return Command.class;
    }
  }

  static final class PrintsToOut {
    void print() {
      System.out.println("an image");
    }
  }
}
