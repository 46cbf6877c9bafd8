package asymml.cli;

import asymml.cli.options.AccountingOptions;
import asymml.cli.options.ReleaseNoiseOptions;
import asymml.cli.options.SamplingOptions;
import asymml.cli.options.TargetOptions;
import asymml.report.PrivacyQuestion;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;

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
  @Mixin private TargetOptions target;
  @Mixin private ReleaseNoiseOptions noise;
  @Mixin private SamplingOptions samplingOptions;
  @Mixin private AccountingOptions accounting;

  @Override
  public Integer call() throws RunException {
    PrivacyQuestion question = accounting.question(samplingOptions.sampling());
    accounting.print(
        RunException.ifUnbounded(
            accounting, () -> question.steps(target.epsilon(), noise.multiplier())));
    return ExitCode.OK;
  }
}
