package asymml.verify.violations.study;

import asymml.verify.violations.cli.Command;
import picocli.CommandLine.Option;

/// What a study must not do.
final class Breaches {
  private Breaches() {}

  static final class CallsACommand {
    Command command = new Command();
  }

  static final class ParsesOptions {
    @Option(names = "--epochs")
    int epochs = 1;
  }
}
