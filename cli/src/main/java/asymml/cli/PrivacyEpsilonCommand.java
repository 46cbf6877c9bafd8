package asymml.cli;

import asymml.cli.options.AccountingOptions;
import asymml.cli.options.ReleaseNoiseOptions;
import asymml.cli.options.SamplingOptions;
import asymml.cli.options.StepOptions;
import asymml.report.PrivacyQuestion;
import asymml.report.StepSampling;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;

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
  @Mixin private ReleaseNoiseOptions noise;
  @Mixin private SamplingOptions samplingOptions;
  @Mixin private StepOptions stepOptions;
  @Mixin private AccountingOptions accounting;

  @Override
  public Integer call() throws RunException {
    StepSampling sampling = samplingOptions.sampling();
    long steps = stepOptions.steps(sampling);
    PrivacyQuestion question = accounting.question(sampling);
    accounting.print(
        RunException.ifUnbounded(accounting, () -> question.epsilon(noise.multiplier(), steps)));
    return ExitCode.OK;
  }
}
