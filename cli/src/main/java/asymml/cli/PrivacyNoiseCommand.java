package asymml.cli;

import asymml.cli.options.AccountingOptions;
import asymml.cli.options.SamplingOptions;
import asymml.cli.options.StepOptions;
import asymml.cli.options.TargetOptions;
import asymml.report.Figures;
import asymml.report.PrivacyFacts;
import asymml.report.PrivacyQuestion;
import asymml.report.StepSampling;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;

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
      "  asymml privacy noise --target-epsilon 8 --steps 1000 --releases 20 --json",
      "  asymml privacy noise --target-epsilon 8 --masks 3:0.02 \\",
      "      --batch-size 4096 --examples 50000 --epochs 30"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PrivacyNoiseCommand implements Callable<Integer> {
  @Mixin private TargetOptions target;
  @Mixin private SamplingOptions samplingOptions;
  @Mixin private StepOptions stepOptions;
  @Mixin private AccountingOptions accounting;

  @Override
  public Integer call() throws RunException {
    StepSampling sampling = samplingOptions.sampling();
    long steps = stepOptions.steps(sampling);
    PrivacyQuestion question = accounting.question(sampling);
    Optional<PrivacyFacts> answer =
        RunException.ifUnbounded(accounting, () -> question.noise(target.epsilon(), steps));
    accounting.print(
        answer.orElseThrow(() ->
            new RunException(
                "no noise keeps this run inside epsilon %s: raise --target-epsilon or --delta"
                    .formatted(Figures.plain(target.epsilon().value())))));
    return ExitCode.OK;
  }
}
