package asymml.cli.options;

import asymml.privacy.SamplingRate;
import asymml.report.StepSampling;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// How a step draws its examples: by a rate, or by the sizes of batch and data set.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class SamplingOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--sampling-rate",
      paramLabel = "Q",
      description =
          "Probability with which a step draws an example, by Poisson sampling (default: 1, which"
              + " is every example in every step).")
  private @Nullable SamplingRate rate;

  @Option(
      names = "--batch-size",
      paramLabel = "B",
      description = "With --examples, in place of the rate: Q = B/N (default: none).")
  private @Nullable Long batchSize;

  @Option(
      names = "--examples",
      paramLabel = "N",
      description = "Examples that are drawn from, with --batch-size (default: none).")
  private @Nullable Long examples;

  /// What the options say.
  ///
  /// @throws ParameterException if they contradict each other or say half
  public StepSampling sampling() {
    if (batchSize == null && examples == null) {
      return new StepSampling.ByRate(rate == null ? new SamplingRate(1) : rate);
    }
    if (rate != null) {
      throw new ParameterException(
          command.commandLine(),
          "give either --sampling-rate or --batch-size and --examples, not both");
    }
    if (batchSize == null || examples == null) {
      throw new ParameterException(
          command.commandLine(),
          "--batch-size and --examples belong together: %s is missing"
              .formatted(batchSize == null ? "--batch-size" : "--examples"));
    }
    try {
      return new StepSampling.BySizes(batchSize, examples);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }
}
