package asymml.cli;

import asymml.cli.options.PrivacyLabels;
import asymml.cli.options.Sampling;
import asymml.cli.options.SamplingOptions;
import asymml.cli.options.StepOptions;
import asymml.privacy.Calibration;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyEvent;
import asymml.report.Figures;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `asymml privacy noise`.
@Command(
    name = "noise",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Finds the smallest noise that keeps a run inside a budget.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml privacy noise --target-epsilon 3 --sampling-rate 0.01 --steps 1000",
      "  asymml privacy noise --target-epsilon 3 \\",
      "      --batch-size 128 --examples 50000 --epochs 12",
      "  asymml privacy noise --target-epsilon 8 --steps 1000 --releases 20 --json"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PrivacyNoiseCommand implements Callable<Integer> {
  /// How far below the noise that [Calibration] finds, which is good to 1e-4, a smaller one is
  /// looked for.
  private static final double SEARCHED = 2e-4;

  @Option(
      names = "--target-epsilon",
      required = true,
      paramLabel = "EPSILON",
      converter = PrivacyLabels.EpsilonConverter.class,
      description = "The epsilon that the run must not exceed (required).")
  private Epsilon target;

  @Mixin private SamplingOptions samplingOptions;
  @Mixin private StepOptions stepOptions;
  @Mixin private PrivacyQuestion question;

  @Override
  public Integer call() throws RunException {
    Sampling sampling = samplingOptions.sampling();
    long steps = stepOptions.steps(sampling);
    Function<NoiseMultiplier, PrivacyEvent> run = z -> question.run(sampling.rate(), z, steps);
    NoiseMultiplier noise = smallest(run);
    double epsilon = question.epsilon(run.apply(noise));
    PrivacyReport report =
        new PrivacyReport()
            .fact("noiseMultiplier", noise.value())
            .fact("epsilon", epsilon)
            .fact("targetEpsilon", target.value())
            .line("noise multiplier", Figures.plain(noise.value()))
            .line("epsilon", PrivacyQuestion.spent(epsilon, target));
    question.print(report, sampling, noise, steps);
    return ExitCode.OK;
  }

  private NoiseMultiplier smallest(Function<NoiseMultiplier, PrivacyEvent> run)
      throws RunException {
    try {
      return question.answer(
          run.apply(new NoiseMultiplier(1)), () -> smallest(question.calibration(target), run));
    } catch (IllegalArgumentException e) {
      throw new RunException(e.getMessage() + ": raise --target-epsilon or --delta", e);
    }
  }

  /// The smallest noise multiplier with so few digits that it is printed whole.
  private static NoiseMultiplier smallest(
      Calibration calibration, Function<NoiseMultiplier, PrivacyEvent> run) {
    double found = calibration.noiseMultiplier(run).value();
    double lowest = found * (1 - SEARCHED);
    double printed = Figures.roundedUp(found);
    // Numerical bounds are not monotone to the last digit.
    while (!calibration.affords(run.apply(new NoiseMultiplier(printed)))) {
      printed = Figures.roundedUp(Math.nextUp(printed));
    }
    double less = Figures.roundedDown(Math.nextDown(printed));
    while (less >= lowest && calibration.affords(run.apply(new NoiseMultiplier(less)))) {
      printed = less;
      less = Figures.roundedDown(Math.nextDown(printed));
    }
    return new NoiseMultiplier(printed);
  }
}
