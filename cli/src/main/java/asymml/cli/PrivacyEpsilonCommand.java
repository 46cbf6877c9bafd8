package asymml.cli;

import asymml.cli.options.PrivacyLabels;
import asymml.cli.options.Sampling;
import asymml.cli.options.SamplingOptions;
import asymml.cli.options.StepOptions;
import asymml.privacy.NoiseMultiplier;
import asymml.report.Figures;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `asymml privacy epsilon`.
@Command(
    name = "epsilon",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Says which epsilon the noise of a run promises.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml privacy epsilon --noise-multiplier 1.1 --sampling-rate 0.01 --steps 1000",
      "  asymml privacy epsilon --noise-multiplier 1.1 \\",
      "      --batch-size 256 --examples 60000 --epochs 60",
      "  asymml privacy epsilon --noise-multiplier 40 --steps 100 --accountant gaussian --json"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PrivacyEpsilonCommand implements Callable<Integer> {
  @Option(
      names = "--noise-multiplier",
      required = true,
      paramLabel = "Z",
      converter = PrivacyLabels.NoiseMultiplierConverter.class,
      description = "Deviation of the noise over the sensitivity, of each release (required).")
  private NoiseMultiplier noise;

  @Mixin private SamplingOptions samplingOptions;
  @Mixin private StepOptions stepOptions;
  @Mixin private PrivacyQuestion question;

  @Override
  public Integer call() throws RunException {
    Sampling sampling = samplingOptions.sampling();
    long steps = stepOptions.steps(sampling);
    double epsilon = question.epsilon(question.run(sampling.rate(), noise, steps));
    PrivacyReport report =
        Double.isFinite(epsilon)
            ? new PrivacyReport().fact("epsilon", epsilon).line("epsilon", Figures.plain(epsilon))
            : new PrivacyReport()
                .fact("epsilon", "infinite")
                .line("epsilon", "infinite: the noise sampler's missing tails use up delta");
    question.print(report, sampling, noise, steps);
    return ExitCode.OK;
  }
}
