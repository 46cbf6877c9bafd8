package asymml.cli;

import asymml.privacy.PrivacyBudget;
import asymml.trusted.data.DataException;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml privacy compare`.
@Command(
    name = "compare",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Compares the noise that ranks need for one guarantee with what noise alone (rank 0) needs.",
      "Trains briefly on the trusted side, then takes the norms of what split layers would release:"
          + " no worker is started and nothing leaves, unless --train asks for it. The norms are"
          + " statistics of private data, for the data owner only."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml privacy compare",
      "  asymml privacy compare --data images.zip --model resnet20 --ranks 0,1,2,4,8 \\",
      "      --limit-train 2000",
      "  asymml privacy compare --model vgg11 --ranks 0,1/16,1/8,1/4 --decomposer per-example",
      "  asymml privacy compare --train --noise-ratio 0.3 --train-epochs 8 --out runs/ranks"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class CompareCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private CompareOptions options;

  @Override
  public Integer call() throws DataException, IOException, TrainingException, RunException {
    List<RankPolicy> ranks;
    PrivacyBudget budget;
    TrainConfig warmUp;
    try {
      options.check();
      ranks = options.comparedRanks();
      budget = options.budget();
      warmUp = TrainOptions.of(options.warmUp()).config();
      if (options.train) {
        for (RankPolicy rank : ranks) {
          TrainOptions.of(options.run(rank, ComparisonRun.RUNS)).config();
        }
      }
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
    return new ComparisonRun(options, ranks, budget, warmUp, spec.commandLine()).run();
  }
}
