package asymml.cli;

import asymml.model.Zoo;
import asymml.study.bench.BenchSpec;
import asymml.trusted.bench.Planner;
import asymml.trusted.data.DataException;
import asymml.trusted.plan.Plan;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml plan`.
@Command(
    name = "plan",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Finds the cheapest plan for this machine: which layers to split, at which ranks.",
      "Trains briefly on the trusted side for the energy that each rank leaves, times steps at two"
          + " ranks with a worker, and chooses for each layer. Then it runs the plan and compares."
          + " What it prints can be given to 'asymml train' and 'asymml bench'.",
      "On private images the ranks are a statistic of them; a run that is accounted for needs a plan"
          + " from public ones, such as the drawn shapes."
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
  String data;

  @Option(
      names = "--limit-train",
      paramLabel = "N",
      defaultValue = "640",
      converter = Labels.LimitConverter.class,
      description = "Train and measure on N images, or all (default: ${DEFAULT-VALUE}).")
  Limit limitTrain;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      defaultValue = "vgg16",
      converter = Labels.ModelConverter.class,
      description = "A model of 'asymml models' (default: ${DEFAULT-VALUE}).")
  String model;

  @Option(
      names = "--norm",
      paramLabel = "NORM",
      defaultValue = "batch",
      converter = Labels.NormConverter.class,
      description = "Normalisation layers: batch or group (default: ${DEFAULT-VALUE}).")
  Zoo.Norm norm;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "32",
      description = "Images a step (default: ${DEFAULT-VALUE}).")
  int batchSize;

  @Option(
      names = "--energy",
      paramLabel = "SHARE",
      defaultValue = "0.1",
      description =
          "Largest share of an input's energy in the residual, above 0 and below 1 (default:"
              + " ${DEFAULT-VALUE}).")
  double energy;

  @Option(
      names = "--trusted-layers",
      paramLabel = "LAYERS",
      split = ",",
      defaultValue = Plan.FIRST + "," + Plan.LAST,
      description =
          "Linear layers that stay trusted in any case, as for 'asymml train' (default:"
              + " ${DEFAULT-VALUE}).")
  List<String> trustedLayers;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "10",
      description =
          "Steps of each timing, after as many that do not count (default:" + " ${DEFAULT-VALUE}).")
  int steps;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description =
          "Threads of either process (default: half the processors, which the two then share).")
  @Nullable Integer threads;

  @Option(
      names = "--worker",
      paramLabel = "DEVICE",
      defaultValue = WorkerChoice.Local.NAME,
      converter = Labels.LocalWorkerConverter.class,
      description = "local, or cuda:N for a GPU of this machine (default: ${DEFAULT-VALUE}).")
  WorkerChoice.Local worker;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write the plan and its figures there.")
  @Nullable Path json;

  @Option(
      names = "--progress",
      paramLabel = "KIND",
      defaultValue = "auto",
      description =
          "bar, plain (lines) or auto: a bar on a terminal, else lines (default: ${DEFAULT-VALUE}).")
  TrainCommand.Progress progress;

  /// The plan for a run, measured here on the drawn shapes before the run begins.
  ///
  /// @param options of the run
  /// @param energy largest share of an input's energy in the residual
  /// @param out for progress and the table
  /// @return where each linear layer is to run
  /// @throws IllegalArgumentException if an option does not fit
  static List<Planner.Choice> choose(TrainOptions options, String energy, PrintWriter out)
      throws DataException, IOException, TrainingException {
    PlanCommand command = new PlanCommand();
    CommandLine line = new CommandLine(command).setOut(out);
    try {
      line.parseArgs(
          "--model",
          options.model,
          "--norm",
          String.valueOf(Labels.of(options.norm)),
          "--batch-size",
          Integer.toString(options.batchSize),
          "--trusted-layers",
          String.join(",", options.trustedLayers),
          "--threads",
          Integer.toString(options.threads()),
          "--worker",
          options.workers.getFirst().toString(),
          "--energy",
          energy);
    } catch (ParameterException e) {
      throw new IllegalArgumentException("no plan can be made: " + e.getMessage(), e);
    }
    command.check();
    return new PlanRun(command, line).run();
  }

  @Override
  public Integer call() throws DataException, IOException, TrainingException {
    try {
      check();
      new PlanRun(this, spec.commandLine()).run();
      return ExitCode.OK;
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }

  private void check() {
    if (batchSize < 1 || steps < 1 || threads() < 1) {
      throw new IllegalArgumentException("--batch-size, --steps and --threads must be at least 1");
    }
    if (!(energy > 0 && energy < 1)) {
      throw new IllegalArgumentException("--energy must be above 0 and below 1: " + energy);
    }
  }

  int threads() {
    return threads != null ? threads : BenchSpec.Processes.sharedThreads();
  }
}
