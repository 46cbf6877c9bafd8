package asymml.cli.options;

import asymml.report.StepSampling;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// How many steps a run has: as such, or in epochs where the sizes of batch and data set are given.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class StepOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--steps",
      paramLabel = "T",
      description = "Steps of the run (default: none; this or --epochs is needed).")
  private @Nullable Long steps;

  @Option(
      names = "--epochs",
      paramLabel = "E",
      description =
          "With --batch-size and --examples, in place of the steps: T = E ceil(N/B) (default:"
              + " none).")
  private @Nullable Long epochs;

  /// The number of steps.
  ///
  /// @param sampling what an epoch is
  /// @throws ParameterException if there is none, or it is given twice or below 1
  public long steps(StepSampling sampling) {
    if (steps != null && epochs != null) {
      throw wrong("give either --steps or --epochs, not both");
    }
    return switch (sampling) {
      case StepSampling.ByRate _ -> {
        if (epochs != null) {
          throw wrong("--epochs needs --batch-size and --examples: give these or --steps");
        }
        yield atLeastOne("--steps", steps);
      }
      case StepSampling.BySizes sizes -> {
        if (steps != null) {
          throw wrong("--steps goes with --sampling-rate: give --epochs with --batch-size");
        }
        long count = atLeastOne("--epochs", epochs);
        try {
          yield Math.multiplyExact(count, sizes.stepsPerEpoch());
        } catch (ArithmeticException e) {
          throw wrong("--epochs is too large: " + count);
        }
      }
    };
  }

  private long atLeastOne(String option, @Nullable Long value) {
    if (value == null) {
      throw wrong("%s is missing: how long is the run?".formatted(option));
    }
    if (value < 1) {
      throw wrong("%s must be at least 1: %s".formatted(option, value));
    }
    return value;
  }

  private ParameterException wrong(String message) {
    return new ParameterException(command.commandLine(), message);
  }
}
