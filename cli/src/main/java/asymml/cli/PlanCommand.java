package asymml.cli;

import asymml.cli.options.DataLimitOptions;
import asymml.cli.options.NetworkOptions;
import asymml.cli.options.ProcessOptions;
import asymml.cli.options.ProgressOptions;
import asymml.cli.table.PlanTable;
import asymml.cli.terminal.DataOpening;
import asymml.cli.terminal.ProgressKind;
import asymml.cli.terminal.StudyDisplay;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.study.plan.PlanResult;
import asymml.study.plan.PlanSpec;
import asymml.study.plan.PlanStudy;
import asymml.trusted.check.Verification;
import asymml.trusted.data.DataException;
import asymml.trusted.plan.Plan;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `asymml plan`.
@Command(
    name = "plan",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Finds the least expensive plan for this machine: which layers to split, at which ranks.",
      "Trains briefly on the trusted side for the energy that each rank leaves, times steps at two"
          + " ranks with a worker, and chooses for each layer. Then it runs the plan and compares."
          + " What it prints can be given to 'asymml train' and 'asymml bench'.",
      "On private images the ranks are a statistic of them; a run that is accounted for needs a"
          + " plan from public ones, such as the generated ones."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml plan --model vgg16 --energy 0.1",
      "  asymml plan --model resnet20 --batch-size 128 --energy 0.2 --json plan.json"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PlanCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      defaultValue = "generated",
      description = "Images, as for 'asymml train' (default: ${DEFAULT-VALUE}).")
  private String data;

  @Option(
      names = "--limit-train",
      paramLabel = "N",
      defaultValue = "640",
      description = "Train and measure on N images, or all (default: ${DEFAULT-VALUE}).")
  private Limit limitTrain;

  @Mixin private DataLimitOptions limits;

  @Mixin private final NetworkOptions network = new NetworkOptions("vgg16");

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "32",
      description = "Images a step (default: ${DEFAULT-VALUE}).")
  private int batchSize;

  @Option(
      names = "--energy",
      paramLabel = "SHARE",
      defaultValue = "0.1",
      description =
          "Largest share of an input's energy in the residual, above 0 and below 1 (default:"
              + " ${DEFAULT-VALUE}).")
  private double energy;

  @Option(
      names = "--trusted-layers",
      paramLabel = "LAYERS",
      split = ",",
      defaultValue = Plan.FIRST + "," + Plan.LAST,
      description =
          "Linear layers that stay trusted in any case, as for 'asymml train' (default:"
              + " ${DEFAULT-VALUE}).")
  private List<String> trustedLayers;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "10",
      description =
          "Steps of each timing, after twice as many that do not count (default:"
              + " ${DEFAULT-VALUE}).")
  private int steps;

  @Mixin private ProcessOptions processes;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write the plan and its times there.")
  private @Nullable Path json;

  @Mixin private ProgressOptions progress;

  @Override
  public Integer call() throws DataException, IOException, TrainingException {
    PrintWriter out = spec.commandLine().getOut();
    try {
      PlanSpec asked =
          new PlanSpec(
              DataSpec.of(data).withLimits(limitTrain, Limit.NONE).withLimits(limits.limits()),
              network.model(),
              network.norm(),
              batchSize,
              trustedLayers,
              energy,
              steps,
              processes.processes(1, Verification.OFF));
      PlanResult result = run(asked, progress.kind(), out);
      if (json != null) {
        result.write(json, asked, Build.version());
        out.println("written  " + json);
      }
      out.flush();
      return ExitCode.OK;
    } catch (IllegalArgumentException e) {
      throw UsageErrors.of(spec, e);
    }
  }

  /// Plans, and prints the plan.
  ///
  /// @param asked what to plan for
  /// @param progress how to show the training
  /// @param out for progress and the table
  /// @return the plan
  /// @throws IllegalArgumentException if model, images and layers do not fit together
  static PlanResult run(PlanSpec asked, ProgressKind progress, PrintWriter out)
      throws DataException, IOException, TrainingException {
    PlanTable table = new PlanTable(asked, out);
    PlanResult result =
        new PlanStudy(asked, table, new StudyDisplay(progress, out), DataOpening.reporter(out))
            .run();
    table.print(result);
    return result;
  }
}
