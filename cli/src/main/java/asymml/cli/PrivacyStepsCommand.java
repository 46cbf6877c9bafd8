package asymml.cli;

import asymml.cli.options.PrivacyLabels;
import asymml.cli.options.Sampling;
import asymml.cli.options.SamplingOptions;
import asymml.privacy.Calibration;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyEvent;
import asymml.report.Figures;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `asymml privacy steps`.
@Command(
    name = "steps",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Says how many steps and epochs a budget buys.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml privacy steps --target-epsilon 3 --noise-multiplier 1.1 --sampling-rate 0.01",
      "  asymml privacy steps --target-epsilon 3 --noise-multiplier 1.1 \\",
      "      --batch-size 256 --examples 60000",
      "  asymml privacy steps --target-epsilon 8 --noise-multiplier 40 --json"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PrivacyStepsCommand implements Callable<Integer> {
  @Option(
      names = "--target-epsilon",
      required = true,
      paramLabel = "EPSILON",
      converter = PrivacyLabels.EpsilonConverter.class,
      description = "The epsilon that the run must not exceed (required).")
  private Epsilon target;

  @Option(
      names = "--noise-multiplier",
      required = true,
      paramLabel = "Z",
      converter = PrivacyLabels.NoiseMultiplierConverter.class,
      description = "Deviation of the noise over the sensitivity, of each release (required).")
  private NoiseMultiplier noise;

  @Mixin private SamplingOptions samplingOptions;
  @Mixin private PrivacyQuestion question;

  @Override
  public Integer call() throws RunException {
    Sampling sampling = samplingOptions.sampling();
    PrivacyEvent step = question.step(sampling.rate(), noise);
    long steps =
        question.answer(
            step, () -> question.calibration(target).steps(new PrivacyEvent.NoOp(), step));
    double epsilon = question.epsilon(question.run(sampling.rate(), noise, steps));
    double epochs = sampling.epochs(steps);
    PrivacyReport report =
        new PrivacyReport()
            .fact("steps", steps)
            .fact("epochs", epochs)
            .fact("epsilon", epsilon)
            .fact("targetEpsilon", target.value())
            .line("steps", inWords(steps))
            .line("epochs", Figures.plain(epochs) + ", " + sampling.epochInWords())
            .line("epsilon", PrivacyQuestion.spent(epsilon, target));
    question.print(report, sampling, noise, steps);
    return ExitCode.OK;
  }

  private static String inWords(long steps) {
    if (steps == 0) {
      return "0: not even one is inside the budget";
    }
    return steps < Calibration.MOST_STEPS ? Long.toString(steps) : steps + " or more";
  }
}
