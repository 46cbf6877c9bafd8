package asymml.cli;

import asymml.cli.options.ChunkOptions;
import asymml.cli.options.NetworkOptions;
import asymml.cli.options.ProcessOptions;
import asymml.cli.options.ShieldOptions;
import asymml.cli.options.VerifyOptions;
import asymml.cli.table.BenchTable;
import asymml.cli.table.PerExampleTable;
import asymml.kernels.Kernels;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.report.BenchChart;
import asymml.report.Charts;
import asymml.report.SweepChart;
import asymml.session.WorkerChoice;
import asymml.study.bench.BenchFile;
import asymml.study.bench.BenchListener;
import asymml.study.bench.BenchPoint;
import asymml.study.bench.BenchResult;
import asymml.study.bench.BenchSpec;
import asymml.study.bench.BenchSweep;
import asymml.study.bench.Benchmark;
import asymml.study.bench.SweepResult;
import asymml.trusted.bench.PerExampleBench;
import asymml.trusted.check.Verification;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import asymml.trusted.train.DpSgd;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `asymml bench`.
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what a training step costs, or with --inference a batch of inference, mode against"
          + " mode, on random images.",
      "Its headline is the trusted-cost ratio: processor seconds of a step wholly on the trusted"
          + " side, over those of the trusted process in asymml mode. That is the speed-up that a"
          + " worker gives which is never waited for."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml bench --model vgg16 --batch-size 32 --json bench.json --svg bench.svg",
      "  asymml bench --model resnet20 --batch-size 128 --rank 1/8 --steps 20",
      "  asymml bench --model vgg16 --enclave-slowdown 3",
      "  asymml bench --inference --model vgg16 --batch-size 32",
      "  asymml bench --model vgg16 --sweep batch-size:8,16,32,64 --svg sweep.svg",
      "  asymml bench --model scatter-cnn --norm group --batch-size 128 --dp-sgd"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class BenchCommand implements Callable<Integer> {
  private static final int CLASSES = 10;

  @Spec private CommandSpec spec;

  @Mixin private final NetworkOptions network = new NetworkOptions("vgg16");

  @Option(
      names = "--image-size",
      paramLabel = "PIXELS",
      defaultValue = "32",
      description = "Height and width of the images, of 3 channels (default: ${DEFAULT-VALUE}).")
  private int imageSize;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "32",
      description = "Images a step (default: ${DEFAULT-VALUE}).")
  private int batchSize;

  @Option(
      names = "--modes",
      paramLabel = "MODES",
      split = ",",
      defaultValue = "trusted-only,asymml",
      description =
          "Modes to measure, as for 'asymml train', with commas (default: ${DEFAULT-VALUE}).")
  private List<Mode> modes;

  @Option(
      names = "--rank",
      paramLabel = "RANK",
      description =
          "What stays trusted of a split layer's input, as for 'asymml train'; the default is the"
              + " paper's: 4, 8, 16, 32, 32, ... after the first layer (default: schedule:2:32,"
              + " with --shield shares 0).")
  private @Nullable RankPolicy rank;

  @Option(
      names = "--decomposer",
      paramLabel = "NAME",
      defaultValue = "shared",
      description = "shared or per-example (default: ${DEFAULT-VALUE}).")
  private Decomposition decomposer;

  @Option(
      names = "--trusted-layers",
      paramLabel = "LAYERS",
      split = ",",
      defaultValue = Plan.FIRST + "," + Plan.LAST,
      description = "Linear layers that stay trusted whole (default: ${DEFAULT-VALUE}).")
  private List<String> trustedLayers;

  @Option(
      names = "--noise-ratio",
      paramLabel = "RHO",
      description =
          "Noise on residuals, as for 'asymml train'; its cost does not depend on its strength, but"
              + " 0 turns it off (default: 0.1, with --shield shares 1000).")
  private @Nullable Double noiseRatio;

  @Option(
      names = "--update",
      paramLabel = "PARTY",
      defaultValue = "trusted",
      description =
          "Who updates the weights of split layers, as for 'asymml train': trusted or worker"
              + " (default: ${DEFAULT-VALUE}).")
  private Update update;

  @Mixin private ShieldOptions shield;

  @Mixin private ChunkOptions chunks;

  @Mixin private VerifyOptions verify;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "10",
      description = "Steps that count, a round (default: ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--warm-up",
      paramLabel = "N",
      defaultValue = "30",
      description =
          "Steps before them that do not count, in a mode's first round (with --sweep before it); a"
              + " third of them later (default: ${DEFAULT-VALUE}).")
  private int warmUp;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "2",
      description =
          "How often the modes take turns, so that a noisy moment does not fall on one of them"
              + " alone (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @Mixin private ProcessOptions processes;

  @Option(
      names = "--worker-delay",
      paramLabel = "MICROS",
      description =
          "Emulate a worker that takes so long for each request and computes nothing: what the"
              + " trusted side reaches beside a worker of that speed.")
  private @Nullable Integer workerDelay;

  @Option(
      names = "--enclave-slowdown",
      paramLabel = "FACTOR",
      description =
          "Also print what the times would be if the trusted side ran so many times as long: a"
              + " projection, not a measurement.")
  private @Nullable Double enclaveSlowdown;

  @Option(
      names = "--sweep",
      paramLabel = "KEY:V1,V2,...",
      description =
          "Measure at each of these values of batch-size, image-size, rank or verify, and print"
              + " what an image costs in place of a step.")
  private @Nullable BenchSweep sweep;

  @Option(
      names = "--inference",
      description =
          "Measure batches of inference, forward alone with weights stored at the worker, in place"
              + " of training steps.")
  private boolean inference;

  @Option(
      names = "--dp-sgd",
      description =
          "Measure what gradients of single images cost in DP-SGD, in place of the modes: each"
              + " layer by each method, and a step with them over one without.")
  private boolean dpSgd;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write all costs there, by layer and kind of work; with --sweep its table.")
  private @Nullable Path json;

  @Option(
      names = "--svg",
      paramLabel = "FILE",
      description =
          "Draw the trusted side's time there, by layer and kind of work; with --sweep by its"
              + " values.")
  private @Nullable Path svg;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (dpSgd) {
      return perExample(out);
    }
    BenchSpec asked = UsageErrors.checked(spec, this::asked);
    List<BenchPoint> points =
        UsageErrors.checked(
            spec, () -> sweep == null ? List.of(BenchPoint.of(asked)) : sweep.points(asked));
    Benchmark benchmark = new Benchmark(asked, new Progress(asked.rounds(), out));
    BenchTable table = new BenchTable(asked, out);
    BenchFile file = new BenchFile(asked, benchmark.rates(), Build.version());
    table.printHeader(points, benchmark.rates(), describeWorker());
    if (sweep != null) {
      SweepResult result = benchmark.run(sweep);
      out.println();
      table.print(result);
      if (json != null) {
        file.write(json, result);
      }
      written(path -> SweepChart.write(result, path));
    } else {
      BenchResult result = benchmark.run(points.getFirst());
      out.println();
      table.print(result);
      if (enclaveSlowdown != null) {
        table.printProjection(result, enclaveSlowdown);
      }
      if (json != null) {
        file.write(
            json,
            result,
            enclaveSlowdown == null ? OptionalDouble.empty() : OptionalDouble.of(enclaveSlowdown));
      }
      written(path -> BenchChart.write(result, path));
    }
    return ExitCode.OK;
  }

  private int perExample(PrintWriter out) throws IOException {
    PerExampleBench bench =
        UsageErrors.checked(
            spec,
            () -> {
              requireAlone();
              Shape images = new Shape(imageSize, imageSize, 3);
              Graph graph = network.model().graph(images, CLASSES, network.norm());
              Kernels.setThreads(processes.processes(1, Verification.OFF).threads());
              return new PerExampleBench(DpSgd.DEFAULT.plan(graph, batchSize), steps + warmUp);
            });
    PerExampleTable table = new PerExampleTable(out);
    table.print(bench.layers());
    out.println();
    table.print(bench.step());
    out.flush();
    return ExitCode.OK;
  }

  /// Nothing that is asked for is silently left out.
  private void requireAlone() {
    if (network.norm() == Zoo.Norm.BATCH && !network.model().described()) {
      throw new IllegalArgumentException(
          "batch norm mixes the images of a batch: --dp-sgd needs --norm group");
    }
    for (String option :
        List.of(
            "--modes",
            "--rank",
            "--decomposer",
            "--trusted-layers",
            "--noise-ratio",
            "--update",
            "--shield",
            "--worker",
            "--worker-delay",
            "--verify",
            "--enclave-slowdown",
            "--inference",
            "--sweep",
            "--json",
            "--svg")) {
      if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
        throw new IllegalArgumentException("--dp-sgd does not go with " + option);
      }
    }
  }

  /// Draws what was measured, and says what was written.
  private void written(Drawing drawing) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (json != null) {
      out.println("written  " + json);
    }
    if (svg != null) {
      if (Charts.hasFonts()) {
        out.println("written  " + String.join(", ", drawing.write(svg)));
      } else {
        spec.commandLine().getErr().println(Charts.noFonts(svg));
      }
    }
    out.flush();
  }

  /// Draws a result.
  private interface Drawing {
    /// @return the paths written
    List<String> write(Path file) throws IOException;
  }

  /// A line for each turn.
  private record Progress(BenchSpec.Rounds rounds, PrintWriter out) implements BenchListener {
    @Override
    public void warmingUp(String place, Mode mode) {
      say("warm-up: %s, %s".formatted(place, mode.label()));
    }

    @Override
    public void measuring(int round, String place, Mode mode) {
      say(
          "round %s of %s: %s%s"
              .formatted(
                  round, rounds.rounds(), place.isEmpty() ? "" : place + ", ", mode.label()));
    }

    private void say(String what) {
      out.println(what + " ...");
      out.flush();
    }
  }

  private String describeWorker() {
    return workerDelay == null
        ? processes.worker().toString()
        : "EMULATED: computes nothing, answers each request after %s microseconds"
            .formatted(workerDelay);
  }

  /// What is to be measured.
  ///
  /// @throws IllegalArgumentException with the rule that a value breaks
  private BenchSpec asked() {
    if (enclaveSlowdown != null && !(enclaveSlowdown >= 1 && enclaveSlowdown < 1e6)) {
      throw new IllegalArgumentException("--enclave-slowdown must be at least 1");
    }
    if (sweep != null) {
      checkSweep(sweep);
    }
    Shield shielding = shield.shield();
    boolean shares = shielding.masks();
    BenchSpec asked = asked(shielding, shares);
    return inference ? asked.ofInference() : asked;
  }

  private BenchSpec asked(Shield shielding, boolean shares) {
    return new BenchSpec(
        new BenchSpec.Network(network.model(), network.norm(), imageSize, batchSize),
        new BenchSpec.Split(
            modes,
            rank != null ? rank : RankPolicy.parse(shares ? "0" : "schedule:2:32"),
            decomposer,
            trustedLayers,
            noiseRatio != null ? noiseRatio : shares ? 1000 : 0.1,
            shielding,
            update),
        new BenchSpec.Rounds(steps, warmUp, rounds),
        asked(processes.processes(chunks.number(), verify.verification())));
  }

  private BenchSpec.Processes asked(BenchSpec.Processes given) {
    if (workerDelay == null) {
      return given;
    }
    if (!processes.worker().equals(new WorkerChoice.Local(WorkerChoice.Local.CPU))) {
      throw new IllegalArgumentException("give one of --worker and --worker-delay");
    }
    if (!given.verification().equals(Verification.OFF)) {
      throw new IllegalArgumentException(
          "--verify does not go with --worker-delay: there are no results to check");
    }
    return given.emulated(workerDelay);
  }

  private void checkSweep(BenchSweep given) {
    String option = "--" + given.key().label();
    if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
      throw new IllegalArgumentException(
          "give one of %s and --sweep %s:...".formatted(option, given.key().label()));
    }
    if (enclaveSlowdown != null) {
      throw new IllegalArgumentException("--enclave-slowdown does not go with --sweep");
    }
  }
}
